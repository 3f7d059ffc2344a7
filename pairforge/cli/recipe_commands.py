"""`pairforge run` and `pairforge recipes`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairforge.cli.failures import sentence_of
from pairforge.cli.quiet import environment
from pairforge.cli.render import print_json, results_json, say, show_outcome, show_plan, show_results, table
from pairforge.errors import EXIT_FAILED, OptionsError

if TYPE_CHECKING:
    from pairforge.pipeline.runner import StageReport
    from pairforge.pipeline.schema import Recipe
    from pairforge.pipeline.score_table import ScoreRow
    from pairforge.pipeline.several import RecipeRun


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
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds",
            help="Run each recipe once for each of these seeds (0,1,2), given to its setting 'seed'; the table then "
            "has means over them.",
            metavar="N,N",
        ),
    ] = None,
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            "--cache-dir", help="Folder of vectors, scores and digests that all commands share.", metavar="FOLDER"
        ),
    ] = None,
    json: _Json = False,
    debug: _Debug = False,
) -> int:
    """Run the stages of recipes that are not up to date; of several, one table of their scores ends the run."""
    from pairforge.pipeline.several import read_recipes, run_recipes, seeds_in  # noqa: PLC0415 - imports polars

    if len(recipe) > 1 and (start or only):
        raise OptionsError(
            f"{'--from' if start else '--only'} names a stage of one recipe, but {len(recipe)} are given."
        )
    with environment({"PAIRFORGE_CACHE": str(cache_dir.expanduser())}) if cache_dir else nullcontext():
        runs = read_recipes(recipe, settings or (), seeds_in(seeds) if seeds is not None else ())
        if len(runs) == 1 and runs[0].failure is not None:
            raise runs[0].failure
        for one in runs:
            _show_failure(one)
        if dry_run:
            done = [_planned(one, start, only, json) for one in runs]
            table_rows: list[ScoreRow] = []
        else:
            run_recipes(runs, lambda read: _run(read, start, only, overwrite, json), failed=_show_failure)
            if len(runs) == 1 and runs[0].failure is not None:
                raise runs[0].failure
            done = [_ran(one) for one in runs]
            table_rows = [] if only else [row for one in runs for row in one.rows()]
    if json:
        print_json({"recipes": done, "table": [row.model_dump(mode="json") for row in table_rows]})
    elif not dry_run and (len(runs) > 1 or seeds is not None or any(row.published is not None for row in table_rows)):
        _show_table(table_rows)
    return EXIT_FAILED if any(one.failure for one in runs) else 0


def _show_failure(run: RecipeRun) -> None:
    if run.failure is not None:
        say(f"error: {sentence_of(run.failure)}")


def _show_table(rows: Sequence[ScoreRow]) -> None:
    from pairforge.pipeline.score_table import shown_rows  # noqa: PLC0415 - imports polars

    say("")
    table(shown_rows(rows))


def _planned(run: RecipeRun, start: str | None, only: str | None, json: bool) -> dict[str, Any]:
    return _by_seed(run, [_plan(recipe, start, only, json) for recipe in run.recipes])


def _plan(recipe: Recipe, start: str | None, only: str | None, json: bool) -> list[dict[str, Any]]:
    from pairforge.pipeline.runner import plan  # noqa: PLC0415 - imports polars

    planned = plan(recipe, start=start, only=only)
    if not json:
        typer.echo(f"{_called(recipe)}:")
        show_plan(planned)
    return [
        {
            "stage": stage.name,
            "step": stage.step,
            "intent": str(stage.intent),
            "reasons": list(stage.reasons),
            "output": str(stage.output),
        }
        for stage in planned
    ]


def _run(recipe: Recipe, start: str | None, only: str | None, overwrite: bool, json: bool) -> list[StageReport]:
    from pairforge.pipeline.runner import run as run_recipe  # noqa: PLC0415 - imports polars
    from pairforge.progress import terminal  # noqa: PLC0415 - loaded when it is used

    stages = {stage.name: stage.stage for stage in recipe.stages}

    def show(report: StageReport) -> None:
        if not json:
            show_outcome(stages[report.name], report.outcome, called=report.name)

    reports = run_recipe(recipe, start=start, only=only, overwrite=overwrite, progress=terminal, say=say, after=show)
    if not json:
        _show_end(recipe, reports)
    return reports


def _ran(run: RecipeRun) -> dict[str, Any]:
    return _by_seed(run, [[r.to_json() | results_json(r.step, r.outcome) for r in reports] for reports in run.reports])


def _by_seed(run: RecipeRun, stages: Sequence[list[dict[str, Any]]]) -> dict[str, Any]:
    """One recipe for machines: its stages, or those of each seed, and why it failed if it did."""
    told: dict[str, Any] = {"recipe": str(run.recipes[0].path) if run.recipes else run.name}
    if run.failure is not None:
        told["failed"] = str(run.failure)
    if run.recipes and run.recipes[0].seed is None:
        return told | {"stages": stages[0] if stages else []}
    return told | {
        "seeds": [{"seed": recipe.seed, "stages": done} for recipe, done in zip(run.recipes, stages, strict=False)]
    }


def _show_end(recipe: Recipe, reports: Sequence[StageReport]) -> None:
    if any(report.step == "evaluate" for report in reports):
        say("")
    for report in reports:
        show_results(report.step, report.outcome)
    say(f"\n{_called(recipe)} is done; what it made:")
    width = max(len(report.name) for report in reports)
    for report in reports:
        for path in report.outcome.outputs.values():
            say(f"  {report.name:<{width}}  {path}")


def _called(recipe: Recipe) -> str:
    return f"{recipe.path}" if recipe.seed is None else f"{recipe.path}, seed {recipe.seed}"


def recipes(json: _Json = False, debug: _Debug = False) -> None:
    """List the recipes that come with pairforge."""
    from pairforge.pipeline.registry import shipped_recipes  # noqa: PLC0415 - reads their files

    found = shipped_recipes()
    if json:
        print_json({"recipes": [{"name": r.name, "path": str(r.path), "description": r.description} for r in found]})
    else:
        table([{"Recipe": recipe.name, "What it does": recipe.description} for recipe in found])
