from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    for name, size in (("vectors", 2_000), ("digests", 300), ("of another program", 1)):
        (folder / name).mkdir(parents=True)
        (folder / name / "one").write_bytes(b"x" * size)
    return folder


def test_info_says_where_the_cache_is_and_what_it_holds(run: Callable, cache: Path) -> None:
    shown = run("cache", "info", "--cache-dir", cache).out
    assert str(cache) in shown
    assert "2.0 kB" in shown
    assert "another" not in shown


def test_info_for_machines_is_one_object(run: Callable, cache: Path) -> None:
    told = json.loads(run("cache", "info", "--json", "--cache-dir", cache).out)
    assert {section["name"]: section["bytes"] for section in told["sections"]} == {"vectors": 2_000, "digests": 300}


def test_info_of_a_cache_that_is_not_there_yet(run: Callable, tmp_path: Path) -> None:
    assert "nothing yet" in run("cache", "info", "--cache-dir", tmp_path / "none").out


def test_clear_empties_one_section_and_leaves_the_rest(run: Callable, cache: Path) -> None:
    done = run("cache", "clear", "vectors", "--yes", "--cache-dir", cache)
    assert (done.code, done.err) == (0, f"{cache}: freed 2.0 kB.\n")
    assert sorted(path.name for path in cache.iterdir()) == ["digests", "of another program"]


def test_clear_never_deletes_what_it_does_not_know(run: Callable, cache: Path) -> None:
    assert run("cache", "clear", "--yes", "--cache-dir", cache).code == 0
    assert [path.name for path in cache.iterdir()] == ["of another program"]


def test_clear_without_an_answer_deletes_nothing(run: Callable, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    done = run("cache", "clear", "--cache-dir", cache)
    assert done.code == 2
    assert "nothing was deleted" in done.err
    assert (cache / "vectors" / "one").exists()
