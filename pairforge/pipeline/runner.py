"""Running a recipe: what has to be done and why, then doing it, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pairforge.cache import cache_folder
from pairforge.errors import OptionsError, PairforgeError, StageError, Stopped
from pairforge.evaluation.results import Evaluation, read_results
from pairforge.execution.manifest import manifest_path
from pairforge.execution.stage import PART_ROWS, Outcome, check_stage, run_stage
from pairforge.execution.workspace import Workspace
from pairforge.option_faults import nearest_names
from pairforge.pipeline.faults import in_recipe_terms
from pairforge.pipeline.schema import Recipe, RecipeStage
from pairforge.progress import Progress, silent


class Intent(StrEnum):
    """What a run would do about a stage."""

    RUN = "will run"
    MAY_RUN = "may run"
    UP_TO_DATE = "up to date"
    USED = "used as it is"
    LEFT_OUT = "left out"


_CHANGING = (Intent.RUN, Intent.MAY_RUN)


@dataclass(frozen=True)
class StagePlan:
    """What a run would do about one stage.

    Args:
        name: The stage.
        step: The step it runs.
        intent: What would be done.
        reasons: Why, one phrase each ("option num_negatives 3 → 5").
        output: Path of its main output.
    """

    name: str
    step: str
    intent: Intent
    reasons: tuple[str, ...]
    output: Path


@dataclass(frozen=True)
class StageReport:
    """What a run did about one stage.

    Args:
        name: The stage.
        step: The step it ran.
        outcome: What came of it.
    """

    name: str
    step: str
    outcome: Outcome

    @property
    def evaluation(self) -> Evaluation | None:
        """The results of a stage that evaluates; None for any other."""
        return read_results(next(iter(self.outcome.outputs.values()))) if self.step == "evaluate" else None

    def to_json(self) -> dict[str, Any]:
        """The same for machines, in JSON types."""
        return {"stage": self.name, "step": self.step, **self.outcome.to_json()}


def plan(
    recipe: Recipe, *, start: str | None = None, only: str | None = None, cache: Path | None = None
) -> list[StagePlan]:
    """What `run` would do, stage by stage, without doing it or loading anything heavy.

    A stage whose inputs an earlier one has yet to make will run; one whose inputs an earlier one makes anew may turn
    out to be up to date, where they come out as before.

    Args:
        recipe: What would be run.
        start: As for `run`.
        only: As for `run`.
        cache: The folder of the caches that all commands share; the user's if None.

    Raises:
        OptionsError, StageError: as `run`, for the choice of stages.
        FileError: an input vanished since the recipe was read.
    """
    chosen = _chosen(recipe, start, only)
    _refuse_unmade(recipe, chosen)
    changing: set[str] = set()
    plans = []
    for stage in recipe.stages:
        with _named(stage):
            intent, reasons = _intent(stage, chosen, changing, cache or cache_folder())
        if intent in _CHANGING:
            changing.add(stage.name)
        plans.append(StagePlan(stage.name, stage.stage.step.name, intent, reasons, stage.main))
    return plans


def _intent(
    stage: RecipeStage, chosen: Mapping[str, RecipeStage], changing: set[str], cache: Path
) -> tuple[Intent, tuple[str, ...]]:
    if stage.name not in chosen:
        used = any(stage.name in other.needs for other in chosen.values())
        return (Intent.USED if used else Intent.LEFT_OUT), ()
    awaited = [need for need in stage.needs if need in changing]
    if not all(path.exists() for need in awaited for path in stage.needs[need]):
        return Intent.RUN, (f"waits for {' and '.join(awaited)}",)
    freshness = check_stage(stage.stage, cache=cache)
    if not freshness.up_to_date:
        return Intent.RUN, freshness.reasons
    if awaited:
        return Intent.MAY_RUN, (f"if {' or '.join(awaited)} gives something else",)
    return Intent.UP_TO_DATE, ()


def run(
    recipe: Recipe,
    *,
    start: str | None = None,
    only: str | None = None,
    cache: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    part_rows: int = PART_ROWS,
    say: Callable[[str], None] = lambda sentence: None,
    before: Callable[[RecipeStage], None] = lambda stage: None,
    after: Callable[[StageReport], None] = lambda report: None,
) -> list[StageReport]:
    """Bring every stage of a recipe up to date, in order.

    What a stage made before it may replace; files of other making, or edited since, only with `overwrite`.

    Args:
        recipe: What is run.
        start: The first stage that is looked at, with all after it; the outputs of those before it are used as they
            are. All stages if None.
        only: The one stage that is looked at; the outputs of others are used as they are.
        cache: The folder of the caches that all commands share; the user's if None.
        overwrite: Whether outputs of other making may be replaced.
        progress: Shows how far the work is.
        part_rows: Rows in one part, for steps whose rows are independent.
        say: Told what a step has to say before it works.
        before: Called with each stage as its turn comes.
        after: Called with what came of each stage.

    Returns:
        What came of each stage that was looked at.

    Raises:
        OptionsError: there is no stage `start` or `only`, or both are given.
        StageError: a stage that is used as it is was never made, or an output may not be replaced.
        Stopped: Ctrl-C; what was finished is kept.
        PairforgeError: a stage failed; the message names it.
    """
    chosen = _chosen(recipe, start, only)
    _refuse_unmade(recipe, chosen)
    if not overwrite:
        _refuse_foreign(chosen.values())
    reports = []
    for stage in chosen.values():
        before(stage)
        with _named(stage):
            outcome = _run_stage(
                stage, cache or cache_folder(), overwrite=overwrite, progress=progress, say=say, part_rows=part_rows
            )
        reports.append(StageReport(stage.name, stage.stage.step.name, outcome))
        after(reports[-1])
    return reports


def _chosen(recipe: Recipe, start: str | None, only: str | None) -> dict[str, RecipeStage]:
    if start is not None and only is not None:
        raise OptionsError("--from and --only are both given; choose one of them.")
    for name in (start, only):
        if name is not None and name not in recipe.names:
            raise OptionsError(f"{recipe.path}: there is no stage '{name}'; {nearest_names(name, recipe.names)}.")
    first = recipe.names.index(start or only or recipe.names[0])
    last = first + 1 if only else None
    return {stage.name: stage for stage in recipe.stages[first:last]}


def _refuse_unmade(recipe: Recipe, chosen: Mapping[str, RecipeStage]) -> None:
    for stage in chosen.values():
        for need, paths in stage.needs.items():
            missing = [path for path in paths if not path.exists()]
            if need not in chosen and missing:
                raise StageError(
                    f"{recipe.path}: stage {stage.name} uses {missing[0]}, which stage {need} has not made yet; "
                    f"run it first, with --from {need}."
                )


def _refuse_foreign(stages: Iterable[RecipeStage]) -> None:
    """Refuse early, before hours of other stages, to write over what no stage made."""
    for stage in stages:
        # An unfinished run may have put outputs in place and not yet their manifest.
        unfinished = Workspace(stage.main, "any").folder.parent.exists()
        if stage.main.exists() and not unfinished and not manifest_path(stage.main).exists():
            raise StageError(
                f"stage {stage.name}: {stage.main} exists, and no manifest says that a stage made it. Move it away, "
                "or name another folder with --set output=…."
            )


def _run_stage(
    stage: RecipeStage,
    cache: Path,
    *,
    overwrite: bool,
    progress: Progress,
    say: Callable[[str], None],
    part_rows: int,
) -> Outcome:
    own = not check_stage(stage.stage, cache=cache).unaccounted
    return run_stage(
        stage.stage, cache=cache, overwrite=overwrite or own, progress=progress, say=say, part_rows=part_rows
    )


@contextmanager
def _named(stage: RecipeStage) -> Iterator[None]:
    """Let the errors of a stage begin with its name and mend by what a recipe has."""
    try:
        yield
    except Stopped:
        raise
    except PairforgeError as error:
        error.args = (f"stage {stage.name}: {in_recipe_terms(str(error))}",)
        raise
