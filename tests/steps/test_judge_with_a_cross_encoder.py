"""The agreement of a real cross-encoder: tiny, made on the spot."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.engines.loading import load
from pairforge.execution.stage import FileInput, Stage, run_stage
from pairforge.generators import FoundModel, GeneratorRequest, GeneratorSpec
from pairforge.models import ModelRequest
from pairforge.pipeline.registry import load_step
from pairforge.steps.judge import JudgeOptions
from tests.fakes import ScriptedGenerator
from tests.tiny_models import WORDS, save_cross_encoder

FIRST, SECOND = "openai:first", "openai:second"
TUPLES = pl.DataFrame(
    [
        {
            "anchor": f"the {one} ran",
            "positive": f"{one} sat",
            "negative_1": f"a {one} {two}",
            "negative_2": f"{two} {two}",
        }
        for one, two in product(("cat", "dog", "mat"), WORDS[-4:])
    ]
)


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("models") / "cross-encoder")


@pytest.fixture(scope="module")
def scores(cross_encoder: Path) -> np.ndarray:
    """What sentence-transformers gives each negative, a row for each tuple."""
    from sentence_transformers import CrossEncoder

    pairs = [
        (row["anchor"], row[name]) for row in TUPLES.iter_rows(named=True) for name in ("negative_1", "negative_2")
    ]
    predicted = CrossEncoder(str(cross_encoder), device="cpu").predict(pairs)
    return np.asarray(predicted, dtype=np.float64).reshape(-1, 2)


@pytest.mark.parametrize("part_rows", [1, 5, 100])
def test_what_it_finds_wrong_is_doubted_and_nothing_else(
    part_rows: int, cross_encoder: Path, scores: np.ndarray, tmp_path: Path
) -> None:
    assert np.ptp(scores) > 0.1, "a cross-encoder that tells nothing apart agrees with everything"
    ordered = np.sort(scores, axis=None)
    boundary = float(ordered[ordered.size // 3 : ordered.size // 3 + 2].mean())
    generators = {
        FIRST: ScriptedGenerator(lambda prompt: json.dumps({"reason": "so it is", "grade": 3, "sure": True})),
        SECOND: ScriptedGenerator(lambda prompt: json.dumps({"reason": "it is not", "grade": 0, "sure": True})),
    }
    generators[SECOND].spec = generators[SECOND].spec.model_copy(update={"digest": "2d" * 32})

    def loaded(spec: FoundModel) -> object:
        return generators[spec.name] if isinstance(spec, GeneratorSpec) else load(spec)

    TUPLES.write_parquet(tmp_path / "tuples.parquet")
    stage = Stage(
        load_step("judge"),
        JudgeOptions(score_threshold=boundary),
        {"corpus": FileInput((str(tmp_path / "tuples.parquet"),))},
        {
            "generator": (GeneratorRequest(name=FIRST),),
            "second_generator": (GeneratorRequest(name=SECOND),),
            "scorer": (ModelRequest(name=str(cross_encoder), device="cpu"),),
        },
    )
    outcome = run_stage(stage, cache=tmp_path / "cache", load=loaded, part_rows=part_rows)
    made, wrong = pl.read_parquet(outcome.outputs["corpus"]), scores < boundary
    assert np.array(made["scorer_score"].to_list()) == pytest.approx(scores, abs=1e-5)
    assert made["second_grade"].to_list() == [[0 if told else None for told in row] for row in wrong.tolist()]
    assert made["relevant"].to_list() == (~wrong).tolist()
    assert len(generators[SECOND].asked) == outcome.ledger.counts["second opinions asked for"] == wrong.sum() > 0
