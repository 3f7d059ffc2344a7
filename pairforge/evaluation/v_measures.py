"""How well clusters keep to labels, and how sure that is, exact and fast, by NumPy alone.

The V-measure is the harmonic mean of homogeneity and completeness (Rosenberg and Hirschberg 2007), which is the
information that labels and clusters share over the mean of their entropies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pairforge.agreement import Array
from pairforge.evaluation.grouped import Groups
from pairforge.evaluation.statistics import centred, resampled_counts

# Below this, an entropy is what rounding leaves of none.
_NO_ENTROPY = 1e-12

_Codes = npt.NDArray[np.int64]


class Clustered:
    """The clusters that one model found in several experiments, beside the labels.

    Args:
        clusters: The cluster of each row in each experiment, from 0, shape (experiments, rows).
        labels: The label of each row, from 0, shape (rows,).
        weights: How much each row counts in each experiment, shape (experiments, rows); 0 leaves it out.
    """

    def __init__(self, clusters: _Codes, labels: _Codes, weights: Array) -> None:
        self._experiments = [_Table(*found, labels) for found in zip(clusters, weights, strict=True)]
        self.rows = len(labels)

    @property
    def v_measure(self) -> float:
        """The mean over the experiments."""
        return float(self.resampled(np.ones((self.rows, 1)))[0])

    def resampled(self, counts: Array) -> Array:
        """The same on resamples, shape (block,), for counts of shape (rows, block); NaN where no row is left."""
        found: Array = np.mean([table.resampled(counts) for table in self._experiments], axis=0)
        return found

    @property
    def standard_error(self) -> float:
        """The jackknife's: from the measure without each row in turn."""
        without = np.mean([table.without_each() for table in self._experiments], axis=0)
        return float(np.sqrt((self.rows - 1) * np.var(without)))


def bootstrap_v_measures(
    models: Sequence[Clustered],
    *,
    samples: int,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
) -> Array:
    """The V-measure of several models on the same resampled rows, so that they can be paired, shape (models, samples).

    A resample repeats rows and so has fewer pairs of label and cluster than as many new rows would: every V-measure
    comes out too high, and all of them too much alike. So the draws are brought about the value on all rows, and as far
    apart as the jackknife says.

    Args:
        models: Clusters of the same rows.
        samples: Resamples drawn.
        seed: Decides the rows of every resample.
        advance: Told after each block how many resamples it held.
    """
    draws = np.empty((len(models), samples))
    for start, counts in resampled_counts(models[0].rows, samples, seed):
        for place, model in enumerate(models):
            draws[place, start : start + counts.shape[1]] = model.resampled(counts)
        advance(counts.shape[1])
    return np.stack([_about(model, drawn) for model, drawn in zip(models, draws, strict=True)])


def _about(model: Clustered, drawn: Array) -> Array:
    spread = np.nanstd(drawn)
    found: Array = centred(drawn, 0) * (model.standard_error / spread if spread > 0 else 1) + model.v_measure
    return found


class _Table:
    """The contingency table of labels and clusters, of which only cells that some row is in are held."""

    def __init__(self, clusters: _Codes, weights: Array, labels: _Codes) -> None:
        kept, width = weights > 0, int(clusters.max()) + 1
        known, places = np.unique((labels * width + clusters)[kept], return_inverse=True)
        self._weights = weights
        self._cell_of_row = np.full(len(labels), -1)
        self._cell_of_row[kept] = places
        self._codes = (np.arange(len(known)), *np.divmod(known, width))
        self._cells, *self._margins = (
            Groups(codes, int(codes.max()) + 1) for codes in (self._cell_of_row, *self._codes[1:])
        )

    def resampled(self, counts: Array) -> Array:
        cells = self._cells.sums(counts * self._weights[:, None])
        tables = (cells, *(margin.sums(cells) for margin in self._margins))
        return _v_measure(cells.sum(axis=0), *(_products(table).sum(axis=0) for table in tables))

    def without_each(self) -> Array:
        """The V-measure without each row in turn, shape (rows,)."""
        cells = self._cells.sums(self._weights[:, None])
        sums = []
        for codes, table in zip(self._codes, (cells, *(margin.sums(cells) for margin in self._margins)), strict=True):
            # A row that is not drawn takes nothing from the cell that stands for it.
            held = table[codes[self._cell_of_row], 0]
            sums.append(_products(table).sum() - _products(held) + _products(held - self._weights))
        return _v_measure(self._weights.sum() - self._weights, *sums)


def _products(amounts: Array) -> Array:
    """Each amount times its logarithm; 0 for none."""
    found: Array = amounts * np.log(amounts, out=np.zeros_like(amounts), where=amounts > 0)
    return found


def _v_measure(total: Array, in_cells: Array, in_labels: Array, in_clusters: Array) -> Array:
    """From the sum of a table's amounts, and the sums of amounts times their logarithms in it and in its margins."""
    with np.errstate(divide="ignore", invalid="ignore"):
        together, by_label, by_cluster = (np.log(total) - sums / total for sums in (in_cells, in_labels, in_clusters))
        both = by_label + by_cluster
        told = 2 * np.maximum(both - together, 0) / both
    # One label in one cluster is told wholly, though there is nothing to tell.
    found: Array = np.where(both > _NO_ENTROPY, told, np.where(total > 0, 1, np.nan))
    return found
