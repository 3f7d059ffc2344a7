"""Bootstrap of how well scores tell true rows from false ones, exact and fast, by NumPy alone.

Sorted by score once, the running sums of how often a resample holds each row give its true and false rows above every
threshold, ties included, without sorting again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pairforge.agreement import Array
from pairforge.evaluation.statistics import resampled_counts

RANKING_MEASURES = ("average_precision", "auc", "f1", "accuracy", "accuracy_at_half")
"""`f1` and `accuracy` are those at the best threshold of each, chosen on the same rows; `accuracy_at_half` takes scores
of .5 as true."""


def bootstrap_rankings(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    samples: int,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
) -> dict[str, Array]:
    """Measures of several score columns on the same resampled rows, so that they can be paired.

    Args:
        scores: Shape (columns, rows), higher for what is held to be true.
        labels: 1 for true and 0 for false rows, shape (rows,).
        samples: Resamples drawn.
        seed: Decides the rows of every resample.
        advance: Told after each block how many resamples it held.

    Returns:
        By measure, shape (columns, samples); average precision, AUC and F1 are NaN where a resample lacks a label that
        they need.
    """
    truth = np.asarray(labels, dtype=np.float64)
    columns = [_Ranked(column, truth) for column in np.atleast_2d(np.asarray(scores, dtype=np.float64))]
    draws = {name: np.empty((len(columns), samples)) for name in RANKING_MEASURES}
    for start, counts in resampled_counts(len(truth), samples, seed):
        for place, column in enumerate(columns):
            for name, values in column.measures(counts).items():
                draws[name][place, start : start + counts.shape[1]] = values
        advance(counts.shape[1])
    return draws


def rankings(scores: npt.ArrayLike, labels: npt.ArrayLike) -> dict[str, float]:
    """The measures of one score column on the rows as they are."""
    truth = np.asarray(labels, dtype=np.float64)
    column = _Ranked(np.asarray(scores, dtype=np.float64), truth)
    return {name: float(values[0]) for name, values in column.measures(np.ones((len(truth), 1))).items()}


def best_f1_threshold(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """The score from which rows are held to be true when F1 is best, midway to the next lower score where there is one.

    Args:
        scores: Shape (rows,), higher for what is held to be true.
        labels: 1 for true and 0 for false rows, shape (rows,), one of them true.
    """
    truth = np.asarray(labels, dtype=np.float64)
    return _Ranked(np.asarray(scores, dtype=np.float64), truth).best_f1_threshold()


class _Ranked:
    """Rows sorted from the highest score down."""

    def __init__(self, scores: Array, truth: Array) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ordered = scores[self._order]
        self._last_of_each = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
        self._thresholds = ordered[self._last_of_each]
        self._truth = truth[self._order, None]
        self._above_half = int(np.count_nonzero(ordered >= 0.5))

    def measures(self, counts: Array) -> dict[str, Array]:
        """By name, shape (block,), for counts of shape (rows, block)."""
        held = counts[self._order]
        true_held = held * self._truth
        true = np.cumsum(true_held, axis=0)[self._last_of_each]
        false = np.cumsum(held, axis=0)[self._last_of_each] - true
        all_true, all_false, rows = true[-1], false[-1], held.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            more_true, more_false = np.diff(true, axis=0, prepend=0), np.diff(false, axis=0, prepend=0)
            # A score that the resample does not hold repeats the one above it, and adds nothing.
            precision = np.where(true > 0, true / (true + false), 0)
            average_precision = np.einsum("tb,tb->b", more_true, precision) / all_true
            auc = np.einsum("tb,tb->b", more_false, true - more_true / 2) / (all_true * all_false)
            f1 = np.where(all_true > 0, _f1(true, false).max(axis=0), np.nan)
        half = self._above_half
        right_at_half = true_held[:half].sum(axis=0) + (held[half:] - true_held[half:]).sum(axis=0)
        return {
            "average_precision": average_precision,
            "auc": auc,
            "f1": f1,
            "accuracy": np.maximum((true - false).max(axis=0), 0) / rows + all_false / rows,
            "accuracy_at_half": right_at_half / rows,
        }

    def best_f1_threshold(self) -> float:
        """The threshold of the best F1 on the rows as they are, the highest of equals."""
        true = np.cumsum(self._truth, axis=0)[self._last_of_each]
        best = int(_f1(true, self._last_of_each[:, None] + 1 - true).argmax())
        return float(self._thresholds[best : best + 2].mean())


def _f1(true: Array, false: Array) -> Array:
    """F1 where the rows up to each score are held to be true, of running sums of true and false ones."""
    found: Array = 2 * true / (true + false + true[-1])
    return np.where(true > 0, found, 0)
