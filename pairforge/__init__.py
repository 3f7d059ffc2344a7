"""pairforge: build, mine and judge training data for embedding models.

The whole public interface. Each name is loaded when it is first used: importing the package loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pairforge.errors import FileError as FileError
    from pairforge.errors import FrameError as FrameError
    from pairforge.errors import MissingExtraError as MissingExtraError
    from pairforge.errors import ModelError as ModelError
    from pairforge.errors import OptionsError as OptionsError
    from pairforge.errors import PairforgeError as PairforgeError
    from pairforge.errors import RecipeError as RecipeError
    from pairforge.errors import StageError as StageError
    from pairforge.errors import Stopped as Stopped
    from pairforge.evaluation.evaluate import evaluate as evaluate
    from pairforge.evaluation.options import EvaluateOptions as EvaluateOptions
    from pairforge.evaluation.shrinking.shrink import ShrinkOptions as ShrinkOptions
    from pairforge.evaluation.shrinking.shrink import shrink as shrink
    from pairforge.execution.ledger import Ledger as Ledger
    from pairforge.execution.step import StepContext as StepContext
    from pairforge.files import read_frame as read_frame
    from pairforge.files import write_frame as write_frame
    from pairforge.generators import GeneratorRequest as GeneratorRequest
    from pairforge.generators import TextGenerator as TextGenerator
    from pairforge.models import Encoder as Encoder
    from pairforge.models import ImageEncoder as ImageEncoder
    from pairforge.models import ModelKind as ModelKind
    from pairforge.models import ModelRequest as ModelRequest
    from pairforge.models import ModelSpec as ModelSpec
    from pairforge.models import PairScorer as PairScorer
    from pairforge.models import TextMatcher as TextMatcher
    from pairforge.pipeline.augment import augment as augment
    from pairforge.pipeline.augment_options import AugmentOptions as AugmentOptions
    from pairforge.pipeline.compare import compare as compare
    from pairforge.pipeline.compare_options import CompareOptions as CompareOptions
    from pairforge.pipeline.runner import StageReport
    from pairforge.steps.add_noise import AddNoiseOptions as AddNoiseOptions
    from pairforge.steps.add_noise import add_noise as add_noise
    from pairforge.steps.classify_texts import ClassifyTextsOptions as ClassifyTextsOptions
    from pairforge.steps.classify_texts import classify_texts as classify_texts
    from pairforge.steps.convert_nli import ConvertNliOptions as ConvertNliOptions
    from pairforge.steps.convert_nli import convert_nli as convert_nli
    from pairforge.steps.decontaminate import DecontaminateOptions as DecontaminateOptions
    from pairforge.steps.decontaminate import decontaminate as decontaminate
    from pairforge.steps.distil_scores import DistilScoresOptions as DistilScoresOptions
    from pairforge.steps.distil_scores import distil_scores as distil_scores
    from pairforge.steps.generate_negatives import GenerateNegativesOptions as GenerateNegativesOptions
    from pairforge.steps.generate_negatives import generate_negatives as generate_negatives
    from pairforge.steps.generate_nli import GenerateNliOptions as GenerateNliOptions
    from pairforge.steps.generate_nli import generate_nli as generate_nli
    from pairforge.steps.generate_paraphrases import GenerateParaphrasesOptions as GenerateParaphrasesOptions
    from pairforge.steps.generate_paraphrases import generate_paraphrases as generate_paraphrases
    from pairforge.steps.generate_queries import GenerateQueriesOptions as GenerateQueriesOptions
    from pairforge.steps.generate_queries import generate_queries as generate_queries
    from pairforge.steps.generate_sts import GenerateStsOptions as GenerateStsOptions
    from pairforge.steps.generate_sts import generate_sts as generate_sts
    from pairforge.steps.judge import JudgeOptions as JudgeOptions
    from pairforge.steps.judge import judge as judge
    from pairforge.steps.label_margins import LabelMarginsOptions as LabelMarginsOptions
    from pairforge.steps.label_margins import label_margins as label_margins
    from pairforge.steps.list_texts import ListTextsOptions as ListTextsOptions
    from pairforge.steps.list_texts import list_texts as list_texts
    from pairforge.steps.merge_silver import MergeSilverOptions as MergeSilverOptions
    from pairforge.steps.merge_silver import merge_silver as merge_silver
    from pairforge.steps.mine_negatives import MineNegativesOptions as MineNegativesOptions
    from pairforge.steps.mine_negatives import mine_negatives as mine_negatives
    from pairforge.steps.pair_judged import PairJudgedOptions as PairJudgedOptions
    from pairforge.steps.pair_judged import pair_judged as pair_judged
    from pairforge.steps.pair_texts import PairTextsOptions as PairTextsOptions
    from pairforge.steps.pair_texts import pair_texts as pair_texts
    from pairforge.steps.propose_pairs import ProposePairsOptions as ProposePairsOptions
    from pairforge.steps.propose_pairs import propose_pairs as propose_pairs
    from pairforge.steps.sample_silver import SampleSilverOptions as SampleSilverOptions
    from pairforge.steps.sample_silver import sample_silver as sample_silver
    from pairforge.steps.score_pairs import ScorePairsOptions as ScorePairsOptions
    from pairforge.steps.score_pairs import score_pairs as score_pairs
    from pairforge.steps.split_corpus import SplitCorpusOptions as SplitCorpusOptions
    from pairforge.steps.split_corpus import split_corpus as split_corpus
    from pairforge.steps.sweep_negatives import SweepNegativesOptions as SweepNegativesOptions
    from pairforge.steps.sweep_negatives import sweep_negatives as sweep_negatives
    from pairforge.steps.take_rows import TakeRowsOptions as TakeRowsOptions
    from pairforge.steps.take_rows import take_rows as take_rows
    from pairforge.training.find_learning_rate import find_learning_rate as find_learning_rate
    from pairforge.training.init_model import init_model as init_model
    from pairforge.training.merge import MergeOptions as MergeOptions
    from pairforge.training.merge import merge as merge
    from pairforge.training.options import FindLearningRateOptions as FindLearningRateOptions
    from pairforge.training.options import InitModelOptions as InitModelOptions
    from pairforge.training.options import TrainOptions as TrainOptions
    from pairforge.training.train import train as train

_HOMES = {
    "pairforge.errors": (
        "FileError", "FrameError", "MissingExtraError", "ModelError", "OptionsError", "PairforgeError", "RecipeError",
        "StageError", "Stopped",
    ),
    "pairforge.evaluation.evaluate": ("evaluate",),
    "pairforge.evaluation.options": ("EvaluateOptions",),
    "pairforge.evaluation.shrinking.shrink": ("ShrinkOptions", "shrink"),
    "pairforge.execution.ledger": ("Ledger",),
    "pairforge.execution.step": ("StepContext",),
    "pairforge.files": ("read_frame", "write_frame"),
    "pairforge.generators": ("GeneratorRequest", "TextGenerator"),
    "pairforge.models": (
        "Encoder",
        "ImageEncoder",
        "ModelKind",
        "ModelRequest",
        "ModelSpec",
        "PairScorer",
        "TextMatcher",
    ),
    "pairforge.steps.add_noise": ("AddNoiseOptions", "add_noise"),
    "pairforge.pipeline.augment": ("augment",),
    "pairforge.pipeline.augment_options": ("AugmentOptions",),
    "pairforge.pipeline.compare": ("compare",),
    "pairforge.pipeline.compare_options": ("CompareOptions",),
    "pairforge.steps.convert_nli": ("ConvertNliOptions", "convert_nli"),
    "pairforge.steps.decontaminate": ("DecontaminateOptions", "decontaminate"),
    "pairforge.steps.mine_negatives": ("MineNegativesOptions", "mine_negatives"),
    "pairforge.steps.sweep_negatives": ("SweepNegativesOptions", "sweep_negatives"),
    "pairforge.steps.pair_judged": ("PairJudgedOptions", "pair_judged"),
    "pairforge.steps.pair_texts": ("PairTextsOptions", "pair_texts"),
    "pairforge.steps.distil_scores": ("DistilScoresOptions", "distil_scores"),
    "pairforge.steps.generate_negatives": ("GenerateNegativesOptions", "generate_negatives"),
    "pairforge.steps.generate_nli": ("GenerateNliOptions", "generate_nli"),
    "pairforge.steps.generate_paraphrases": ("GenerateParaphrasesOptions", "generate_paraphrases"),
    "pairforge.steps.generate_sts": ("GenerateStsOptions", "generate_sts"),
    "pairforge.steps.generate_queries": ("GenerateQueriesOptions", "generate_queries"),
    "pairforge.steps.judge": ("JudgeOptions", "judge"),
    "pairforge.steps.classify_texts": ("ClassifyTextsOptions", "classify_texts"),
    "pairforge.steps.label_margins": ("LabelMarginsOptions", "label_margins"),
    "pairforge.steps.merge_silver": ("MergeSilverOptions", "merge_silver"),
    "pairforge.steps.propose_pairs": ("ProposePairsOptions", "propose_pairs"),
    "pairforge.steps.sample_silver": ("SampleSilverOptions", "sample_silver"),
    "pairforge.steps.score_pairs": ("ScorePairsOptions", "score_pairs"),
    "pairforge.steps.split_corpus": ("SplitCorpusOptions", "split_corpus"),
    "pairforge.steps.take_rows": ("TakeRowsOptions", "take_rows"),
    "pairforge.steps.list_texts": ("ListTextsOptions", "list_texts"),
    "pairforge.training.find_learning_rate": ("find_learning_rate",),
    "pairforge.training.init_model": ("init_model",),
    "pairforge.training.merge": ("MergeOptions", "merge"),
    "pairforge.training.options": ("FindLearningRateOptions", "InitModelOptions", "TrainOptions"),
    "pairforge.training.train": ("train",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AddNoiseOptions",
    "AugmentOptions",
    "ClassifyTextsOptions",
    "CompareOptions",
    "ConvertNliOptions",
    "DecontaminateOptions",
    "DistilScoresOptions",
    "Encoder",
    "EvaluateOptions",
    "FileError",
    "FindLearningRateOptions",
    "FrameError",
    "GenerateNegativesOptions",
    "GenerateNliOptions",
    "GenerateParaphrasesOptions",
    "GenerateQueriesOptions",
    "GenerateStsOptions",
    "GeneratorRequest",
    "ImageEncoder",
    "InitModelOptions",
    "JudgeOptions",
    "LabelMarginsOptions",
    "Ledger",
    "ListTextsOptions",
    "MergeOptions",
    "MergeSilverOptions",
    "MineNegativesOptions",
    "MissingExtraError",
    "ModelError",
    "ModelKind",
    "ModelRequest",
    "ModelSpec",
    "OptionsError",
    "PairJudgedOptions",
    "PairScorer",
    "PairTextsOptions",
    "PairforgeError",
    "ProposePairsOptions",
    "RecipeError",
    "SampleSilverOptions",
    "ScorePairsOptions",
    "ShrinkOptions",
    "SplitCorpusOptions",
    "StageError",
    "StepContext",
    "Stopped",
    "SweepNegativesOptions",
    "TakeRowsOptions",
    "TextGenerator",
    "TextMatcher",
    "TrainOptions",
    "add_noise",
    "augment",
    "classify_texts",
    "compare",
    "convert_nli",
    "decontaminate",
    "distil_scores",
    "evaluate",
    "find_learning_rate",
    "find_model",
    "generate_negatives",
    "generate_nli",
    "generate_paraphrases",
    "generate_queries",
    "generate_sts",
    "init_model",
    "judge",
    "label_margins",
    "list_texts",
    "load_encoder",
    "load_generator",
    "load_matcher",
    "load_scorer",
    "merge",
    "merge_silver",
    "mine_negatives",
    "pair_judged",
    "pair_texts",
    "propose_pairs",
    "read_frame",
    "run_recipe",
    "sample_silver",
    "score_pairs",
    "shrink",
    "split_corpus",
    "sweep_negatives",
    "take_rows",
    "train",
    "write_frame",
]


def find_model(model: str | ModelRequest) -> ModelSpec:
    """Find a model's files, without loading them: what `train` starts from and `init_model` takes a tokenizer from.

    Args:
        model: A folder, a hub name or a request with settings; looked for in that order in local folders, the hub
            cache, the embedded models and the hub.

    Raises:
        ModelError: it cannot be found.
    """
    from pairforge.model_files import resolve  # noqa: PLC0415 - importing the package loads nothing heavy
    from pairforge.models import ModelKind  # noqa: PLC0415 - loaded when it is used

    return resolve(_request(model), ModelKind.WEIGHTS)


def load_encoder(model: str | ModelRequest) -> Encoder:
    """Find and load an encoder; see `find_model` for where it is looked for.

    Raises:
        ModelError: it cannot be found, or is no encoder.
    """
    from pairforge.engines.encoders import load_encoder as load  # noqa: PLC0415 - loaded when it is used
    from pairforge.model_files import resolve  # noqa: PLC0415 - loaded when it is used
    from pairforge.models import ModelKind  # noqa: PLC0415 - loaded when it is used

    return load(resolve(_request(model), ModelKind.ENCODER))


def load_generator(model: str | GeneratorRequest) -> TextGenerator:
    """Find and load a language model.

    Args:
        model: `vllm:MODEL`, `openai:MODEL`, `seq2seq:MODEL`, or a request with settings (server, temperature …).

    Raises:
        ModelError: it cannot be found or used; whether a server answers is only seen when it is asked.
        MissingExtraError: its engine is not installed.
    """
    from pairforge.engines.loading import load_generator as load  # noqa: PLC0415 - loaded when it is used
    from pairforge.generator_files import find_generator  # noqa: PLC0415 - loaded when it is used
    from pairforge.generators import GeneratorRequest  # noqa: PLC0415 - loaded when it is used

    return load(find_generator(GeneratorRequest(name=model) if isinstance(model, str) else model))


def load_matcher(model: str | ModelRequest) -> TextMatcher:
    """Find and load what compares texts without a dense vector for each: to be judged beside encoders.

    Args:
        model: `bm25`, `tfidf`, a sparse encoder or a late-interaction model; see `find_model` for where it is looked
            for.

    Raises:
        ModelError: it cannot be found, or is none of these.
    """
    from pairforge.engines.loading import load_matcher as load  # noqa: PLC0415 - loaded when it is used
    from pairforge.model_files import resolve  # noqa: PLC0415 - loaded when it is used
    from pairforge.models import ModelKind  # noqa: PLC0415 - loaded when it is used

    return load(resolve(_request(model), ModelKind.MATCHER))


def load_scorer(model: str | ModelRequest) -> PairScorer:
    """Find and load a cross-encoder; see `find_model` for where it is looked for.

    Raises:
        ModelError: it cannot be found, or is no cross-encoder.
    """
    from pairforge.engines.scorers import load_scorer as load  # noqa: PLC0415 - loaded when it is used
    from pairforge.model_files import resolve  # noqa: PLC0415 - loaded when it is used
    from pairforge.models import ModelKind  # noqa: PLC0415 - loaded when it is used

    return load(resolve(_request(model), ModelKind.SCORER))


def run_recipe(
    recipe: str | Path,
    settings: Sequence[str] = (),
    *,
    start: str | None = None,
    only: str | None = None,
    overwrite: bool = False,
) -> list[StageReport]:
    """Bring every stage of a recipe up to date.

    Args:
        recipe: A recipe's file, or the name of a shipped one.
        settings: `setting=value` or `stage.key=value`, as for `pairforge run --set`.
        start: The first stage that is looked at; those before it are used as they are.
        only: The one stage that is looked at.
        overwrite: Whether outputs of other making may be replaced.

    Returns:
        What came of each stage that was looked at; `.evaluation` of one that evaluates has its scores.

    Raises:
        RecipeError: the recipe is wrong; the message lists every fault.
        PairforgeError: a stage failed; the message names it.
    """
    from pairforge.pipeline.runner import run  # noqa: PLC0415 - loaded when it is used
    from pairforge.pipeline.schema import read_recipe  # noqa: PLC0415 - loaded when it is used

    return run(read_recipe(recipe, settings), start=start, only=only, overwrite=overwrite)


def _request(model: str | ModelRequest) -> ModelRequest:
    from pairforge.models import ModelRequest  # noqa: PLC0415 - loaded when it is used

    return ModelRequest(name=model) if isinstance(model, str) else model


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'pairforge' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
