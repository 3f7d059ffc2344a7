"""What a user sees of an outcome: a summary on stderr, results and JSON on stdout."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from pairforge.evaluation.results import Evaluation
    from pairforge.execution.ledger import Ledger
    from pairforge.execution.stage import Outcome, Stage
    from pairforge.pipeline.runner import StagePlan

_LABEL_WIDTH = 12
_IF_NOT_GIVEN = re.compile(r"; ([^;]+) if not given\.$")
"""How the help of an input says what stands in for it."""
_QUANTILES = {"0.05": "5%", "0.25": "25%", "0.5": "50%", "0.75": "75%", "0.95": "95%"}


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def show_prompts(prompts: Sequence[str]) -> None:
    """Prompts on stdout, a line between two."""
    typer.echo(f"\n{'─' * 60}\n".join(prompts))


def show_outcome(stage: Stage, outcome: Outcome, *, called: str | None = None, typed: Container[str] = ()) -> None:
    """The summary of a stage on stderr.

    Args:
        stage: What was asked for.
        outcome: What came of it.
        called: The stage's name in a recipe, where every choice stands written.
        typed: On the command line, the parameters that the user typed; the other choices are marked as defaults.
    """
    name = called or stage.step.name
    if outcome.status == "up to date":
        say(f"{name}: {_paths(outcome.outputs.values())} is up to date.")
        return
    console = _console()
    sources = ", ".join(source for given in stage.inputs.values() for source in given.sources)
    made = _paths(outcome.outputs.values())
    console.print(f"[bold green]✓[/] [bold]{name}[/]  ", end="")
    console.print(f"{sources} → {made}" if sources else made, markup=False)
    for label, text in [*_rows(outcome), *_choices(stage, outcome, called is None, typed), *_findings(outcome)]:
        console.print(f"  [dim]{label:<{_LABEL_WIDTH}}[/] ", end="")
        console.print(text, markup=False)


def show_results(step: str, outcome: Outcome) -> None:
    """The tables of scores on stdout after an evaluation, that of settings after a sweep."""
    if step == "sweep-negatives":
        from pairforge.files import read_frame  # noqa: PLC0415 - only for sweeps
        from pairforge.steps.mining.sweep_table import shown_rows  # noqa: PLC0415 - only for sweeps

        for path in outcome.outputs.values():
            table(shown_rows(read_frame(path)))
    for results in _results(step, outcome):
        from pairforge.evaluation.result_tables import results_table  # noqa: PLC0415 - only for evaluations

        show_by_task(results_table(results))


def show_by_task(rows: Iterable[Mapping[str, str]]) -> None:
    """Rows with the headings Task and Items as a table for each task and what is measured of it, on stdout."""
    by_task: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for row in rows:
        shown = {heading: text for heading, text in row.items() if heading not in ("Task", "Items")}
        by_task.setdefault((f"{row['Task']}, {row['Items']}", *shown), []).append(shown)
    for place, ((task, *_), of_task) in enumerate(by_task.items()):
        typer.echo(f"\n{task}" if place else task)
        table(of_task)


def results_json(step: str, outcome: Outcome) -> dict[str, Any]:
    """The scores for machines, after an evaluation."""
    return next(({"results": results.to_json()} for results in _results(step, outcome)), {})


def _results(step: str, outcome: Outcome) -> Iterator[Evaluation]:
    if step != "evaluate":
        return
    from pairforge.evaluation.results import read_results  # noqa: PLC0415 - only for evaluations

    yield read_results(next(iter(outcome.outputs.values())))


def show_plan(planned: Sequence[StagePlan]) -> None:
    """What a recipe would do, on stdout."""
    table(
        [
            {"Stage": p.name, "Step": p.step, "": str(p.intent), "Output": str(p.output), "Why": "; ".join(p.reasons)}
            for p in planned
        ]
    )


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


def _rows(outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.rows_in:
        yield "rows in", _counts(outcome.rows_in)
    if outcome.rows_out:
        yield "rows out", _counts(outcome.rows_out)


def _choices(stage: Stage, outcome: Outcome, chosen: bool, typed: Container[str]) -> Iterator[tuple[str, str]]:
    """The models, and what was taken for whatever the user left open."""
    if chosen and "output" not in typed:
        yield "output", f"{_paths(outcome.outputs.values())}, the default; -o names another"
    for role, entry in stage.step.inputs.items():
        if role not in stage.inputs and (instead := _IF_NOT_GIVEN.search(entry.help)):
            yield role, f"{instead[1]}, the default"
    for role, specs in outcome.models.items():
        flag, many = stage.step.models[role].flag, stage.step.models[role].many
        default = "" if many or not chosen or flag.replace("-", "_") in typed else ", the default"
        yield flag, ", ".join(f"{spec.name} ({spec.source}{default})" for spec in specs)


def _findings(outcome: Outcome) -> Iterator[tuple[str, str]]:
    yield from ledger_lines(outcome.ledger)
    for sentence in dict.fromkeys([*outcome.notes, *outcome.ledger.notes]):
        yield "note", sentence
    yield "time", duration(outcome.seconds)


def ledger_lines(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """What was dropped and counted, and quantiles of the similarities seen."""
    if ledger.dropped:
        total = sum(ledger.dropped.values())
        yield "dropped", f"{total:,}: " + "; ".join(f"{rows:,} {_words(why)}" for why, rows in ledger.dropped.items())
    counted: dict[str, list[str]] = {}
    for name, number in ledger.counts.items():
        group, _, what = name.rpartition(": ")
        if number:
            counted.setdefault(group or "counted", []).append(f"{number:,} {_words(what)}")
    for group, counts in counted.items():
        yield group, "; ".join(counts)
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
