"""`pairforge leaderboard`: the results of many evaluations, side by side."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pairforge.cli.render import print_json, show_by_task


class Format(StrEnum):
    """How the table is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"


def leaderboard(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Leaderboard files, or folders that hold some; this folder if not given.", metavar="FILE"),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only these tasks, as they were named.", metavar="TASK")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", metavar="", expose_value=False)] = False,
) -> None:
    """Print the results of many evaluations, the best model of each task first."""
    from pairforge.errors import OptionsError  # noqa: PLC0415 - a list of commands need not load it
    from pairforge.evaluation.leaderboard import leaderboard_table, read_leaderboard  # noqa: PLC0415 - the same
    from pairforge.evaluation.result_tables import markdown_table  # noqa: PLC0415 - the same
    from pairforge.option_faults import nearest_names  # noqa: PLC0415 - the same

    entries = read_leaderboard(files or [Path()])
    known = list(dict.fromkeys(entry.task.task for entry in entries))
    for name in task or ():
        if name not in known:
            raise OptionsError(f"there is no result of task '{name}'; {nearest_names(name, known)}.")
    chosen = [entry for entry in entries if not task or entry.task.task in task]
    if json:
        print_json({"entries": [entry.model_dump(mode="json") for entry in chosen]})
        return
    rows = leaderboard_table(chosen)
    if form is Format.TEXT:
        show_by_task(rows)
        return
    for board in dict.fromkeys((row["Task"], *row) for row in rows):
        typer.echo(markdown_table([row for row in rows if (row["Task"], *row) == board]))
