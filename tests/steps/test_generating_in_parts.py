"""Steps that ask a language model: part size never changes a byte, whatever becomes of the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pairforge.execution.stage import FileInput, Stage, run_stage
from pairforge.generators import GeneratorRequest
from pairforge.pipeline.registry import load_step
from tests.fakes import ScriptedGenerator
from tests.pipeline.test_every_step import PLAIN, SCRIPTS, TRIPLETS, WRITER

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
