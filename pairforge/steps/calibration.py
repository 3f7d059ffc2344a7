"""Scores that mean what gold means: a silver .8 where gold says .8 of such pairs.

A cross-encoder may order pairs well and still be far too sure of itself, or score all of them too high. No way changes
the order of the pairs. Sources: Zadrozny and Elkan 2002 (isotonic regression), Guo et al. 2017 (temperature scaling),
Platt 1999 (slope and offset).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pairforge.engines.search import Doubles
from pairforge.steps.pair_scores import sigmoid

_COLDEST, _HOTTEST = 0.01, 100.0
_HALVINGS = 60

_FLATTEST = 1e-3
_NEWTON_STEPS = 100
_CONVERGED = 1e-10


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


def fitted_platt(outputs: Doubles, gold: Doubles) -> tuple[float, float]:
    """The slope and offset for which the sigmoid of slope × output + offset is nearest to gold, in cross-entropy.

    Gold is drawn half a pair's weight towards 1/2, as Platt's targets are, so that the fit is finite where the outputs
    part gold without a fault. The slope is 0.001 at least: the order of the pairs stays.

    Args:
        outputs: A model's output for each pair, on any scale, (pairs,).
        gold: Its gold score or label, in [0, 1].
    """
    middle, spread = float(np.mean(outputs)), float(np.std(outputs)) or 1.0
    targets = (len(gold) * gold + 0.5) / (len(gold) + 1)
    design = np.column_stack([(outputs - middle) / spread, np.ones(len(outputs))])
    slope, offset = _logistic_fit(design, targets, np.zeros(2), np.zeros(len(gold)))
    if slope < _FLATTEST * spread:
        slope = _FLATTEST * spread
        (offset,) = _logistic_fit(design[:, 1:], targets, np.array([offset]), slope * design[:, 0])
    return slope / spread, offset - slope * middle / spread


def _logistic_fit(design: Doubles, targets: Doubles, start: Doubles, fixed: Doubles) -> Doubles:
    """The weights of a logistic regression on shares, by Newton's method with halved steps."""

    def loss(weights: Doubles) -> float:
        log_odds = design @ weights + fixed
        return float(np.sum(np.logaddexp(0, log_odds) - targets * log_odds))

    weights = start
    for _ in range(_NEWTON_STEPS):
        shares = sigmoid(design @ weights + fixed)
        gradient = design.T @ (shares - targets)
        curvature = (design * (shares * (1 - shares))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(weights)), gradient)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > _CONVERGED:
            step = step / 2
        weights = weights - step
        if np.abs(step).max() <= _CONVERGED:
            break
    return weights
