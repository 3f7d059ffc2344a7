from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest
from tiny_steps import PACK, SHOUT, SPLIT, PackOptions, ShoutOptions

from pairforge import frames
from pairforge.errors import FileError, StageError
from pairforge.execution.inputs import FileInput
from pairforge.execution.outputs import check_writable, output_paths, results_by_name
from pairforge.execution.step import Artifact, StepOptions

ONE_FRAME = {"texts": frames.TEXT}
ONE_FOLDER = {"model": Artifact(".model", folder=True)}


def names(step, options, source: str, **named: str) -> list[str]:  # type: ignore[no-untyped-def]
    inputs = {"texts": FileInput((source,))}
    paths = output_paths(step, options, inputs, {name: Path(path) for name, path in named.items()})
    return [path.as_posix() for path in paths.values()]


def test_outputs_go_beside_the_first_input_unless_they_are_named() -> None:
    assert names(SHOUT, ShoutOptions(), "a/in.jsonl.gz") == ["a/in.shouted.jsonl.gz"]
    assert names(SHOUT, ShoutOptions(), "a/in.csv", texts="b/out.parquet") == ["b/out.parquet"]
    assert names(PACK, PackOptions(), "a/in.csv") == ["a/in.model", "a/in.report.json"]
    assert names(PACK, PackOptions(), "a/in.csv", model="b/mine") == ["b/mine", "b/mine.report.json"]
    assert names(SPLIT, StepOptions(), "in.csv", first="b/x.jsonl.zst") == ["b/x.jsonl.zst", "b/x.rest.jsonl.zst"]


def test_two_outputs_in_one_place_are_refused() -> None:
    with pytest.raises(StageError, match="place of two outputs"):
        names(SPLIT, StepOptions(), "in.csv", first="out.csv", rest="out.csv")


def test_unknown_output_name_is_refused() -> None:
    with pytest.raises(StageError, match=r"no output 'last' \(it has: first, rest\)"):
        names(SPLIT, StepOptions(), "in.csv", last="out.csv")


def test_stage_without_a_file_must_name_its_output() -> None:
    with pytest.raises(StageError, match="with -o"):
        output_paths(SHOUT, ShoutOptions(), {}, {})


def test_folder_for_a_file_and_a_file_for_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "out.parquet").mkdir()
    (tmp_path / "out.model").touch()
    with pytest.raises(StageError, match="is a folder, but a file is to be written"):
        check_writable({"texts": tmp_path / "out.parquet"}, ONE_FRAME)
    with pytest.raises(StageError, match="is a file, but a folder is to be written"):
        check_writable({"model": tmp_path / "out.model"}, ONE_FOLDER)


def test_an_ending_of_another_format_than_is_written_is_refused(tmp_path: Path) -> None:
    results = {"results": Artifact(".json")}
    with pytest.raises(StageError, match=r"out\.csv: what is written there is \.json, not \.csv\."):
        check_writable({"results": tmp_path / "out.csv"}, results)
    for name in ("out.json", "out", "out.scores"):
        check_writable({"results": tmp_path / name}, results)


def test_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StageError, match="is no folder"):
        check_writable({"texts": tmp_path / "file" / "deep" / "out.parquet"}, ONE_FRAME)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_folder_that_is_closed_to_the_user_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StageError, match="is closed to this user"):
        check_writable({"texts": tmp_path / "new" / "out.parquet"}, ONE_FRAME)


def test_format_that_cannot_hold_the_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="names no known format"):
        check_writable({"texts": tmp_path / "out.xlsx"}, ONE_FRAME)
    with pytest.raises(StageError, match=r"\.json is read, but not written"):
        check_writable({"texts": tmp_path / "out.json"}, ONE_FRAME)
    with pytest.raises(StageError, match="csv cannot hold lists"):
        check_writable({"lists": tmp_path / "out.csv"}, {"lists": frames.LABELLED_LIST})


def test_step_that_returns_something_else_than_it_promised_is_named() -> None:
    with pytest.raises(TypeError, match="promises first, rest, but it returned first"):
        results_by_name(pl.DataFrame(), SPLIT.outputs(StepOptions()), "split")
    with pytest.raises(TypeError, match="should return a Path as model"):
        results_by_name(pl.DataFrame(), ONE_FOLDER, "train")
