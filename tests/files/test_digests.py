from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from pairforge.cache import cache_folder
from pairforge.errors import FileError
from pairforge.files import digest_path, digest_source, digests, write_frame


def database() -> Path:
    return cache_folder() / "digests" / "digests.sqlite"


def write_aged(path: Path, text: str) -> Path:
    """A file whose last change is long past, as most inputs' is."""
    path.write_text(text)
    past = time.time() - 1000
    os.utime(path, (past, past))
    return path


def swap_silently(path: Path, text: str) -> None:
    """Change a file in a way that its size, mtime and inode do not show: only a remembered digest stays the same."""
    before = path.stat()
    with path.open("r+") as file:
        file.write(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_digest_is_remembered_until_the_file_shows_a_change(tmp_path: Path) -> None:
    path = write_aged(tmp_path / "x", "old")
    assert digest_path(path) == sha("old")
    swap_silently(path, "new")
    assert digest_path(path) == sha("old")
    os.utime(path, (1, 1))
    assert digest_path(path) == sha("new")


def test_a_file_written_just_now_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    assert digest_path(path) == sha("old")
    swap_silently(path, "new")
    assert digest_path(path) == sha("new")


def test_the_digest_of_a_written_frame_is_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    assert write_frame(pl.DataFrame({"a": [1]}), path) == digest_path(path) == digest_source(str(path))


def test_a_cache_that_is_broken_or_closed_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_aged(tmp_path / "x", "text")
    database().parent.mkdir(parents=True)
    database().write_bytes(b"this is no database, " * 100)
    assert digest_path(path) == sha("text")
    database().unlink()
    database().mkdir()
    assert digest_path(path) == sha("text")
    for place in ("/proc/nowhere", str(path)):
        monkeypatch.setenv("PAIRFORGE_CACHE", place)
        assert digest_path(path) == sha("text")
    assert digest_path(path, cache=tmp_path / "other") == sha("text")


def test_a_database_of_another_making_fails_nothing(tmp_path: Path) -> None:
    path = write_aged(tmp_path / "x", "text")
    database().parent.mkdir(parents=True)
    connection = sqlite3.connect(database())
    connection.execute("CREATE TABLE digests (something TEXT)")
    connection.close()
    assert digest_path(path) == sha("text")


DIGEST_ALL = """
import sys; from pathlib import Path; from pairforge.files import digest_path
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(digest_path(path))
"""


def test_processes_share_the_memory(tmp_path: Path) -> None:
    for number in range(40):
        write_aged(tmp_path / f"{number:02}", str(number))
    command = [sys.executable, "-c", DIGEST_ALL, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[0].split() for process in running]
    assert said == [[sha(str(number)) for number in range(40)]] * 3
    with sqlite3.connect(database()) as connection:
        assert connection.execute("SELECT count(*) FROM digests").fetchone() == (40,)
    connection.close()


def test_a_folder_is_its_names_and_contents_but_not_its_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "weights").write_text("1")
    (folder / "config").write_text("2")
    before = digest_path(folder)
    (folder / ".config.partial-ab12").write_text("half")
    assert digest_path(folder) == before
    (folder / "config").rename(folder / "settings")
    assert digest_path(folder) != before
    (folder / "settings").rename(folder / "config")
    assert digest_path(folder) == before
    (folder / "inner" / "weights").write_text("3")
    assert digest_path(folder) != before


def test_links_in_a_folder_are_followed(tmp_path: Path) -> None:
    for name in ("plain", "linked"):
        (tmp_path / name).mkdir()
    (tmp_path / "plain" / "weights").write_text("1")
    (tmp_path / "blob").write_text("1")
    (tmp_path / "linked" / "weights").symlink_to(tmp_path / "blob")
    assert digest_path(tmp_path / "plain") == digest_path(tmp_path / "linked")


def test_shards_count_by_content_and_order_not_by_place(tmp_path: Path) -> None:
    for name, texts in (("one", ["x", "y"]), ("two", ["x", "y"]), ("turned", ["y", "x"])):
        (tmp_path / name).mkdir()
        for number, text in enumerate(texts):
            write_frame(pl.DataFrame({"a": [text]}), tmp_path / name / f"{name}-{number}.jsonl")
    assert digest_source(f"{tmp_path}/one") == digest_source(f"{tmp_path}/two/*.jsonl")
    assert digest_source(f"{tmp_path}/one") != digest_source(f"{tmp_path}/turned")


def test_what_is_missing_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no such file"):
        digest_path(tmp_path / "x")
    with pytest.raises(FileError, match="there is no such file"):
        digest_source(str(tmp_path / "x.csv"))


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_aged(tmp_path / "x", "old")
    read = digests.digest_bytes

    def read_and_change(file: Path) -> str:
        digest = read(file)
        write_aged(file, "newer")
        return digest

    monkeypatch.setattr(digests, "digest_bytes", read_and_change)
    digest_path(path)
    monkeypatch.undo()
    assert digest_path(path, cache=cache_folder()) == sha("newer")
