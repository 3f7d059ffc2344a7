"""Bootstrap intervals of correlations, exact and fast, by NumPy alone.

A resample of rows is held as a count for each row. Sorted by value, the running sum of the counts gives every row's
average rank within the resample without sorting again, so the bootstrap of Spearman's coefficient is exact: each
resample is ranked anew, ties among its repeated rows included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairforge.agreement import COEFFICIENTS, Array, Coefficient, correlation, standardised
from pairforge.errors import OptionsError

# About 2 MB of counts at a time: a block stays in the processor's cache.
_BLOCK_CELLS = 1 << 18
# Below this share of the whole sample's variance a resample counts as constant: what is left is rounding.
_CONSTANT = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A value with the interval that holds the truth at the chosen confidence.

    Args:
        value: What was measured on all rows.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def bootstrap_correlations(
    scores: npt.ArrayLike,
    gold: npt.ArrayLike,
    *,
    coefficients: Sequence[Coefficient] = COEFFICIENTS,
    samples: int = 10_000,
    seed: int = 42,
    advance: Callable[[int], None] = lambda done: None,
) -> dict[Coefficient, Array]:
    """Correlations of several score columns with gold on the same resampled rows, so that they can be paired.

    Args:
        scores: Shape (columns, rows).
        gold: Shape (rows,).
        coefficients: Which ones.
        samples: Resamples drawn.
        seed: Decides the rows of every resample.
        advance: Told after each block how many resamples it held.

    Returns:
        By coefficient, shape (columns, samples); NaN where a resample is constant.
    """
    columns, truth = np.atleast_2d(_array(scores)), _array(gold)
    draws: dict[Coefficient, Array] = {name: np.empty((len(columns), samples)) for name in coefficients}
    resamplers = {name: _resampler(name, columns, truth) for name in coefficients}
    for start, counts in resampled_counts(len(truth), samples, seed):
        for name, resample in resamplers.items():
            draws[name][:, start : start + counts.shape[1]] = resample(counts)
        advance(counts.shape[1])
    return draws


def bootstrap_means(
    values: npt.ArrayLike, *, samples: int, seed: int, advance: Callable[[int], None] = lambda done: None
) -> Array:
    """Means of several columns of values on the same resampled rows, so that they can be paired.

    Args:
        values: A number of each row (a query's nDCG, say), shape (columns, rows), all finite.
        samples: Resamples drawn.
        seed: Decides the rows of every resample.
        advance: Told after each block how many resamples it held.

    Returns:
        Shape (columns, samples).
    """
    columns = np.atleast_2d(_array(values))
    draws = np.empty((len(columns), samples))
    for start, counts in resampled_counts(columns.shape[1], samples, seed):
        draws[:, start : start + counts.shape[1]] = columns @ counts / len(counts)
        advance(counts.shape[1])
    return draws


def interval(value: float, draws: Array, confidence: float = 0.95) -> Estimate:
    """The percentile interval of resampled values; undefined (NaN) draws are left out.

    Args:
        value: The statistic on all rows.
        draws: The statistic on each resample, shape (samples,).
        confidence: Share of the draws that the interval holds.
    """
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))


def centred(draws: Array, value: float) -> Array:
    """Resampled values brought about the value on all rows.

    A measure that depends on how many different rows there are comes out biased on resamples, which repeat rows.

    Args:
        draws: The statistic on each resample, shape (samples,); NaN where it is not defined.
        value: The statistic on all rows.
    """
    found: Array = draws - np.nanmean(draws) + value
    return found


def paired_bootstrap(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    gold: npt.ArrayLike,
    *,
    coefficient: Coefficient = "spearman",
    samples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
) -> Estimate:
    """How much better `first` correlates with gold than `second`, with an interval over seeds and test rows.

    Each resample draws training seeds and test rows with replacement, the same ones for both sides, and takes the
    mean over its seeds of the difference between the two correlations. With few seeds (under ten) the share of the
    interval that seeds add is somewhat too narrow, as in every bootstrap of so small a sample.

    Args:
        first: Predictions of one side, shape (seeds, rows) or (rows,); row i of each belongs to the same seed.
        second: Predictions of the other side, of the same shape.
        gold: What both are compared with, shape (rows,).
        coefficient: The correlation taken.
        samples: Resamples drawn.
        confidence: Share of the resamples that the interval holds.
        seed: Decides every draw.

    Raises:
        OptionsError: the shapes do not agree, or a prediction or the gold scores are constant or not finite.
    """
    ours, theirs, truth = np.atleast_2d(_array(first)), np.atleast_2d(_array(second)), _array(gold)
    _check_shapes(ours, theirs, truth)
    columns = np.concatenate([ours, theirs])
    varied = bool((np.ptp(np.vstack([columns, truth]), axis=1) > 0).all())
    if not varied or not np.isfinite(columns).all() or not np.isfinite(truth).all():
        raise OptionsError("A paired bootstrap needs scores that are finite and not all equal on every side.")
    whole = np.array([correlation(coefficient, column, truth) for column in columns])
    drawn = bootstrap_correlations(columns, truth, coefficients=(coefficient,), samples=samples, seed=seed)
    differences = over_seeds(drawn[coefficient][: len(ours)] - drawn[coefficient][len(ours) :], seed)
    return interval(float(whole[: len(ours)].mean() - whole[len(ours) :].mean()), differences, confidence)


def paired_means(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    samples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
) -> Estimate:
    """How much higher the mean of `first` is than that of `second`, with an interval over seeds and test rows.

    Each resample draws training seeds and test rows with replacement, as `paired_bootstrap` does.

    Args:
        first: A measure of each test row (a query's reciprocal rank, say) by one side, shape (seeds, rows) or (rows,).
        second: The same by the other side; row i of each belongs to the same seed.
        samples: Resamples drawn.
        confidence: Share of the resamples that the interval holds.
        seed: Decides every draw.

    Raises:
        OptionsError: the shapes do not agree, or a value is not finite.
    """
    ours, theirs = np.atleast_2d(_array(first)), np.atleast_2d(_array(second))
    if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise OptionsError(
            "Paired means need finite values of shape (seeds, rows) on both sides, but they got "
            f"{ours.shape} and {theirs.shape}."
        )
    gains = ours - theirs
    drawn = np.hstack([gains @ counts for _, counts in resampled_counts(gains.shape[1], samples, seed)])
    return interval(float(gains.mean()), over_seeds(drawn / gains.shape[1], seed), confidence)


def over_seeds(draws: Array, seed: int) -> Array:
    """The mean over training seeds of each resample, which draws the seeds with replacement too.

    Args:
        draws: A statistic of each seed on each resample of the rows, shape (seeds, samples).
        seed: Decides which seeds each resample draws.

    Returns:
        Shape (samples,).
    """
    chosen = np.random.default_rng([seed, 1]).integers(len(draws), size=draws.shape)
    return np.take_along_axis(draws, chosen, axis=0).mean(axis=0)  # type: ignore[no-any-return]


def _array(values: npt.ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)


def _check_shapes(ours: Array, theirs: Array, truth: Array) -> None:
    if ours.shape != theirs.shape or ours.shape[1:] != truth.shape or len(truth) < 2:
        raise OptionsError(
            "A paired bootstrap needs predictions of shape (seeds, rows) on both sides and gold of shape (rows,), two "
            f"rows at least, but it got {ours.shape}, {theirs.shape} and {truth.shape}."
        )


def resampled_counts(rows: int, samples: int, seed: int) -> Iterator[tuple[int, Array]]:
    """Blocks of (first resample, how often it holds each row), counts of shape (rows, block)."""
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK_CELLS // rows)
    for start in range(0, samples, block):
        width = min(block, samples - start)
        cells = generator.integers(rows, size=(width, rows)) * width + np.arange(width)[:, None]
        yield start, np.bincount(cells.ravel(), minlength=rows * width).reshape(rows, width).astype(np.float64)


def _resampler(coefficient: Coefficient, columns: Array, gold: Array) -> Callable[[Array], Array]:
    return (_PearsonResampler if coefficient == "pearson" else _SpearmanResampler)(columns, gold)


class _PearsonResampler:
    def __init__(self, columns: Array, gold: Array) -> None:
        x, y = standardised(columns), standardised(gold)
        self._width = len(columns)
        self._moments = np.concatenate([x, x * x, x * y, [y, y * y]])

    def __call__(self, counts: Array) -> Array:
        means = self._moments @ counts / len(counts)
        x, xx, xy = (means[i * self._width : (i + 1) * self._width] for i in range(3))
        y, yy = means[-2:]
        return _ratio(xy - x * y, xx - x * x, yy - y * y)


class _SpearmanResampler:
    def __init__(self, columns: Array, gold: Array) -> None:
        self._columns = [_Ordered(column) for column in columns]
        self._gold = _Ordered(gold)

    def __call__(self, counts: Array) -> Array:
        gold_ranks, gold_variance = self._gold.ranks(counts)
        weighted = counts * gold_ranks
        results = np.empty((len(self._columns), counts.shape[1]))
        for place, column in enumerate(self._columns):
            ranks, variance = column.ranks(counts)
            results[place] = _ratio(np.einsum("rb,rb->b", weighted, ranks), variance, gold_variance)
        return results


class _Ordered:
    """One column sorted once, from which the ranks of any resample follow by running sums."""

    def __init__(self, values: Array) -> None:
        self._order = np.argsort(values, kind="stable")
        _, self._group, sizes = np.unique(values, return_inverse=True, return_counts=True)
        self._ends = np.cumsum(sizes) - 1

    def ranks(self, counts: Array) -> tuple[Array, Array]:
        """Doubled average ranks less their mean, shape (rows, block), and their sum of squares, shape (block,)."""
        ends = np.cumsum(counts[self._order], axis=0)[self._ends]
        sizes = np.diff(ends, axis=0, prepend=0)
        ranks = 2 * ends - sizes - len(counts)
        return ranks[self._group], np.einsum("rb,rb,rb->b", sizes, ranks, ranks)


def _ratio(covariance: Array, first_variance: Array, second_variance: Array) -> Array:
    defined = (first_variance > _CONSTANT) & (second_variance > _CONSTANT)
    product = np.where(defined, first_variance * second_variance, np.nan)
    return np.clip(covariance / np.sqrt(product), -1, 1)
