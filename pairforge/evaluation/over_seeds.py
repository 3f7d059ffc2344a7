"""The same model trained from several seeds, against what it started from, with an interval over seeds and rows.

Run as a stage by whoever trains over seeds, so that what was judged is not judged again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pairforge.errors import OptionsError, StageError
from pairforge.evaluation.evaluate import STEP as EVALUATE
from pairforge.evaluation.judged import Model
from pairforge.evaluation.judged_models import judged
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.seed_scores import SeedScores
from pairforge.evaluation.statistics import Estimate
from pairforge.evaluation.task import Judgement, Means, Measured
from pairforge.evaluation.tasks import read_task
from pairforge.execution.step import Artifact, ModelRole, Step, StepContext
from pairforge.files import read_json, write_json
from pairforge.models import ModelKind


class OverSeedsOptions(EvaluateOptions):
    """What to judge by, as `evaluate` takes it, of which the first task counts."""

    metrics: Annotated[tuple[str, ...], Field(min_length=1, description="Metrics to keep, as spearman_cosine.")]


class SeedReport(BaseModel):
    """What came of one metric over seeds.

    Args:
        by_seed: Its value for the trained model of each seed.
        starts: Its value for what each started from; one where all started from the same.
        ahead: How far the trained are ahead on the mean, with an interval over seeds and rows; None without a start, or
            where the task knows no predictions of single items.
    """

    model_config = ConfigDict(frozen=True)

    by_seed: tuple[float, ...]
    starts: tuple[float, ...] = ()
    ahead: Estimate | None = None


def judge_over_seeds(
    students: Sequence[Model],
    starts: Sequence[Model] = (),
    *,
    options: OverSeedsOptions,
    context: StepContext | None = None,
) -> dict[str, SeedReport]:
    """Judge a model trained from several seeds, and what it started from, all on the same resamples of the rows.

    Args:
        students: One a seed.
        starts: What each started from, in the same order; one for all; or none.
        options: The task and the metrics.
        context: Caches, ledger and progress.

    Returns:
        Metric → scores.

    Raises:
        OptionsError: the starts are of another number, or the task measures no such metric.
        FileError, FrameError, ModelError: as `evaluate`.
    """
    if len(starts) not in (0, 1, len(students)) or not students:
        raise OptionsError(f"Each of {len(students)} models needs a start, or all the same, not {len(starts)}.")
    means = Means(options.bootstrap_samples, options.seed, context or StepContext())
    task = read_task(options.task[0], options.reading)
    predictions = [task.predict(judged(model, options)[0], means) for model in (*students, *starts)]
    judgements = task.measure(predictions, means)
    for metric in options.metrics:
        if metric not in (there := judgements[0].measured):
            raise OptionsError(f"{task.name}: measures no '{metric}' (there are: {', '.join(there)}).")
    return {metric: _scores(metric, judgements, len(students), options) for metric in options.metrics}


def _scores(metric: str, judgements: Sequence[Judgement], seeds: int, options: OverSeedsOptions) -> SeedReport:
    # A start of another kind may have another closeness: its own stands for that of the trained models.
    measure = metric.removesuffix(f"_{judgements[0].closeness}")
    found = [one.measured.get(metric) or one.measured[one.metric(measure)] for one in judgements]
    ours, theirs = found[:seeds], found[seeds:]
    ahead = None
    if theirs and all(one.draws is not None for one in found):
        starts = theirs * seeds if len(theirs) == 1 else theirs
        ahead = _together(ours).ahead_of(_together(starts), options.confidence, options.seed)
    return SeedReport(by_seed=tuple(one.value for one in ours), starts=tuple(one.value for one in theirs), ahead=ahead)


def _together(measured: Sequence[Measured]) -> SeedScores:
    draws = [one.draws for one in measured if one.draws is not None]
    return SeedScores(np.array([one.value for one in measured]), np.stack(draws))


def read_seed_scores(path: Path) -> dict[str, SeedReport]:
    """What the stage wrote: metric → scores."""
    return {metric: SeedReport.model_validate(scores) for metric, scores in read_json(path).items()}


def _to_file(
    students: Sequence[Model], starts: Sequence[Model] | None, *, options: OverSeedsOptions, context: StepContext
) -> Path:
    if context.workspace is None:
        raise StageError("this step writes in a stage's workspace; call judge_over_seeds() outside one.")
    found = judge_over_seeds(students, starts or (), options=options, context=context)
    path = context.workspace / "seeds.json"
    write_json({metric: scores.model_dump(mode="json") for metric, scores in found.items()}, path)
    return path


def _task_files(options: OverSeedsOptions) -> list[str]:
    return list(EVALUATE.files_in_options(options))


STEP = Step(
    name="judge-over-seeds",
    run=_to_file,
    options=OverSeedsOptions,
    inputs={},
    outputs=lambda options: {"scores": Artifact(".json")},
    models={
        "students": ModelRole(
            "The trained models, one a seed.", ModelKind.JUDGED, flag="students", default=None, many=True
        ),
        "starts": ModelRole(
            "What they started from.",
            ModelKind.JUDGED,
            flag="starts",
            default=None,
            many=True,
            optional=True,
        ),
    },
    files_in_options=_task_files,
)
