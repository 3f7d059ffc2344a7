"""What came of comparing corpora: scores by corpus and judge, as records and as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from pairforge.evaluation.statistics import Estimate

DEV = "dev"
"""The judge by which rates are chosen; its column gives no differences."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Scores(_Record):
    """One contestant's scores by one judge.

    Args:
        by_seed: Spearman's coefficient of the cosines with gold, one a seed.
        ahead: How far it is ahead of the baseline, with an interval over seeds and rows; None for the baseline.
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
        scores: Judge → scores.
    """

    name: str
    rows: int
    steps: int
    rate: float | None
    scores: dict[str, Scores]


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
    for judge, scores in standing.scores.items():
        row[judge] = str(scores)
        if judge != DEV:
            row[f"{judge}, against {baseline}"] = shown_difference(scores.ahead)
    return row


def shown_difference(ahead: Estimate | None) -> str:
    """A difference with its interval; "unclear" where that holds zero."""
    if ahead is None:
        return "–"
    return f"{ahead.value:+.4f} ({ahead.low:+.4f} to {ahead.high:+.4f}{'' if ahead.excludes_zero else ', unclear'})"
