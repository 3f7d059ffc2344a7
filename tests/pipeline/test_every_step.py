"""What holds for every registered step, tried on a tiny input of its own."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pairforge.cache import cache_folder
from pairforge.engines.classification_heads import ClassificationHead
from pairforge.engines.loading import load
from pairforge.execution.manifest import read_manifest
from pairforge.execution.stage import FileInput, Outcome, Stage, check_stage, run_stage
from pairforge.execution.step import Artifact, Step
from pairforge.files import digest_path, read_frame
from pairforge.generators import FoundModel, GeneratorSpec, request_type
from pairforge.pipeline.registry import STEPS, load_step
from tests.fakes import ScriptedGenerator
from tests.tiny_models import save_cross_encoder

ROWS = 12
NLI = pl.DataFrame(
    [
        {"premise": f"premise {row}", "hypothesis": f"{word} of {row}", "label": label, "source": row}
        for row in range(ROWS)
        for label, word in enumerate(("what follows", "what may be", "what cannot be"))
    ]
)
PAIRS = pl.DataFrame(
    {"anchor": [f"anchor {row}" for row in range(ROWS)], "positive": [f"right for {row}" for row in range(ROWS)]}
).with_columns(source=pl.int_range(ROWS))
TRIPLETS = PAIRS.with_columns(negative=pl.lit("wrong for ") + pl.col("anchor"))
PLAIN = pl.DataFrame({"text": [f"premise {row} and what follows" for row in range(ROWS)]}).with_columns(
    source=pl.int_range(ROWS)
)
SCORED = pl.DataFrame(
    {"sentence1": ["one cat", "two dogs", "rain"], "sentence2": ["a cat", "a car", "wind"], "score": [1.0, 0.2, 0.4]}
)
TEXTS = pl.DataFrame({"text": ["three cats", "a bus", "much rain"]})
SILVER = SCORED.with_columns(sentence2=pl.col("sentence2") + "s", proposed_by=pl.lit("bm25"))


@dataclass(frozen=True)
class Trial:
    """The least that a step needs: options, input frames by role, models by role."""

    options: Mapping[str, Any] = field(default_factory=dict)
    frames: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


WRITER = "openai:scripted"
"""A language model that answers each step's prompt, as its script says."""


def digest_in(text: str) -> str:
    """Eight letters that hang on a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def written_negatives(prompt: str) -> str:
    texts = [f"wrong {digest_in(f'{number} {prompt}')}" for number in range(3)]
    return json.dumps({"negatives": [{"kind": "contradiction", "text": text} for text in texts]})


def verdict(prompt: str) -> str:
    return json.dumps({"reason": "so", "grade": int(digest_in(prompt), 16) % 4, "sure": "7" not in prompt})


def written_queries(prompt: str) -> str:
    document = prompt.split("\n")[2]
    texts = [f"what is {document.split()[1]}", f"{digest_in(prompt)} {document.split()[1]}"]
    return json.dumps({"queries": [{"kind": "keyword", "text": text} for text in texts]})


def _written(field: str, kinds: tuple[str, ...]) -> Callable[[str], str]:
    def script(prompt: str) -> str:
        texts = [{"kind": kind, "text": f"{digest_in(kind + prompt)} and so on"} for kind in kinds]
        return json.dumps({field: texts})

    return script


SCRIPTS: Mapping[str, Callable[[str], str]] = {
    "generate-paraphrases": _written("paraphrases", ("", " ")),
    "generate-nli": _written("hypotheses", ("neutral", "entailed", "contradicted")),
    "generate-sts": _written("sentences", ("5", "2")),
    "generate-negatives": written_negatives,
    "generate-queries": written_queries,
    "judge": verdict,
}


def loading(name: str) -> Callable[[FoundModel], object]:
    """Loads models, and the scripted one of a step in the place of any language model."""

    def loaded(spec: FoundModel) -> object:
        return ScriptedGenerator(SCRIPTS[name]) if isinstance(spec, GeneratorSpec) else load(spec)

    return loaded


def run_trial(stage: Stage, **means: Any) -> Outcome:
    return run_stage(stage, cache=cache_folder(), load=loading(stage.step.name), **means)


def beside(model: str, name: str) -> str:
    """Another model that the tests made, in the same folder."""
    return str(Path(model).with_name(name))


def with_head(model: str) -> str:
    """A copy of the encoder with a classification head."""
    folder = Path(model).parent / "classifier"
    if not folder.exists():
        shutil.copytree(model, folder)
        weight = np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8)
        ClassificationHead(("first", "second"), weight, np.zeros(2, np.float32)).save(folder)
    return str(folder)


TRIALS: Mapping[str, Callable[[Path, str], Trial]] = {
    "convert-nli": lambda folder, model: Trial(frames={"nli": NLI}),
    "mine-negatives": lambda folder, model: Trial(
        {"num_negatives": 2, "relative_margin": 0}, {"pairs": PAIRS}, {"encoder": (model,)}
    ),
    "add-noise": lambda folder, model: Trial({"noise": ("swap", "delete"), "copies": 2}, {"texts": PLAIN}),
    "pair-texts": lambda folder, model: Trial(
        {"by": "nearest", "min_similarity": -1}, {"texts": PLAIN}, {"encoder": (model,)}
    ),
    "generate-negatives": lambda folder, model: Trial(
        {"num_negatives": 2, "max_similarity": 1.0, "limit": 10},
        {"pairs": PAIRS},
        {"generator": (WRITER,), "encoder": (model,)},
    ),
    "generate-queries": lambda folder, model: Trial(
        {"num_queries": 2, "top_k": 6}, {"documents": PLAIN}, {"generator": (WRITER,), "encoder": (model,)}
    ),
    "generate-paraphrases": lambda folder, model: Trial(
        {"num_paraphrases": 2, "min_similarity": -1}, {"texts": PLAIN}, {"generator": (WRITER,), "encoder": (model,)}
    ),
    "generate-nli": lambda folder, model: Trial({}, {"premises": PLAIN}, {"generator": (WRITER,)}),
    "generate-sts": lambda folder, model: Trial({"grade": ("2", "5")}, {"texts": PLAIN}, {"generator": (WRITER,)}),
    "judge": lambda folder, model: Trial(
        {"policy": "relabel"},
        {
            "corpus": TRIPLETS.with_columns(negative_1="negative", negative_2=pl.lit("other ") + pl.col("anchor")).drop(
                "negative"
            )
        },
        {"generator": (WRITER,), "second_generator": (WRITER,), "scorer": (beside(model, "cross-encoder"),)},
    ),
    "sweep-negatives": lambda folder, model: Trial(
        {"num_negatives": 2, "min_rank": (1, 4), "clusters": ("none", 2), "label_column": "source"},
        {"pairs": PAIRS},
        {"encoder": (model,)},
    ),
    "decontaminate": lambda folder, model: Trial(frames={"corpus": PAIRS, "against": PAIRS.head(3)}),
    "pair-judged": lambda folder, model: Trial(
        {},
        {
            "qrels": pl.DataFrame({"query_id": ["a", "b"], "doc_id": ["1", "2"], "relevance": [1, 2]}),
            "queries": pl.DataFrame({"query_id": ["a", "b"], "text": ["one?", "two?"]}),
            "corpus": pl.DataFrame({"doc_id": ["1", "2"], "text": ["it is one", "they are two"]}),
        },
    ),
    "take-rows": lambda folder, model: Trial({"rows": 4, "skip": 2}, {"corpus": PAIRS}),
    "list-texts": lambda folder, model: Trial(frames={"corpus": PAIRS}),
    "split-corpus": lambda folder, model: Trial({"dev": 0.2, "test": 0.2}, {"corpus": PAIRS}),
    "propose-pairs": lambda folder, model: Trial(
        {"by": "bm25+semantic", "top_k": 2}, {"gold": SCORED, "texts": TEXTS}, {"encoder": (model,)}
    ),
    "score-pairs": lambda folder, model: Trial(
        {"calibrate": "isotonic"}, {"pairs": SCORED}, {"scorer": (beside(model, "cross-encoder"),)}
    ),
    "label-margins": lambda folder, model: Trial(
        {}, {"triplets": TRIPLETS}, {"scorer": (beside(model, "cross-encoder"),)}
    ),
    "distil-scores": lambda folder, model: Trial({"to": "n-tuple"}, {"corpus": TRIPLETS}, {"encoder": (model,)}),
    "sample-silver": lambda folder, model: Trial({"num_silver": 2}, {"silver": SCORED, "gold": SCORED}),
    "merge-silver": lambda folder, model: Trial(frames={"gold": SCORED, "silver": SILVER}),
    "classify-texts": lambda folder, model: Trial({}, {"texts": PLAIN}, {"encoder": (with_head(model),)}),
    "init-model": lambda folder, model: Trial(
        {"kind": "static", "dimension": 8, "tokenizer_from": "corpus"}, {"corpus": PAIRS}
    ),
    "train": lambda folder, model: Trial({"batch_size": 4, "max_steps": 2}, {"corpus": PAIRS}, {"base": (model,)}),
    "find-learning-rate": lambda folder, model: Trial(
        {"batch_size": 4, "num_rates": 10}, {"corpus": PAIRS}, {"base": (model,)}
    ),
    "merge": lambda folder, model: Trial(models={"models": (model, model)}),
    "shrink": lambda folder, model: Trial(
        {"dimension": (8, 4), "bootstrap_samples": 100, "keep": 4}, {"judge": PAIRS}, {"encoder": (model,)}
    ),
    "evaluate": lambda folder, model: Trial(
        {"task": (f"sts:{folder / 'scored.parquet'}",), "bootstrap_samples": 100}, {}, {"models": (model,)}
    ),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A static encoder with a vocabulary of its own, made by the step itself; a cross-encoder lies beside it."""
    folder = tmp_path_factory.mktemp("model")
    save_cross_encoder(folder / "cross-encoder")
    NLI.write_parquet(folder / "nli.parquet")
    step = load_step("init-model")
    options = step.options.model_validate({"kind": "static", "dimension": 8, "tokenizer_from": "corpus"})
    inputs = {"corpus": FileInput((str(folder / "nli.parquet"),))}
    stage = Stage(step, options, inputs, outputs={"model": folder / "tiny.model"})
    return str(run_stage(stage, cache=folder / "cache").outputs["model"])


@pytest.fixture
def make(tmp_path: Path, model: str) -> Callable[[str, str], Stage]:
    """Makes the stage of a step's trial, its output under a name of its own."""
    SCORED.write_parquet(tmp_path / "scored.parquet")

    def stage(name: str, out: str = "out") -> Stage:
        step, trial = load_step(name), TRIALS[name](tmp_path, model)
        for role, frame in trial.frames.items():
            frame.write_parquet(tmp_path / f"{role}.parquet")
        options = step.options.model_validate(trial.options)
        main, made = next(iter(step.outputs(options).items()))
        suffix = made.suffix if isinstance(made, Artifact) else ".parquet"
        return Stage(
            step,
            options,
            {role: FileInput((str(tmp_path / f"{role}.parquet"),)) for role in trial.frames},
            {
                role: tuple(request_type(step.models[role].kind)(name=named) for named in names)
                for role, names in trial.models.items()
            },
            {main: tmp_path / f"{out}{suffix}"},
        )

    return stage


def main_path(stage: Stage) -> Path:
    return next(iter(stage.outputs.values()))


def test_every_step_has_a_trial() -> None:
    assert set(TRIALS) == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_record_agrees_with_the_registry_and_describes_every_option(name: str) -> None:
    step = load_step(name)
    assert step.name == name
    assert STEPS[name].module.rsplit(".", 1)[1] == name.replace("-", "_")
    assert step.run.__doc__ or step.run.__name__.startswith("_")
    assert all(field.description and field.description.endswith(".") for field in step.options.model_fields.values())
    assert all(entry.help.endswith(".") for entry in (*step.inputs.values(), *step.models.values()))


@pytest.mark.parametrize("name", STEPS)
def test_output_meets_its_contract_and_is_accounted_for(name: str, make: Callable[..., Stage]) -> None:
    stage = make(name)
    outcome = run_trial(stage)
    for output, made in stage.step.outputs(stage.options).items():
        path = outcome.outputs[output]
        assert path.exists()
        if not isinstance(made, Artifact):
            made.check(read_frame(path), output)
    manifest = read_manifest(Path(f"{main_path(stage)}.manifest.json"))
    assert manifest is not None
    assert check_stage(stage).up_to_date


@pytest.mark.parametrize("name", STEPS)
def test_same_input_options_and_seed_give_the_same_bytes(name: str, make: Callable[..., Stage]) -> None:
    first, second = make(name, "first"), make(name, "second")
    for stage in (first, second):
        run_trial(stage)
    assert digest_path(main_path(first)) == digest_path(main_path(second))


@pytest.mark.parametrize("name", STEPS)
def test_unchanged_stage_does_nothing(name: str, make: Callable[..., Stage]) -> None:
    run_trial(make(name))
    before = main_path(make(name)).stat().st_mtime_ns
    assert run_trial(make(name)).status == "up to date"
    assert main_path(make(name)).stat().st_mtime_ns == before


ROW_WISE = [name for name in STEPS if load_step(name).row_wise is not None]


@pytest.mark.parametrize("part_rows", [1, 5, 1000])
@pytest.mark.parametrize("name", ROW_WISE)
def test_part_size_never_changes_a_byte(name: str, part_rows: int, make: Callable[..., Stage]) -> None:
    whole, parts = make(name, "whole"), make(name, "parts")
    run_trial(whole, part_rows=ROWS)
    run_trial(parts, part_rows=part_rows)
    assert main_path(whole).read_bytes() == main_path(parts).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "convert-nli",
        "add-noise",
        "pair-texts",
        "mine-negatives",
        "generate-negatives",
        "generate-queries",
        "generate-paraphrases",
        "generate-nli",
        "generate-sts",
        "judge",
        "decontaminate",
        "take-rows",
    ],
)
def test_extra_columns_travel_along(name: str, make: Callable[..., Stage]) -> None:
    assert "source" in read_frame(run_trial(make(name)).outputs["corpus"]).columns


def test_a_record_that_uses_one_name_for_two_things_is_refused() -> None:
    step: Step = load_step("convert-nli")
    with pytest.raises(TypeError, match="uses to for two things"):
        replace(step, inputs={"to": next(iter(step.inputs.values()))})
