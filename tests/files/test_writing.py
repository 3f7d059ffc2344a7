from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.errors import FileError
from pairforge.files import atomic_path, digest_path, read_frame, read_json, write_frame, write_json

SUFFIXES = ["parquet", "jsonl", "jsonl.gz", "jsonl.zst", "csv", "csv.gz", "tsv", "tsv.zst"]

TEXTS = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)
ROWS = st.lists(st.tuples(st.just("row"), TEXTS, st.none() | st.integers(-(2**50), 2**50)), min_size=1, max_size=8)


def frame_of(rows: list[tuple[str, str | None, int | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"key": pl.String, "text": pl.String, "number": pl.Int64}, orient="row")


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=15)
@given(rows=ROWS)
def test_what_is_written_is_read_back(suffix: str, rows, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("round") / f"x.{suffix}"
    written = frame_of(rows)
    digest = write_frame(written, path)
    # Text formats know no types: texts that all look like numbers or booleans come back so, nulls alone as texts.
    read = read_frame(path)
    assert read["key"].to_list() == written["key"].to_list()
    texts = written["text"].drop_nulls()
    if suffix == "parquet" or not texts.str.contains(r"(?i)^(true|false|nan|-?inf|[-+\d.e]*)$").all():
        assert read["text"].to_list() == written["text"].to_list()
    assert read["number"].cast(pl.Int64).to_list() == written["number"].to_list()
    assert digest_path(path) == digest


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_frames_give_identical_bytes_however_they_lie_in_memory(tmp_path: Path, suffix: str) -> None:
    whole = pl.DataFrame({"a": [f"text {number % 97}" for number in range(30_000)], "b": range(30_000)})
    pieces = pl.concat([whole[:10], whole[10:777], whole[777:]], rechunk=False)
    first = write_frame(whole, tmp_path / f"first.{suffix}")
    time.sleep(1.1 if suffix.endswith(".gz") else 0)  # gzip would keep the second of writing
    assert write_frame(pieces, tmp_path / f"second.{suffix}") == first
    assert write_frame(whole.with_columns(pl.col("b").set_sorted()), tmp_path / f"third.{suffix}") == first


@pytest.mark.parametrize("suffix", ["csv", "tsv.gz"])
def test_lists_into_separated_text_are_refused_with_the_mend(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    with pytest.raises(FileError, match=r"cannot hold column 'b' of type List\(Int64\). Write .parquet or .jsonl."):
        write_frame(pl.DataFrame({"a": [1], "b": [[1, 2]]}), path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("suffix", "value", "said"),
    [
        ("jsonl", b"x", "json lines cannot hold column 'b' of type Binary. Write .parquet."),
        ("jsonl.gz", {"path": "x.png", "bytes": b"x"}, "cannot hold column 'b' of type Struct"),
        ("jsonl", [b"x"], "cannot hold column 'b' of type List"),
        ("csv", b"x", "csv cannot hold column 'b' of type Binary. Write .parquet."),
        ("csv", timedelta(1), "csv cannot hold column 'b' of type Duration(.*). Write .parquet or .jsonl."),
    ],
)
def test_a_column_that_a_format_cannot_hold_is_refused_with_one_that_can(
    tmp_path: Path, suffix: str, value: object, said: str
) -> None:
    with pytest.raises(FileError, match=said):
        write_frame(pl.DataFrame({"a": [1], "b": [value]}), tmp_path / f"x.{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_lists_survive_json_lines_and_parquet(tmp_path: Path) -> None:
    lists = pl.DataFrame({"documents": [["a", "b"], []], "labels": [[1, 0], []]})
    for suffix in ("jsonl", "parquet"):
        write_frame(lists, tmp_path / f"x.{suffix}")
        assert read_frame(tmp_path / f"x.{suffix}").to_dicts() == lists.to_dicts()


def test_unknown_and_read_only_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="names no known format"):
        write_frame(pl.DataFrame({"a": [1]}), tmp_path / "x.txt")
    with pytest.raises(FileError, match=r"Write .jsonl or .parquet"):
        write_frame(pl.DataFrame({"a": [1]}), tmp_path / "x.json")


def test_a_file_is_not_written_over_a_folder_nor_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="is a folder, but a file is to be written there"):
        write_frame(pl.DataFrame({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(FileError, match="lies below a file"):
        write_frame(pl.DataFrame({"a": [1]}), tmp_path / "file" / "x.parquet")
    with pytest.raises(FileError, match="is a file, but a folder is to be written there"):
        write_folder(tmp_path / "file")


def test_a_place_that_cannot_be_written_is_called_so() -> None:
    with pytest.raises(FileError, match=r"^/proc/nowhere/x.csv: (cannot be written|may not be written)"):
        write_frame(pl.DataFrame({"a": [1]}), Path("/proc/nowhere/x.csv"))


FILL_THE_DISK = """
import resource, signal, sys, polars as pl
from pathlib import Path
from pairforge.files import write_frame
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_frame(pl.DataFrame({"a": [str(i) for i in range(100_000)]}), Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv.gz"])
def test_a_write_that_the_disk_refuses_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"x.{suffix}"
    command = [sys.executable, "-c", FILL_THE_DISK, str(target)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"FileError {target}: cannot be written (File too large")
    assert list(tmp_path.iterdir()) == []


def write_folder(target: Path, content: str = "new") -> None:
    with atomic_path(target) as folder:
        folder.mkdir()
        (folder / "inner").mkdir()
        (folder / "inner" / "weights").write_text(content)


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "x.model"
    write_folder(target, "old")
    (target / "leftover").write_text("x")
    write_folder(target)
    assert sorted(path.name for path in target.rglob("*")) == ["inner", "weights"]
    assert (target / "inner" / "weights").read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def write_half(target: Path, fault: Callable[[Path], BaseException]) -> None:
    with atomic_path(target) as path:
        path.write_text("half")
        raise fault(path)


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_the_target_as_it_was(tmp_path: Path, fault: type[BaseException]) -> None:
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(fault):
        write_half(target, fault)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_only_errors_of_the_writing_itself_are_reworded(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="the disk is full"):
        write_half(tmp_path / "x", lambda path: OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(FileError, match="may not be written"):
        write_half(tmp_path / "x", lambda path: PermissionError(errno.EACCES, "Permission denied", str(path / "w")))
    with pytest.raises(ConnectionError):
        write_half(tmp_path / "x", lambda path: ConnectionError("elsewhere"))


def test_a_block_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="nothing was written"), atomic_path(tmp_path / "x"):
        pass


def test_files_get_the_permissions_that_the_user_asks_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_frame(pl.DataFrame({"a": [1]}), tmp_path / "x.parquet")
    finally:
        os.umask(before)
    assert (tmp_path / "x.parquet").stat().st_mode & 0o777 == 0o640


def test_a_killed_writer_leaves_a_name_that_no_reader_takes(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from pairforge.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as path:\n    path.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.parquet")], check=False)
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".x.parquet.partial-")
    with pytest.raises(FileError, match="found: no file at all"):
        read_frame(tmp_path)


def test_json_is_written_and_read(tmp_path: Path) -> None:
    value = {"name": "é", "numbers": [1, 2.5, None]}
    write_json(value, tmp_path / "x.json")
    assert read_json(tmp_path / "x.json") == value
    assert "é" in (tmp_path / "x.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b'{\n"a": }', "not valid JSON at line 2"), (b'{"a": "\xe9"}', "is not UTF-8"), (b"", "is empty")],
)
def test_wrong_json_gets_one_sentence(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(FileError, match=fault):
        read_json(tmp_path / "x.json")
