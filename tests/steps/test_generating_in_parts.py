"""Steps that ask a language model: part size never changes a byte, whatever becomes of the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pairforge.errors import PairforgeError
from pairforge.execution.stage import FileInput, Stage, run_stage
from pairforge.generators import GeneratorRequest
from pairforge.pipeline.registry import load_step
from tests.fakes import ScriptedGenerator
from tests.pipeline.test_every_step import PAIRS, PLAIN, SCRIPTS, TRIPLETS, WRITER

TUPLES = TRIPLETS.with_columns(
    negative_1="negative", negative_2=pl.lit("other ") + pl.col("anchor")
).drop("negative")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "frame", "options"),
    [
        ("judge", TUPLES, {"policy": "keep"}),
        ("judge", TUPLES, {"policy": "mask"}),
        ("judge", TRIPLETS, {"policy": "relabel"}),
        ("judge", TRIPLETS, {"policy": "drop"}),
        ("generate-queries", PLAIN, {"round_trip": "bm25"}),
        ("generate-nli", PLAIN, {}),
    ],
)
def test_parts_of_any_size_give_the_same_bytes_with_a_limit_and_saved_prompts(
    name: str, frame: pl.DataFrame, options: dict[str, Any], tmp_path: Path
) -> None:
    step = load_step(name)
    given = step.options.model_validate({**options, "limit": 7, "save_prompts": True})
    role = next(iter(step.inputs))
    frame.write_parquet(tmp_path / "in.parquet")
    made = []
    for part_rows in (1, 5, 100):
        stage = Stage(
            step,
            given,
            {role: FileInput((str(tmp_path / "in.parquet"),))},
            {"generator": (GeneratorRequest(name=WRITER),)},
            {"corpus": tmp_path / f"{part_rows}.parquet"},
        )
        outcome = run_stage(
            stage,
            cache=tmp_path / f"cache {part_rows}",
            part_rows=part_rows,
            load=lambda spec: ScriptedGenerator(SCRIPTS[name]),
        )
        assert outcome.ledger.dropped["beyond the limit"] == frame.height - 7
        made.append(outcome.outputs["corpus"].read_bytes())
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize(
    ("name", "frame", "options", "prompt", "said"),
    [
        ("generate-queries", PLAIN, {"round_trip": "bm25", "examples": "wrong.parquet"}, None, r"wrong\.parquet: .*"),
        ("generate-negatives", PAIRS, {"examples": "wrong.parquet"}, None, r"wrong\.parquet: .*anchor"),
        ("generate-nli", PLAIN, {}, "{{ premise.letters }}", r"mine\.md: cannot be rendered"),
        ("judge", PAIRS, {}, "{{ first // 2 }}", r"mine\.md: cannot be rendered"),
        ("judge", PAIRS, {"policy": "mask"}, None, r"in\.parquet: has no negatives"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_questions_is_said_before_a_model_is_loaded(
    name: str,
    frame: pl.DataFrame,
    options: dict[str, Any],
    prompt: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    frame.write_parquet("in.parquet")
    PLAIN.write_parquet("wrong.parquet")
    if prompt is not None:
        Path("mine.md").write_text(f"# User\n{prompt}\n")
        options = {**options, "prompt": "mine.md"}
    step, loaded = load_step(name), []
    inputs = {next(iter(step.inputs)): FileInput(("in.parquet",))}
    models = {"generator": (GeneratorRequest(name=WRITER),)}
    stage = Stage(step, step.options.model_validate(options), inputs, models)
    with pytest.raises(PairforgeError, match=said):
        run_stage(stage, cache=tmp_path / "cache", load=loaded.append)
    assert loaded == []
