"""What a user sees of an outcome: a summary on stderr, results and JSON on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from pairforge.execution.ledger import Ledger
    from pairforge.execution.stage import Outcome, Stage

_LABEL_WIDTH = 12
_QUANTILES = {"0.05": "5%", "0.25": "25%", "0.5": "50%", "0.75": "75%", "0.95": "95%"}


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def show_outcome(stage: Stage, outcome: Outcome, typed: set[str]) -> None:
    """The summary of one command on stderr; the scores of an evaluation on stdout.

    Args:
        stage: What was asked for.
        outcome: What came of it.
        typed: Parameters that the user typed; the others' choices are marked as defaults.
    """
    if outcome.status == "up to date":
        say(f"{stage.step.name}: {_paths(outcome.outputs.values())} is up to date.")
    else:
        _show_summary(stage, outcome, typed)
    show_results(stage.step.name, outcome)


def show_results(step: str, outcome: Outcome) -> None:
    """The table of scores on stdout, after an evaluation."""
    if step != "evaluate":
        return
    from pairforge.evaluation.results import read_results, results_table  # noqa: PLC0415 - only for evaluations

    for path in outcome.outputs.values():
        table(results_table(read_results(path)))


def table(rows: Sequence[Mapping[str, str]]) -> None:
    """Rows of one set of headings as aligned text on stdout."""
    if not rows:
        return
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in [lines[0], ["─" * width for width in widths], *lines[1:]]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def say(sentence: str) -> None:
    """A plain line on stderr."""
    typer.echo(sentence, err=True)


def _show_summary(stage: Stage, outcome: Outcome, typed: set[str]) -> None:
    console = _console()
    sources = ", ".join(source for given in stage.inputs.values() for source in given.sources)
    made = _paths(outcome.outputs.values())
    heading = f"{sources} → {made}" if sources else made
    console.print(f"[bold green]✓[/] [bold]{stage.step.name}[/]  ", end="")
    console.print(heading, markup=False)
    for label, text in summary_lines(stage, outcome, typed):
        console.print(f"  [dim]{label:<{_LABEL_WIDTH}}[/] ", end="")
        console.print(text, markup=False)


def summary_lines(stage: Stage, outcome: Outcome, typed: set[str]) -> Iterator[tuple[str, str]]:
    """Label → text of every line under the heading."""
    yield from _rows(outcome)
    for role, specs in outcome.models.items():
        flag = stage.step.models[role].flag
        chosen = "" if flag.replace("-", "_") in typed or stage.step.models[role].many else ", the default"
        yield flag, ", ".join(f"{spec.name} ({spec.source}{chosen})" for spec in specs)
    yield from ledger_lines(outcome.ledger)
    for sentence in dict.fromkeys([*outcome.notes, *outcome.ledger.notes]):
        yield "note", sentence
    if "output" not in typed:
        yield "output", f"{_paths(outcome.outputs.values())}, the default; -o names another"
    yield "time", duration(outcome.seconds)


def _rows(outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.rows_in:
        yield "rows in", _counts(outcome.rows_in)
    if outcome.rows_out:
        yield "rows out", _counts(outcome.rows_out)


def ledger_lines(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """What was dropped and counted, and quantiles of the similarities seen."""
    if ledger.dropped:
        total = sum(ledger.dropped.values())
        yield "dropped", f"{total:,}: " + "; ".join(f"{rows:,} {_words(why)}" for why, rows in ledger.dropped.items())
    if ledger.counts:
        yield "counted", "; ".join(f"{_words(name)} {number:,}" for name, number in ledger.counts.items())
    distributions = {name: d.quantiles() for name, d in ledger.distributions.items() if d.counts.any()}
    if distributions:
        width = max(len(_words(name)) for name in distributions)
        yield "similarities", " " * width + "".join(f"{shown:>8}" for shown in _QUANTILES.values())
        for name, quantiles in distributions.items():
            yield "", f"{_words(name):<{width}}" + "".join(f"{quantiles[level]:>8.3f}" for level in _QUANTILES)


def duration(seconds: float) -> str:
    """Seconds in words: "0.4 s", "2 min 05 s", "1 h 02 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def size(number: int) -> str:
    """Bytes in words: "312 kB", "1.2 GB"."""
    value, units = float(number), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while value >= 1000 and (larger := next(units, None)):
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {_words(name)}" for name, number in rows.items())


def _words(name: str) -> str:
    return name.replace("_", " ")


def _paths(paths: Iterable[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that one-line answers need not spend

    return Console(stderr=True, highlight=False, soft_wrap=True)
