"""`pairforge run` and `pairforge recipes`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairforge.cli.quiet import environment
from pairforge.cli.render import print_json, results_json, say, show_outcome, show_plan, show_results, table
from pairforge.errors import OptionsError

if TYPE_CHECKING:
    from pairforge.pipeline.runner import StageReport
    from pairforge.pipeline.schema import Recipe


def _shipped(incomplete: str) -> list[str]:
    from pairforge.pipeline.registry import shipped_recipes  # noqa: PLC0415 - reads their files

    return [recipe.name for recipe in shipped_recipes() if recipe.name.startswith(incomplete)]


_Json = Annotated[bool, typer.Option("--json", help="Print what was done as one JSON object on stdout.", metavar="")]
_Debug = Annotated[
    bool,
    typer.Option("--debug", help="Show tracebacks and what other libraries say.", metavar="", expose_value=False),
]


def run(
    recipe: Annotated[
        list[str],
        typer.Argument(
            help="Recipe files, or names of shipped recipes; run one after the other.",
            metavar="RECIPE",
            autocompletion=_shipped,
        ),
    ],
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a setting (name=value) or a stage's key (stage.key=value).", metavar="NAME=VALUE"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run, and what is up to date or why not.", metavar="")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Run this stage and all after it; those before are used as they are.", metavar="STAGE"
        ),
    ] = None,
    only: Annotated[str | None, typer.Option("--only", help="Run this stage alone.", metavar="STAGE")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that were made from something else.", metavar="")
    ] = False,
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            "--cache-dir", help="Folder of vectors, scores and digests that all commands share.", metavar="FOLDER"
        ),
    ] = None,
    json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Run the stages of a recipe that are not up to date."""
    from pairforge.pipeline.schema import read_recipe  # noqa: PLC0415 - imports polars

    if len(recipe) > 1 and (start or only):
        raise OptionsError(
            f"{'--from' if start else '--only'} names a stage of one recipe, but {len(recipe)} are given."
        )
    with environment({"PAIRFORGE_CACHE": str(cache_dir.expanduser())}) if cache_dir else nullcontext():
        read = [read_recipe(named, settings or ()) for named in recipe]
        done = [
            _plan(asked, start, only, json) if dry_run else _run(asked, start, only, overwrite, json) for asked in read
        ]
    if json:
        print_json({"recipes": done})


def _plan(recipe: Recipe, start: str | None, only: str | None, json: bool) -> dict[str, Any]:
    from pairforge.pipeline.runner import plan  # noqa: PLC0415 - imports polars

    planned = plan(recipe, start=start, only=only)
    if not json:
        show_plan(planned)
    stages = [
        {
            "stage": stage.name,
            "step": stage.step,
            "intent": str(stage.intent),
            "reasons": list(stage.reasons),
            "output": str(stage.output),
        }
        for stage in planned
    ]
    return {"recipe": str(recipe.path), "stages": stages}


def _run(recipe: Recipe, start: str | None, only: str | None, overwrite: bool, json: bool) -> dict[str, Any]:
    from pairforge.pipeline.runner import run as run_recipe  # noqa: PLC0415 - imports polars
    from pairforge.progress import terminal  # noqa: PLC0415 - loaded when it is used

    stages = {stage.name: stage.stage for stage in recipe.stages}

    def show(report: StageReport) -> None:
        if not json:
            show_outcome(stages[report.name], report.outcome, called=report.name)

    reports = run_recipe(recipe, start=start, only=only, overwrite=overwrite, progress=terminal, say=say, after=show)
    if not json:
        _show_end(recipe, reports)
    return {"recipe": str(recipe.path), "stages": [r.to_json() | results_json(r.step, r.outcome) for r in reports]}


def _show_end(recipe: Recipe, reports: list[StageReport]) -> None:
    if any(report.step == "evaluate" for report in reports):
        say("")
    for report in reports:
        show_results(report.step, report.outcome)
    say(f"\n{recipe.path} is done; what it made:")
    width = max(len(report.name) for report in reports)
    for report in reports:
        for path in report.outcome.outputs.values():
            say(f"  {report.name:<{width}}  {path}")


def recipes(json: _Json = False, debug: _Debug = False) -> None:
    """List the recipes that come with pairforge."""
    from pairforge.pipeline.registry import shipped_recipes  # noqa: PLC0415 - reads their files

    found = shipped_recipes()
    if json:
        print_json({"recipes": [{"name": r.name, "path": str(r.path), "description": r.description} for r in found]})
    else:
        table([{"Recipe": recipe.name, "What it does": recipe.description} for recipe in found])
