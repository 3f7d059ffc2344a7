from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.errors import FileError
from pairforge.files import open_frames, read_frames, write_frame
from pairforge.files import slices as module
from pairforge.files.slices import ChangedRows, ParquetRows, Rows, StackedRows, slices

SUFFIXES = ["parquet", "jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "tsv", "tsv.zst"]
LISTS = pl.DataFrame(
    {
        "text": [f"text {row % 97} " * (row % 3) for row in range(9_000)],
        "list": [[f"item {item}" for item in range(row % 4)] or None for row in range(9_000)],
        "kind": pl.Series(["a", "b", None] * 3_000, dtype=pl.Categorical),
        "nested": [{"number": row, "letters": list("abc"[: row % 3])} for row in range(9_000)],
    }
)


def laid_out_otherwise(frame: pl.DataFrame) -> pl.DataFrame:
    """An equal frame whose lists share their memory with those of rows that are gone."""
    doubled = pl.concat([frame.with_columns(keep=True), frame.reverse().with_columns(keep=False)])
    shuffled = doubled.with_row_index("row").sample(fraction=1, shuffle=True, seed=1).sort("row")
    return shuffled.filter("keep").select(frame.columns)


def stacked(frame: pl.DataFrame, *ends: int) -> StackedRows:
    starts = [0, *ends]
    return StackedRows([frame[start:end] for start, end in zip(starts, [*ends, frame.height], strict=True)])


@settings(max_examples=20)
@given(data=st.data())
@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_a_slice_of_shards_is_what_a_whole_read_has_there(suffix: str, data: st.DataObject) -> None:
    shards = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    with TemporaryDirectory() as folder:
        for number, rows in enumerate(shards):
            # Shards that disagree on the type and the order of their columns.
            whole = pl.Series("n", range(rows)) + (0.5 if number % 2 else 0)
            columns = [pl.Series("text", [f"{number}-{row}" for row in range(rows)]), whole]
            write_frame(pl.DataFrame(columns[:: -1 if number % 2 else 1]), Path(folder, f"{number}.{suffix}"))
        rows, read = open_frames([folder]), read_frames([folder])
        assert (rows.height, rows.schema) == (read.height, read.schema)
        offset, length = data.draw(st.integers(0, read.height + 1)), data.draw(st.integers(0, read.height + 1))
        assert rows.slice(offset, length).equals(read.slice(offset, length))


def test_json_lines_are_found_again_wherever_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        b"",
        b'{"a": 1}',
        b"  \r",
        b'{"b": "x", "a": 2.5}\r',
        b'{"c": {"d": [1]}}',
        b"",
        b'{"c": null}',
        b'{"a": 3}',
    ]
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(lines))
    read = read_frames([str(tmp_path / "x.jsonl")])
    for size in (1, 10, 30, 2**20):
        monkeypatch.setattr(module, "_LINES_BYTES", size)
        rows = open_frames([str(tmp_path / "x.jsonl")])
        assert rows.height == read.height == 5
        for offset in range(6):
            for length in range(6):
                assert rows.slice(offset, length).equals(read.slice(offset, length))


def test_parquet_and_json_lines_are_not_read_until_slices_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LINES_BYTES", 100)
    for suffix in ("parquet", "jsonl"):
        write_frame(pl.DataFrame({"text": [f"text {row}" for row in range(200)]}), tmp_path / f"x.{suffix}")
        rows = open_frames([str(tmp_path / f"x.{suffix}")])
        assert not isinstance(rows, pl.DataFrame)
        assert rows.slice(150, 2)["text"].to_list() == ["text 150", "text 151"]


def test_slices_are_of_bounded_size_and_give_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE_ROWS", 3)
    frame = pl.DataFrame({"row": range(8)})
    assert [part["row"].to_list() for part in slices(stacked(frame, 2, 2, 7))] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert [part.shape for part in slices(frame.clear())] == [(0, 1)]


def test_changed_rows_are_changed_in_every_slice_and_in_their_types() -> None:
    changed = ChangedRows(stacked(pl.DataFrame({"n": range(4)}), 1), lambda frame: frame.select(half=pl.col("n") / 2))
    assert changed.schema == {"half": pl.Float64}
    assert changed.slice(1, 2)["half"].to_list() == [0.5, 1]


def test_a_file_that_is_written_anew_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_frame(pl.DataFrame({"a": range(10)}), path)
    rows = open_frames([str(path)])
    write_frame(pl.DataFrame({"a": range(10, 20)}), path)
    with pytest.raises(FileError, match=r"x\.parquet: was changed while it was being read. Run the same command again"):
        rows.slice(5, 1)
    path.unlink()
    with pytest.raises(FileError, match="was changed while it was being read"):
        rows.slice(5, 1)


def test_damage_in_the_middle_of_a_file_is_said_when_it_is_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.parquet"
    monkeypatch.setattr(module, "SLICE_ROWS", 1_000)
    write_frame(pl.DataFrame({"a": [f"{row * 7919 % 10007}" for row in range(10_000)]}), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2_000] = b"x" * 2_000
    path.write_bytes(content)
    rows = open_frames([str(path)])
    with pytest.raises(FileError, match=r"x\.parquet: is not a whole parquet file .* It is truncated or damaged"):
        list(slices(rows))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bytes_do_not_show_how_the_rows_were_cut(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairforge.files.formats.SLICE_ROWS", 1_000)
    monkeypatch.setattr(module, "SLICE_ROWS", 1_000)
    frame = LISTS if suffix.startswith(("parquet", "jsonl")) else LISTS.select("text", "kind")
    given: list[Rows] = [frame, laid_out_otherwise(frame), stacked(frame, 1, 7, 4_096), stacked(frame, 8_999)]
    assert len({write_frame(rows, tmp_path / f"{number}.{suffix}") for number, rows in enumerate(given)}) == 1
    assert read_frames([str(tmp_path / f"2.{suffix}")]).height == 9_000


def test_parquet_is_written_in_row_groups_of_which_one_is_held_at_a_time(tmp_path: Path) -> None:
    frame = pl.DataFrame({"row": pl.int_range(2 * module.SLICE_ROWS + 1, eager=True)})
    seen: list[int] = []

    def counted(rows: pl.DataFrame) -> pl.DataFrame:
        seen.append(rows.height)
        return rows

    write_frame(ChangedRows(frame, counted), tmp_path / "x.parquet")
    assert max(seen) == module.SLICE_ROWS
    assert ParquetRows.open(tmp_path / "x.parquet").slice(module.SLICE_ROWS, 1).item() == module.SLICE_ROWS


def test_types_that_parquet_has_not_are_refused_with_the_mend(tmp_path: Path) -> None:
    huge = pl.DataFrame({"a": pl.Series([1], dtype=pl.Int128)})
    with pytest.raises(FileError, match=r"parquet cannot hold column 'a' of type Int128. Convert or remove it"):
        write_frame(huge, tmp_path / "x.parquet")
