"""Scores that mean what gold means: a silver .8 where gold says .8 of such pairs.

A cross-encoder may order pairs well and still be far too sure of itself. Both ways keep the order of the pairs.
Sources: Zadrozny and Elkan 2002 (isotonic regression), Guo et al. 2017 (temperature scaling).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pairforge.engines.search import Doubles
from pairforge.steps.pair_scores import sigmoid

_COLDEST, _HOTTEST = 0.01, 100.0
_HALVINGS = 60


@dataclass(frozen=True)
class Isotonic:
    """The non-decreasing function of the score that lies nearest to gold, in squares.

    Flat over each run of scores that it takes together, straight from one run to the next, level beyond the first and
    the last.

    Args:
        scores: Where the runs begin and end, ascending.
        values: What it gives there.
    """

    scores: Doubles
    values: Doubles

    @classmethod
    def fitted(cls, scores: Doubles, gold: Doubles) -> Isotonic:
        """The one for these scores and their gold scores, both in [0, 1], by pooling adjacent violators."""
        distinct, group, counts = np.unique(scores, return_inverse=True, return_counts=True)
        runs: list[_Run] = []
        for place, (total, rows) in enumerate(zip(np.bincount(group, gold).tolist(), counts.tolist(), strict=True)):
            run = _Run(place, place, total, rows)
            while runs and runs[-1].mean >= run.mean:
                run = runs.pop().joined(run)
            runs.append(run)
        ends = [(place, run.mean) for run in runs for place in dict.fromkeys((run.first, run.last))]
        return cls(distinct[[place for place, _ in ends]], np.array([value for _, value in ends]))

    def __call__(self, scores: Doubles) -> Doubles:
        """The calibrated scores, in the range of gold's."""
        return np.interp(scores, self.scores, self.values)


@dataclass(frozen=True)
class _Run:
    """Consecutive distinct scores that get one value."""

    first: int
    last: int
    total: float
    rows: int

    @property
    def mean(self) -> float:
        return self.total / self.rows

    def joined(self, later: _Run) -> _Run:
        return _Run(self.first, later.last, self.total + later.total, self.rows + later.rows)


def fitted_temperature(log_odds: Doubles, gold: Doubles) -> float:
    """What log-odds are to be divided by so that their sigmoid is nearest to gold, in cross-entropy.

    Above 1 for a model that is too sure of itself; from 0.01 to 100.

    Args:
        log_odds: Of each pair, (pairs,).
        gold: Its gold score or label, in [0, 1].
    """
    # The slope of a convex function of the inverse temperature: it crosses zero once at most.
    low, high = math.log(1 / _HOTTEST), math.log(1 / _COLDEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        slope = float(np.sum(log_odds * (sigmoid(math.exp(middle) * log_odds) - gold)))
        low, high = (middle, high) if slope < 0 else (low, middle)
    return math.exp(-high)
