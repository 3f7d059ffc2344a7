"""`pairforge compare`: parse, call, render."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import typer

from pairforge.cache import cache_folder
from pairforge.cli.help import Command
from pairforge.cli.parameters import field_parameter, parameter, told_in_flags, validated
from pairforge.cli.quiet import environment
from pairforge.cli.render import print_json, say, show_outcome, show_plan, table
from pairforge.pipeline.compare import PlannedComparison, plan_comparison, run_comparison
from pairforge.pipeline.compare_options import CompareOptions
from pairforge.pipeline.compare_results import Comparison
from pairforge.pipeline.registry import COMPARE_SUMMARY
from pairforge.pipeline.runner import StageReport
from pairforge.progress import terminal

_JUDGING, _TRAINING, _CONTESTANTS, _READING, _RUNNING = (
    "Judging", "Training", "What is compared", "Reading the tasks", "Running",
)  # fmt: skip
_PANELS: Mapping[str, tuple[str, ...]] = {
    _JUDGING: ("task", "dev", "baseline", "bootstrap_samples", "confidence", "seed"),
    _TRAINING: ("student", "loss", "steps", "batch_size", "rate", "seeds"),
    _CONTESTANTS: ("learning_curve", "leave_one_out"),
}
_RUN: Mapping[str, tuple[str, Any, str, str]] = {
    "settings": ("--set", [], "Change a setting (name=value) or a stage's key (stage.key=value) of the recipes.",
                 "NAME=VALUE"),
    "output": ("-o --output", "comparison.json", "Where the results go as JSON; as Markdown beside it.", "PATH"),
    "plot": ("--plot", None, "Draw the results there, as SVG (needs the extra plot).", "FILE.svg"),
    "work": ("--work", None, "Folder of the trials, which a later comparison takes up; comparison.trials for "
             "comparison.json if not given.", "FOLDER"),
    "dry_run": ("--dry-run", False, "Say how many students would be trained, and how many are there already.", ""),
    "overwrite": ("--overwrite", False, "Replace output files that no comparison made.", ""),
    "cache_dir": ("--cache-dir", None, "Folder of vectors and digests that all commands share.", "FOLDER"),
    "json": ("--json", False, "Print the results as one JSON object on stdout.", ""),
    "debug": ("--debug", False, "Show tracebacks and what other libraries say.", ""),
}  # fmt: skip


def compare_command() -> Command:
    """The command, with a flag for each option of `CompareOptions`."""

    def run(**values: Any) -> None:
        _run(values)

    run.__signature__ = inspect.Signature(_parameters())  # type: ignore[attr-defined]
    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    made.command("compare", cls=Command, help=COMPARE_SUMMARY)(run)
    return typer.main.get_command(made)  # type: ignore[return-value]


def _parameters() -> list[inspect.Parameter]:
    corpora = typer.Argument(
        ..., help="Corpora of any shape that trains, or recipes; NAME=FILE gives one a name.", metavar="CORPUS"
    )
    fields = CompareOptions.model_fields
    panels = {name: panel for panel, names in _PANELS.items() for name in names}
    # What is left says how the tasks' files are read.
    panels |= dict.fromkeys((name for name in fields if name not in panels), _READING)
    options = [field_parameter(name, fields[name], panel) for name, panel in panels.items()]
    return [parameter("corpora", corpora, list[str]), *options, *(_running(name, *told) for name, told in _RUN.items())]


def _running(name: str, flags: str, default: Any, text: str, metavar: str) -> inspect.Parameter:
    info = typer.Option(
        default, *flags.split(), help=text, metavar=metavar, show_default=False, rich_help_panel=_RUNNING
    )
    return parameter(name, info, {list: list[str], bool: bool}.get(type(default), str))


def _run(values: Mapping[str, Any]) -> None:
    given = {name: values[name] for name in CompareOptions.model_fields if values[name] is not None}
    options = validated(CompareOptions, given, {})
    cache = values["cache_dir"]
    kept = environment({"PAIRFORGE_CACHE": str(Path(cache).expanduser())}) if cache else nullcontext()
    with kept, told_in_flags(CompareOptions):
        planned = plan_comparison(
            values["corpora"],
            options=options,
            **{name: values[name] for name in ("output", "work", "plot", "settings", "overwrite")},
            cache=cache_folder(),
        )
        if values["dry_run"]:
            _show_plan(planned, json=values["json"])
        else:
            _compare(planned, json=values["json"])


def _show_plan(planned: PlannedComparison, *, json: bool) -> None:
    stages = planned.recipe_plans()
    trainings = planned.trainings() if planned.is_made else None
    if json:
        made = {} if trainings is None else {"students": trainings[0], "done": trainings[1]}
        print_json({"output": str(planned.output), "stages": [stage.name for stage in stages], **made})
        return
    show_plan(stages)
    if trainings is None:
        typer.echo("How many students will be trained is known once the recipes have made their corpora.")
    else:
        typer.echo(
            f"{trainings[0]:,} students, of which {trainings[1]:,} are there already; results in {planned.output}."
        )


def _compare(planned: PlannedComparison, *, json: bool) -> None:
    stages = {
        stage.name: stage.stage
        for entrant in planned.entrants
        for stage in (entrant.recipe.stages if entrant.recipe else ())
    }

    def show(report: StageReport) -> None:
        if not json:
            show_outcome(stages[report.name], report.outcome, called=report.name)

    found = run_comparison(planned, progress=terminal, say=say, after=show)
    if json:
        print_json({"output": str(planned.output), **found.to_json()})
    else:
        _show(found, planned)


def _show(found: Comparison, planned: PlannedComparison) -> None:
    for place, task in enumerate(found.tasks):
        typer.echo(f"{'' if place == 0 else chr(10)}{task.heading}")
        table(found.table(task))
    say("")
    for sentence in found.conclusion:
        say(sentence)
    for note in found.notes:
        say(f"note: {note}")
    written = [planned.output, planned.page, *([] if planned.plot is None else [planned.plot])]
    say(f"\n{', '.join(map(str, written))} hold the results, {planned.work} the trials.")
