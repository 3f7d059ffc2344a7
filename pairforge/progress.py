"""How far a long piece of work is, with its rate and the time left, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

_SECONDS_BETWEEN_LINES = 10.0


class Advance(Protocol):
    """Tells a bar how far the work is."""

    def __call__(self, done: int, detail: str = "", /) -> None:
        """So many units were done since the last call; `detail` is shown behind the rate from now on."""
        ...


class Progress(Protocol):
    """Opens a bar for one piece of work."""

    def __call__(self, label: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        """A context whose value is called with the units done since the last call."""
        ...


@contextmanager
def silent(label: str, total: int, unit: str) -> Iterator[Advance]:
    """Show nothing."""
    yield lambda done, detail="": None


def within(advance: Advance) -> Progress:
    """Shows pieces of work behind the bar of the whole that they are part of; a bar of their own would tear it apart.

    Args:
        advance: Tells the bar of the whole.
    """

    @contextmanager
    def opened(label: str, total: int, unit: str) -> Iterator[Advance]:
        started, so_far = time.monotonic(), 0

        def told(done: int, detail: str = "") -> None:
            nonlocal so_far
            so_far += done
            advance(0, progress_line(label, so_far, total, unit, time.monotonic() - started, detail=detail))

        yield told

    return opened


@contextmanager
def terminal(label: str, total: int, unit: str) -> Iterator[Advance]:
    """Show a bar where stderr is a terminal, else (a log file, a pipe) a line about every ten seconds.

    Args:
        label: What is being done ("encode documents").
        total: Units there are; 0 where nobody knows.
        unit: What is counted, in the plural ("texts").
    """
    opened = _bar if sys.stderr.isatty() else _lines
    with opened(label, total, unit) as advance:
        yield advance


@contextmanager
def _bar(label: str, total: int, unit: str) -> Iterator[Advance]:
    from rich import progress as bars  # noqa: PLC0415 - a tenth of a second that a quiet run need not spend
    from rich.console import Console  # noqa: PLC0415 - loaded when it is used

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.TextColumn("{task.completed:,.0f}" + (f" of {total:,}" if total else "") + f" {unit}"),
        bars.TextColumn("{task.fields[rate]}", markup=False),
        bars.TimeRemainingColumn(elapsed_when_finished=True),
    )
    started = time.monotonic()
    with bars.Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(label, total=total or None, rate="")

        def advance(done: int, detail: str = "") -> None:
            so_far = shown.tasks[0].completed + done
            rate = _rate(so_far, time.monotonic() - started)
            shown.update(task, advance=done, rate=f"{rate}, {detail}" if detail else rate)

        yield advance


@contextmanager
def _lines(label: str, total: int, unit: str) -> Iterator[Advance]:
    started = last_line = time.monotonic()
    so_far = 0

    def advance(done: int, detail: str = "") -> None:
        nonlocal so_far, last_line
        so_far += done
        now = time.monotonic()
        if now - last_line >= _SECONDS_BETWEEN_LINES:
            last_line = now
            line = progress_line(label, so_far, total, unit, now - started, detail=detail)
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    yield advance


def progress_line(label: str, done: int, total: int, unit: str, seconds: float, *, detail: str = "") -> str:
    """One line of a log: how much is done, how fast, and for how long it will go on at that rate."""
    share = f" of {total:,} {unit} ({done / total:.0%})" if total else f" {unit}"
    left = f", {_duration((total - done) * seconds / done)} left" if done and total > done else ""
    behind = f", {detail}" if detail else ""
    return f"{label}: {done:,}{share}, {_rate(done, seconds)}{behind}{left}"


def _rate(done: float, seconds: float) -> str:
    rate = done / seconds if seconds > 0 else 0.0
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
