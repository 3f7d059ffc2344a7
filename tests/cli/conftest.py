"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from pairforge.cli.app import main


@dataclass(frozen=True)
class Ran:
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs `pairforge WORDS…` in this process, in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def ran(*words: object) -> Ran:
        code = main([str(word) for word in words])
        shown = capfd.readouterr()
        return Ran(code, shown.out, shown.err)

    return ran


@pytest.fixture
def nli(tmp_path: Path) -> Path:
    """A small NLI file: two premises, each with every label."""
    path = tmp_path / "nli.jsonl"
    rows = [
        {"premise": f"A {animal} sleeps.", "hypothesis": f"The {animal} {verb}.", "label": label}
        for animal in ("cat", "dog")
        for label, verb in enumerate(("rests", "dreams", "runs"))
    ]
    pl.DataFrame(rows).write_ndjson(path)
    return path
