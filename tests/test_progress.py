from __future__ import annotations

import io
import sys

import pytest

from pairforge import progress
from pairforge.progress import progress_line, silent, terminal, within


class Screen(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_silence_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    with silent("encode", 2, "texts") as advance:
        advance(2)
    assert capfd.readouterr() == ("", "")


def test_a_log_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 10.0, 12.0, 25.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with terminal("encode", 100, "texts") as advance:
        for _ in range(4):
            advance(20)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "encode: 40 of 100 texts (40%), 4/s, 15 s left",
        "encode: 80 of 100 texts (80%), 3.2/s, 6 s left",
    ]


def test_a_terminal_gets_a_bar_with_count_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with terminal("encode [all]", 1200, "texts") as advance:
        advance(1200)
    assert "encode [all]" in screen.getvalue()
    assert "1,200 of 1,200 texts" in screen.getvalue()
    assert "/s" in screen.getvalue()


def test_bars_may_stand_within_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with terminal("parts", 1, "parts") as outer:
        with terminal("encode", 0, "texts") as inner:
            inner(5)
        outer(1)
    assert "1 of 1 parts" in screen.getvalue()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "line"),
    [
        (0, 10, 0.0, "x: 0 of 10 texts (0%), 0/s"),
        (5, 0, 2.0, "x: 5 texts, 2.5/s"),
        (10, 10, 2.0, "x: 10 of 10 texts (100%), 5/s"),
        (1000, 400_000, 10.0, "x: 1,000 of 400,000 texts (0%), 100/s, 1 h 06 min left"),
        (1000, 10_000, 10.0, "x: 1,000 of 10,000 texts (10%), 100/s, 1 min 30 s left"),
    ],
)
def test_a_line_says_how_far_how_fast_and_how_long(done: int, total: int, seconds: float, line: str) -> None:
    assert progress_line("x", done, total, "texts", seconds) == line


def test_a_part_of_the_work_shows_behind_the_bar_of_the_whole() -> None:
    told: list[tuple[int, str]] = []
    with within(lambda done, detail="": told.append((done, detail)))("asking", 4, "questions") as advance:
        advance(1, "300 tokens/s")
        advance(3, "310 tokens/s, 1 without an answer")
    assert [done for done, _ in told] == [0, 0]
    assert told[0][1].startswith("asking: 1 of 4 questions (25%), ")
    assert ", 300 tokens/s, " in told[0][1]
    assert told[1][1].startswith("asking: 4 of 4 questions (100%), ")
    assert told[1][1].endswith(", 310 tokens/s, 1 without an answer")
