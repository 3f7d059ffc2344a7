"""How well numbers agree with the truth: correlations, rankings and classes, exact, by NumPy alone."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Coefficient = Literal["pearson", "spearman"]

COEFFICIENTS: tuple[Coefficient, ...] = ("pearson", "spearman")


def average_ranks(values: npt.ArrayLike) -> Array:
    """Ranks from 1 of finite values, equal ones sharing the mean of theirs, shape (rows,)."""
    _, group, sizes = np.unique(_array(values), return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    shared: Array = last - (sizes - 1) / 2
    return shared[group]


def pearson(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Pearson's coefficient of two sequences of equal length; NaN if one of them is constant."""
    x, y = standardised(_array(first)), standardised(_array(second))
    return float(np.clip(np.mean(x * y), -1, 1))


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Spearman's coefficient: Pearson's of the average ranks; NaN if one sequence is constant."""
    return pearson(average_ranks(first), average_ranks(second))


def correlation(coefficient: Coefficient, first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Pearson's or Spearman's coefficient, by name."""
    return pearson(first, second) if coefficient == "pearson" else spearman(first, second)


def standardised(values: Array) -> Array:
    """Mean 0 and variance 1 along the last axis; NaN where constant."""
    constant = values.max(axis=-1, keepdims=True) == values.min(axis=-1, keepdims=True)
    centred = values - values.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True))
    result: Array = centred / np.where(constant | (deviation == 0), np.nan, deviation)
    return result


def average_precision(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean precision at the ranks of the true rows, equal scores counted as one rank; NaN if no row is true.

    Args:
        scores: Higher for what is held to be true, shape (rows,).
        labels: 1 for true and 0 for false rows, shape (rows,).
    """
    true, false = _counts_from_the_top(scores, labels)
    if not true[-1]:
        return float("nan")
    return float(np.sum(np.diff(true, prepend=0) * true / (true + false)) / true[-1])


def area_under_roc(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Chance that a true row scores above a false one, a tie counting half; NaN if all rows are of one label."""
    true, false = _counts_from_the_top(scores, labels)
    if not true[-1] or not false[-1]:
        return float("nan")
    return float(np.sum(np.diff(false, prepend=0) * (true - np.diff(true, prepend=0) / 2)) / (true[-1] * false[-1]))


def accuracy(predicted: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Share of the rows whose class was found."""
    return float(np.mean(np.asarray(predicted) == np.asarray(labels)))


def _counts_from_the_top(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Array, Array]:
    """How many true and false rows stand at or above each distinct score, from the highest down."""
    _, group = np.unique(-_array(scores), return_inverse=True)
    truth = _array(labels)
    return np.cumsum(np.bincount(group, truth)), np.cumsum(np.bincount(group, 1 - truth))


def _array(values: npt.ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)
