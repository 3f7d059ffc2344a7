"""What came of comparing corpora: scores by corpus and task, as records and as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from pairforge.evaluation.statistics import Estimate
from pairforge.evaluation.task import Task
from pairforge.pipeline.comparison import DEV, Contest, Tried


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Scores(_Record):
    """One contestant's scores on one task.

    Args:
        by_seed: The task's first measure, one a seed.
        ahead: How far it is ahead of the baseline, with an interval over seeds and items; None for the baseline.
    """

    by_seed: tuple[float, ...]
    ahead: Estimate | None = None

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.by_seed))

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {np.std(self.by_seed, ddof=1) if len(self.by_seed) > 1 else 0:.4f}"


class Standing(_Record):
    """What came of one contestant.

    Args:
        name: Its name.
        rows: Rows of its corpus.
        steps: Batches it was trained on.
        rate: The rate that suited it; None for the untrained.
        scores: Task → scores.
    """

    name: str
    rows: int
    steps: int
    rate: float | None
    scores: dict[str, Scores]


def standings_of(tried: Sequence[Tried], contest: Contest, *, baseline: str) -> list[Standing]:
    """What came of each contestant, by the first measure of each task.

    Args:
        tried: The contestants, the baseline among them.
        contest: What they shared.
        baseline: The contestant that all others are compared with.
    """
    tasks = {name: contest.read(name) for name in contest.tasks}
    against = next(one for one in tried if one.contestant.name == baseline)
    return [
        Standing(
            name=one.contestant.name,
            rows=one.contestant.rows,
            steps=one.contestant.steps,
            rate=one.rate,
            scores={name: _scores(one, None if one is against else against, name, task, contest)
                    for name, task in tasks.items()},
        )
        for one in tried
    ]  # fmt: skip


def _scores(one: Tried, against: Tried | None, name: str, task: Task, contest: Contest) -> Scores:
    measure, judging = task.measures[0], contest.judging
    ours = one.scores[name][measure]
    theirs = None if against is None else against.scores[name][measure]
    ahead = None if theirs is None else ours.ahead_of(theirs, judging.confidence, judging.seed)
    return Scores(by_seed=tuple(ours.values.tolist()), ahead=ahead)


def standings_table(standings: Sequence[Standing], baseline: str) -> list[dict[str, str]]:
    """One row a contestant: heading → text."""
    return [_table_row(standing, baseline) for standing in standings]


def _table_row(standing: Standing, baseline: str) -> dict[str, str]:
    row = {
        "Trained on": standing.name,
        "Pairs": f"{standing.rows:,}" if standing.steps else "–",
        "Steps": f"{standing.steps:,}",
        "Rate": "–" if standing.rate is None else f"{standing.rate:g}",
    }
    for task, scores in standing.scores.items():
        row[task] = str(scores)
        if task != DEV:
            row[f"{task}, against {baseline}"] = shown_difference(scores.ahead)
    return row


def shown_difference(ahead: Estimate | None) -> str:
    """A difference with its interval; "unclear" where that holds zero."""
    if ahead is None:
        return "–"
    return f"{ahead.value:+.4f} ({ahead.low:+.4f} to {ahead.high:+.4f}{'' if ahead.excludes_zero else ', unclear'})"
