"""A stage whose input is read slice by slice, beside the same one that reads it whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tiny_steps import STREAMED, ShoutOptions, shout_part

from pairforge.cache import cache_folder
from pairforge.errors import FrameError
from pairforge.execution.stage import FileInput, Outcome, Stage, run_stage
from pairforge.execution.step import Step
from pairforge.files import slices, write_frame
from pairforge.files.slices import ParquetRows

assert STREAMED.row_wise is not None
WHOLE = replace(STREAMED, row_wise=replace(STREAMED.row_wise, streamed=False))


def run(step: Step, source: Path, out: Path, *, part_rows: int = 4) -> Outcome:
    stage = Stage(step, ShoutOptions(longest=7), {"texts": FileInput((str(source),))}, outputs={"texts": out})
    return run_stage(stage, cache=cache_folder(), part_rows=part_rows)


def one_file(frame: pl.DataFrame, folder: Path, suffix: str) -> Path:
    write_frame(frame, folder / f"texts.{suffix}")
    return folder / f"texts.{suffix}"


def shards_of_other_types(frame: pl.DataFrame, folder: Path, suffix: str) -> Path:
    write_frame(frame[:5].with_columns(note=pl.lit(1)), folder / "shards" / f"0.{suffix}")
    write_frame(frame[5:].with_columns(note=pl.lit(0.5)).select("note", "text"), folder / "shards" / f"1.{suffix}")
    return folder / "shards"


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv", "jsonl.gz"])
@pytest.mark.parametrize("lay", [one_file, shards_of_other_types])
def test_bytes_and_counts_are_those_of_a_whole_read_whatever_the_part_size(
    tmp_path: Path, lay: Callable[[pl.DataFrame, Path, str], Path], suffix: str
) -> None:
    source = lay(pl.DataFrame({"text": [f"text {10**row}" for row in range(3)] * 4}), tmp_path, suffix)
    wanted = run(WHOLE, source, tmp_path / f"whole.{suffix}")
    assert wanted.ledger.dropped == {"too_long": 4}
    for part_rows in (1, 5, 100):
        made = run(STREAMED, source, tmp_path / f"streamed{part_rows}.{suffix}", part_rows=part_rows)
        assert made.outputs["texts"].read_bytes() == wanted.outputs["texts"].read_bytes()
        assert (made.rows_in, made.rows_out) == (wanted.rows_in, wanted.rows_out)
        assert made.ledger.dropped == wanted.ledger.dropped


def test_what_the_parts_share_is_prepared_without_the_rows_that_are_cut(tmp_path: Path) -> None:
    source = one_file(pl.DataFrame({"text": ["a", "b"]}), tmp_path, "parquet")
    assert run(WHOLE, source, tmp_path / "whole.parquet").ledger.counts == {"texts prepared": 2}
    assert run(STREAMED, source, tmp_path / "streamed.parquet").ledger.counts == {"texts prepared": 0}


def test_nothing_need_be_prepared(tmp_path: Path) -> None:
    source = one_file(pl.DataFrame({"text": ["a", "b"]}), tmp_path, "parquet")
    assert STREAMED.row_wise is not None
    unprepared = replace(STREAMED, row_wise=replace(STREAMED.row_wise, prepare=None))
    assert run(unprepared, source, tmp_path / "out.parquet").rows_out == {"texts": 2}


def test_no_slice_of_any_file_is_larger_than_a_slice_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = one_file(pl.DataFrame({"text": [str(row) for row in range(100)]}), tmp_path, "parquet")
    read: list[int] = []
    read_slice = ParquetRows.slice

    def counted(rows: ParquetRows, offset: int, length: int) -> pl.DataFrame:
        made = read_slice(rows, offset, length)
        read.append(made.height)
        return made

    monkeypatch.setattr(ParquetRows, "slice", counted)
    monkeypatch.setattr(slices, "SLICE_ROWS", 10)
    run(STREAMED, source, tmp_path / "out.parquet", part_rows=7)
    assert max(read) == 10
    # Looked through once, worked on once, and of what was made, checked once and written once.
    assert sum(read) == 4 * 100


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_a_wrong_row_is_found_before_the_first_part_is_worked_on(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_ROWS", 3)
    monkeypatch.setenv("SHOUT_LOG", str(tmp_path / "log"))
    source = one_file(pl.DataFrame({"text": [*"abcdefgh", None, "i", None]}), tmp_path, suffix)
    said = []
    for step in (WHOLE, STREAMED):
        with pytest.raises(FrameError) as caught:
            run(step, source, tmp_path / "out.parquet")
        said.append(str(caught.value))
    assert (
        said[0]
        == said[1]
        == (f"{source}: column 'text' is null in 2 of 11 rows, first in row 9; fill or remove those rows.")
    )
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_part_gets_its_rows_and_their_ordinals(tmp_path: Path) -> None:
    source = one_file(pl.DataFrame({"text": list("abcdefghij")}), tmp_path, "parquet")
    seen: list[tuple[int, list[str]]] = []

    def noted(rows: pl.DataFrame, *, first_row: int, **lent: object) -> pl.DataFrame:
        seen.append((first_row, rows["text"].to_list()))
        return shout_part(rows, first_row=first_row, **lent)  # type: ignore[arg-type]

    assert STREAMED.row_wise is not None
    step = replace(STREAMED, row_wise=replace(STREAMED.row_wise, run=noted))
    run(step, source, tmp_path / "out.parquet")
    assert seen == [(0, list("abcd")), (4, list("efgh")), (8, list("ij"))]
