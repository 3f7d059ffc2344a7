from __future__ import annotations

import pytest

from pairforge.cli.render import duration, ledger_lines, size, table
from pairforge.execution.ledger import Ledger


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (125, "2 min 05 s"), (3725, "1 h 02 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 B"), (312_000, "312 kB"), (1_240_000_000, "1.2 GB")])
def test_sizes_in_words(number: int, words: str) -> None:
    assert size(number) == words


def test_a_ledger_shows_what_was_dropped_counted_and_seen() -> None:
    ledger = Ledger()
    ledger.drop("too_few_negatives", 12)
    ledger.drop("unlabelled", 3)
    ledger.count("turned rows", 2)
    ledger.count("candidates: retrieved", 4_000)
    ledger.count("candidates: removed as within relative_margin", 7)
    ledger.observe("positive", [0.9, 0.8])
    lines = list(ledger_lines(ledger))
    assert lines[0] == ("dropped", "15: 12 too few negatives; 3 unlabelled")
    assert lines[1] == ("counted", "2 turned rows")
    assert lines[2] == ("candidates", "4,000 retrieved; 7 removed as within relative margin")
    assert lines[3][0] == "similarities"
    assert lines[3][1].split() == ["5%", "25%", "50%", "75%", "95%"]
    assert lines[4][1].split()[0] == "positive"


def test_an_empty_ledger_shows_nothing() -> None:
    assert list(ledger_lines(Ledger())) == []


def test_tables_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    table([{"Model": "a", "Score": "0.8"}, {"Model": "longer", "Score": "0.75"}])
    assert capsys.readouterr().out.splitlines() == ["Model   Score", "──────  ─────", "a       0.8", "longer  0.75"]
