"""How often classes were told rightly, and how sure that is, exact and fast, by NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pairforge.agreement import Array
from pairforge.evaluation.grouped import Groups
from pairforge.evaluation.statistics import centred, resampled_counts

CLASS_MEASURES = ("accuracy", "f1_macro")
"""Both are means over experiments; macro F1 is the mean over the classes that are there or were predicted."""

_Classes = npt.NDArray[np.int64]


class Told:
    """The classes that one model told in several experiments, beside the true ones.

    Args:
        predicted: The class predicted for each row in each experiment, from 0, shape (experiments, rows).
        truth: The class of each row, from 0, shape (rows,).
    """

    def __init__(self, predicted: _Classes, truth: _Classes) -> None:
        number = int(max(predicted.max(), truth.max())) + 1
        self._there = Groups(truth, number)
        self._experiments = [
            (Groups(classes, number), Groups(np.where(classes == truth, truth, -1), number)) for classes in predicted
        ]
        self.rows = len(truth)

    @property
    def scores(self) -> dict[str, float]:
        """The measures on the rows as they are."""
        return {name: float(values[0]) for name, values in self.resampled(np.ones((self.rows, 1))).items()}

    def resampled(self, counts: Array) -> dict[str, Array]:
        """By measure, on resamples, shape (block,), for counts of shape (rows, block)."""
        there, rows = self._there.sums(counts), counts.sum(axis=0)
        accuracy, f1 = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
        for told, rightly in self._experiments:
            right = rightly.sums(counts)
            either = there + told.sums(counts)
            shares = np.divide(2 * right, either, out=np.zeros_like(right), where=either > 0)
            accuracy += right.sum(axis=0) / rows
            f1 += shares.sum(axis=0) / np.count_nonzero(either, axis=0)
        return {"accuracy": accuracy / len(self._experiments), "f1_macro": f1 / len(self._experiments)}


def bootstrap_classes(
    models: Sequence[Told],
    *,
    samples: int,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
) -> dict[str, Array]:
    """Measures of several models on the same resampled rows, so that they can be paired.

    Macro F1 comes out too low where a resample has few different rows of a class; it is brought about its value.

    Args:
        models: What was told of the same rows.
        samples: Resamples drawn.
        seed: Decides the rows of every resample.
        advance: Told after each block how many resamples it held.

    Returns:
        By measure, shape (models, samples).
    """
    draws = {name: np.empty((len(models), samples)) for name in CLASS_MEASURES}
    for start, counts in resampled_counts(models[0].rows, samples, seed):
        for place, model in enumerate(models):
            for name, values in model.resampled(counts).items():
                draws[name][place, start : start + counts.shape[1]] = values
        advance(counts.shape[1])
    f1 = [centred(drawn, model.scores["f1_macro"]) for model, drawn in zip(models, draws["f1_macro"], strict=True)]
    return draws | {"f1_macro": np.stack(f1)}
