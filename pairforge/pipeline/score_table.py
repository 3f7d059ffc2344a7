"""One table over several recipes: what was published of each, what came out, and from what, in how many steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from pairforge.errors import RecipeError
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.over_seeds import STEP as OVER_SEEDS
from pairforge.evaluation.over_seeds import OverSeedsOptions, SeedReport, read_seed_scores
from pairforge.evaluation.results import Difference, ModelScores, TaskResults, read_results
from pairforge.evaluation.statistics import Estimate
from pairforge.execution.manifest import Manifest, manifest_path, read_manifest
from pairforge.execution.stage import Stage, run_stage
from pairforge.option_faults import nearest_names
from pairforge.pipeline.published import Target
from pairforge.pipeline.recipe_file import PUBLISHED
from pairforge.pipeline.schema import Recipe, RecipeStage
from pairforge.pipeline.standings import shown_difference

_MODELS = "models"
"""The role of the models that are judged."""


class ScoreRow(BaseModel):
    """One metric of one recipe, or that it failed.

    Args:
        recipe: Its name.
        scale: The scale it ran at; None for a recipe without scales.
        metric: The metric; None where the recipe failed or judges nothing.
        published: What was published.
        of_this_size: Whether that is of the size that ran here.
        obtained: On all rows, with an interval over rows; over several seeds the mean, and the interval is None.
        interval: That interval.
        by_seed: The value of each seed, where seeds were given.
        start: What the untrained start obtains, the mean over seeds.
        ahead: How far the model is ahead of its start, paired on the same rows, over seeds too.
        rows: Rows that the model was trained on.
        steps: Batches that it was trained on.
        seconds: What all stages took, of all seeds.
        failed: Why it failed; None if it did not.
    """

    model_config = ConfigDict(frozen=True)

    recipe: str
    scale: str | None = None
    metric: str | None = None
    published: float | None = None
    of_this_size: bool = True
    obtained: float | None = None
    interval: Estimate | None = None
    by_seed: tuple[float, ...] = ()
    start: float | None = None
    ahead: Estimate | None = None
    rows: int | None = None
    steps: int | None = None
    seconds: float | None = None
    failed: str | None = None


def rows_of(runs: Sequence[Recipe], *, cache: Path) -> list[ScoreRow]:
    """The rows of one recipe that was run, once or from several seeds; several are judged together here.

    Args:
        runs: The recipe as it ran: itself, or with each seed.
        cache: The folder of the caches that all commands share.

    Raises:
        PairforgeError: what was made cannot be judged or read.
    """
    recipe = runs[0]
    common: dict[str, Any] = {"recipe": recipe.path.stem, "scale": recipe.scale, "seconds": _seconds(runs)}
    target = recipe.target
    if target is None:
        return [ScoreRow(**common)]
    common |= {"of_this_size": recipe.scale in (None, PUBLISHED), **_training(recipe, target)}
    task = read_results(_stage(recipe, target.stage).main).tasks[0]
    metrics = _metrics(recipe, target, task)
    seeds = {} if recipe.seed is None else _over_seeds(runs, target, metrics, cache)
    found = {name: _of_seeds(seeds[name]) if seeds else _of_one(recipe, target, task, name) for name in metrics}
    return [ScoreRow(metric=name, published=target.metrics.get(name), **common, **found[name]) for name in metrics]


def _metrics(recipe: Recipe, target: Target, task: TaskResults) -> tuple[str, ...]:
    scores = _scores(recipe, target, task, target.model)
    for name in target.metrics:
        if name not in scores.metrics:
            raise RecipeError(
                f"{recipe.path}: published: stage '{target.stage}' measures no '{name}'; "
                f"{nearest_names(name, scores.metrics)}."
            )
    return tuple(target.metrics) or (scores.metric(task.measures[0]),)


def _stage(recipe: Recipe, name: str) -> RecipeStage:
    return next(stage for stage in recipe.stages if stage.name == name)


def _manifest(stage: RecipeStage) -> Manifest | None:
    return read_manifest(manifest_path(stage.main))


def _seconds(runs: Iterable[Recipe]) -> float:
    """What the stages of all runs took; one that several runs share counts once."""
    made = {stage.main: _manifest(stage) for recipe in runs for stage in recipe.stages}
    return round(sum(manifest.seconds for manifest in made.values() if manifest), 1)


def _training(recipe: Recipe, target: Target) -> dict[str, Any]:
    manifest = _manifest(_stage(recipe, target.trained)) if target.trained else None
    if manifest is None or "steps" not in manifest.counted.counts:
        return {}
    return {"rows": manifest.rows_in.get("corpus"), "steps": manifest.counted.counts["steps"]}


def _scores(recipe: Recipe, target: Target, task: TaskResults, place: int) -> ModelScores:
    """What was found of a model in its own form, which stands before its smaller ones."""
    asked = _stage(recipe, target.stage).stage.models[_MODELS][place].name
    return next((scores for scores in task.models if scores.model == asked), task.models[place])


def _of_one(recipe: Recipe, target: Target, task: TaskResults, metric: str) -> dict[str, Any]:
    scores = _scores(recipe, target, task, target.model)
    obtained = scores.metrics[metric]
    found: dict[str, Any] = {
        "obtained": obtained.value,
        "interval": _estimate(obtained.value, obtained.low, obtained.high),
    }
    if target.start is None:
        return found
    start = _scores(recipe, target, task, target.start)
    pairs = ((one, {one.model, one.baseline}) for one in task.differences if one.metric == metric)
    ahead = next((one for one, names in pairs if names == {scores.model, start.model}), None)
    if ahead is not None:
        found["ahead"] = _turned(ahead) if ahead.model == start.model else _estimate(ahead.value, ahead.low, ahead.high)
    own = start.metrics.get(metric) or start.metrics.get(start.metric(metric.removesuffix(f"_{scores.closeness}")))
    return found | {"start": own.value if own else None}


def _estimate(value: float, low: float | None, high: float | None) -> Estimate | None:
    return None if low is None or high is None else Estimate(value, low, high)


def _turned(ahead: Difference) -> Estimate:
    return Estimate(-ahead.value, -ahead.high, -ahead.low)


def _over_seeds(
    runs: Sequence[Recipe], target: Target, metrics: tuple[str, ...], cache: Path
) -> Mapping[str, SeedReport]:
    judging = [_stage(recipe, target.stage).stage for recipe in runs]
    asked = [stage.models[_MODELS] for stage in judging]
    models = {"students": tuple(requests[target.model] for requests in asked)}
    if target.start is not None:
        starts = tuple(requests[target.start] for requests in asked)
        models["starts"] = starts[:1] if len({request.name for request in starts}) == 1 else starts
    given = judging[0].options.model_dump(include=set(EvaluateOptions.model_fields))
    output = runs[0].output / f"seeds-{'-'.join(str(recipe.seed) for recipe in runs)}.json"
    stage = Stage(OVER_SEEDS, OverSeedsOptions(**given, metrics=metrics), {}, models, {"scores": output})
    return read_seed_scores(run_stage(stage, cache=cache, overwrite=True).outputs["scores"])


def _of_seeds(scores: SeedReport) -> dict[str, Any]:
    return {
        "obtained": float(np.mean(scores.by_seed)),
        "by_seed": scores.by_seed,
        "start": float(np.mean(scores.starts)) if scores.starts else None,
        "ahead": scores.ahead,
    }


def shown_rows(rows: Sequence[ScoreRow]) -> list[dict[str, str]]:
    """The table for people: heading → text."""
    return [_shown(row) for row in rows]


def _shown(row: ScoreRow) -> dict[str, str]:
    return {
        "Recipe": row.recipe,
        "Scale": row.scale or "–",
        "Metric": f"failed: {row.failed}" if row.failed else row.metric or "judges nothing",
        "Published": _published(row),
        "Obtained": _obtained(row),
        "Start": _number(row.start),
        "Ahead of the start": shown_difference(row.ahead),
        "Rows": "–" if row.rows is None else f"{row.rows:,}",
        "Steps": "–" if row.steps is None else f"{row.steps:,}",
        "Time": "–" if row.seconds is None else f"{row.seconds:,.0f} s",
    }


def _published(row: ScoreRow) -> str:
    return _number(row.published) + ("" if row.of_this_size or row.published is None else " (other size)")


def _obtained(row: ScoreRow) -> str:
    if row.by_seed:
        spread = np.std(row.by_seed, ddof=1) if len(row.by_seed) > 1 else 0
        return f"{_number(row.obtained)} ± {spread:.4f}"
    between = f" ({row.interval.low:.4f} to {row.interval.high:.4f})" if row.interval else ""
    return _number(row.obtained) + between


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
