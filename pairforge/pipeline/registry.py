"""Every step and every shipped recipe, by name; listing them loads no step and no heavy library."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pairforge.errors import OptionsError
from pairforge.option_faults import nearest_names

if TYPE_CHECKING:
    from pairforge.execution.step import Step


@dataclass(frozen=True)
class Entry:
    """Where a step lives.

    Args:
        module: The module that defines it, as its attribute `STEP`.
        summary: One sentence for lists of steps.
    """

    module: str
    summary: str


STEPS: Mapping[str, Entry] = MappingProxyType(
    {
        "convert-nli": Entry(
            "pairforge.steps.convert_nli", "Turn NLI rows into pairs, triplets, scored or labelled pairs."
        ),
        "add-noise": Entry(
            "pairforge.steps.add_noise", "Set a damaged form beside each text, to be trained with TSDAE."
        ),
        "pair-texts": Entry("pairforge.steps.pair_texts", "Make pairs of plain texts, without labels."),
        "pair-judged": Entry(
            "pairforge.steps.pair_judged", "Pair queries with the documents that are judged relevant to them."
        ),
        "mine-negatives": Entry("pairforge.steps.mine_negatives", "Give each pair texts that are near but no answer."),
        "generate-negatives": Entry(
            "pairforge.steps.generate_negatives", "Let a language model write hard negatives, and verify each."
        ),
        "generate-queries": Entry(
            "pairforge.steps.generate_queries", "Let a language model write queries that find their document."
        ),
        "generate-paraphrases": Entry(
            "pairforge.steps.generate_paraphrases", "Let a language model say texts in other words, for positives."
        ),
        "generate-nli": Entry(
            "pairforge.steps.generate_nli", "Let a language model write what follows from texts, may be, or cannot be."
        ),
        "generate-sts": Entry(
            "pairforge.steps.generate_sts", "Let a language model write sentences of a wanted similarity to texts."
        ),
        "judge": Entry("pairforge.steps.judge", "Let a language model judge pairs, or the negatives of a corpus."),
        "sweep-negatives": Entry(
            "pairforge.steps.sweep_negatives", "Tabulate what settings of mine-negatives give, and their false share."
        ),
        "decontaminate": Entry("pairforge.steps.decontaminate", "Drop the rows that share a text with a test set."),
        "take-rows": Entry("pairforge.steps.take_rows", "Take some consecutive rows of a corpus, as they stand."),
        "list-texts": Entry("pairforge.steps.list_texts", "List the texts of a corpus of any shape, each once."),
        "split-corpus": Entry("pairforge.steps.split_corpus", "Cut a corpus into sides that share no text."),
        "propose-pairs": Entry("pairforge.steps.propose_pairs", "Propose pairs of sentences that are worth scoring."),
        "score-pairs": Entry("pairforge.steps.score_pairs", "Give pairs the silver scores of a cross-encoder."),
        "label-margins": Entry("pairforge.steps.label_margins", "Label each negative with a cross-encoder's margin."),
        "distil-scores": Entry("pairforge.steps.distil_scores", "Give pairs, n-tuples or lists a teacher's scores."),
        "sample-silver": Entry(
            "pairforge.steps.sample_silver", "Choose scored pairs whose scores are spread as gold's."
        ),
        "merge-silver": Entry("pairforge.steps.merge_silver", "Put silver pairs below gold ones, each pair once."),
        "classify-texts": Entry(
            "pairforge.steps.classify_texts", "Give texts their class, by an encoder with a classification head."
        ),
        "init-model": Entry("pairforge.training.init_model", "Make a fresh model with random weights."),
        "find-learning-rate": Entry(
            "pairforge.training.find_learning_rate", "Try rising learning rates, a step each, and suggest one."
        ),
        "train": Entry(
            "pairforge.training.train", "Train an encoder, cross-encoder or other model on a corpus of any shape."
        ),
        "merge": Entry("pairforge.training.merge", "Average the weights of models trained from the same start."),
        "shrink": Entry(
            "pairforge.evaluation.shrinking.shrink", "Tabulate smaller vectors of a model, and write a smaller model."
        ),
        "evaluate": Entry(
            "pairforge.evaluation.evaluate",
            "Judge models of any kind by pairs, search, classes and clusters, with intervals.",
        ),
    }
)
"""Every step by the name that the command line and recipes call it by, in the order of a usual run."""

AUGMENT_SUMMARY = "Make many scored pairs of few: a cross-encoder learns from gold and scores others (Augmented SBERT)."
"""What `augment`, the chain of several steps and a training, does."""

COMPARE_SUMMARY = "Find out which corpus is better: one student, equal steps, several seeds, ranked with intervals."
"""What `compare` does, the trainings and judgements that it chains."""


def load_step(name: str, steps: Mapping[str, Entry] = STEPS) -> Step:
    """The record of a step; imports its module and nothing else of the kind.

    Raises:
        OptionsError: no step has this name; the nearest names are given.
    """
    if name not in steps:
        raise OptionsError(f"there is no step '{name}'; {nearest_names(name, steps)}.")
    step: Step = importlib.import_module(steps[name].module).STEP
    return step


@dataclass(frozen=True)
class ShippedRecipe:
    """A recipe that comes with pairforge.

    Args:
        name: What `pairforge run NAME` takes: its path in the folder of recipes, less the ending (`book/softmax`).
        path: The file.
        description: What it does, in one sentence.
    """

    name: str
    path: Path
    description: str


def shipped_folder(name: str) -> Path:
    """A folder that is shipped beside the package: `recipes` or `examples`.

    In a wheel it lies in `pairforge/shipped`; in a checkout, at the root of the repository.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "shipped" / name
    return installed if installed.is_dir() else package.parent / name


def shipped_recipes() -> list[ShippedRecipe]:
    """The recipes that come with pairforge, by name."""
    folder = shipped_folder("recipes")
    paths = [*sorted(folder.glob("*.toml")), *sorted(folder.glob("*/*.toml"))]
    return [_described(path, path.relative_to(folder).with_suffix("").as_posix()) for path in paths]


def _described(path: Path, name: str) -> ShippedRecipe:
    with path.open("rb") as file:
        return ShippedRecipe(name, path, str(tomllib.load(file).get("description", "")))
