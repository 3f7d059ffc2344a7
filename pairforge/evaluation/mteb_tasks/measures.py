"""Measures of items by mteb's names, on all of them and on resamples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from pairforge.agreement import Array, correlation
from pairforge.evaluation.mteb_tasks.items import GOLD, GUESS
from pairforge.evaluation.mteb_tasks.kinds import CLASSIFICATION, PAIRS, STS
from pairforge.evaluation.rankings import bootstrap_rankings, rankings
from pairforge.evaluation.statistics import bootstrap_correlations, bootstrap_means, resampled_counts

Found = Mapping[str, tuple[float, Array]]
"""Measure → its value on all items, and on each resample, shape (samples,)."""


def measured_items(kind: str, items: pl.DataFrame, samples: int, seed: int) -> Found:
    """All measures that single items decide.

    Args:
        kind: The kind of the task.
        items: As `item_rows` gives them.
        samples: Resamples drawn.
        seed: Decides the items of each.
    """
    return _MEASURES.get(kind, _means)(items, samples, seed)


def _means(items: pl.DataFrame, samples: int, seed: int) -> Found:
    values = items.to_numpy().T
    drawn = bootstrap_means(values, samples=samples, seed=seed)
    return {name: (float(values[place].mean()), drawn[place]) for place, name in enumerate(items.columns)}


def _correlations(items: pl.DataFrame, samples: int, seed: int) -> Found:
    gold = items[GOLD].to_numpy()
    ways = [name for name in items.columns if name != GOLD]
    columns = np.stack([items[way].to_numpy() for way in ways])
    drawn = bootstrap_correlations(columns, gold, samples=samples, seed=seed)
    return {
        coefficient if way == "similarity" else f"{way}_{coefficient}": (
            correlation(coefficient, columns[place], gold),
            drawn[coefficient][place],
        )
        for coefficient in drawn
        for place, way in enumerate(ways)
    }


def _precisions(items: pl.DataFrame, samples: int, seed: int) -> Found:
    labels = items[GOLD].to_numpy()
    ways = [name for name in items.columns if name != GOLD]
    columns = np.stack([items[way].to_numpy() for way in ways])
    drawn = bootstrap_rankings(columns, labels, samples=samples, seed=seed)["average_precision"]
    whole = [rankings(column, labels)["average_precision"] for column in columns]
    found = {f"{way}_ap": (whole[place], drawn[place]) for place, way in enumerate(ways)}
    return {**found, "max_ap": (max(whole), drawn.max(axis=0))}


def _guesses(items: pl.DataFrame, samples: int, seed: int) -> Found:
    """Accuracy and macro F1, each the mean over the experiments, all on the same resampled texts."""
    experiments = [name for name in items.columns if name.startswith(GUESS)]
    codes, gold, guesses = _coded(items, experiments)
    count = _Confusion(codes, gold, guesses)
    whole = count(np.ones((items.height, 1)))
    drawn = [count(counts) for _, counts in resampled_counts(items.height, samples, seed)]
    return {name: (float(whole[name][0]), np.concatenate([block[name] for block in drawn])) for name in whole}


def _coded(items: pl.DataFrame, experiments: list[str]) -> tuple[int, Any, list[Any]]:
    columns = [items[name].to_numpy() for name in (GOLD, *experiments)]
    classes, codes = np.unique(np.concatenate(columns), return_inverse=True)
    gold, *guesses = np.split(codes, len(columns))
    return len(classes), gold, guesses


class _Confusion:
    """How often each class is there, guessed, and guessed rightly, in resamples given by counts of the texts."""

    def __init__(self, classes: int, gold: Any, guesses: list[Any]) -> None:
        self._there = _incidence(classes, gold, np.ones(len(gold), dtype=bool))
        self._guessed = [_incidence(classes, guess, np.ones(len(gold), dtype=bool)) for guess in guesses]
        self._right = [_incidence(classes, guess, guess == gold) for guess in guesses]

    def __call__(self, counts: Array) -> dict[str, Array]:
        """By measure, shape (block,), for counts of shape (texts, block)."""
        there, texts = self._there @ counts, counts.sum(axis=0)
        accuracy, f1 = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
        for guessed_by, right_by in zip(self._guessed, self._right, strict=True):
            right, either = right_by @ counts, there + guessed_by @ counts
            accuracy += right.sum(axis=0) / texts
            # A class that is neither there nor guessed is none of the resample's.
            f1 += np.divide(2 * right, either, out=np.zeros_like(right), where=either > 0).sum(axis=0) / (
                either > 0
            ).sum(axis=0)
        return {"accuracy": accuracy / len(self._right), "f1": f1 / len(self._right)}


def _incidence(classes: int, codes: Any, held: Any) -> Any:
    from scipy.sparse import csr_array  # noqa: PLC0415 - comes with mteb

    rows = np.flatnonzero(held)
    return csr_array((np.ones(len(rows)), (codes[rows], rows)), shape=(classes, len(codes)))


_MEASURES: Mapping[str, Callable[[pl.DataFrame, int, int], Found]] = {
    CLASSIFICATION.name: _guesses,
    STS.name: _correlations,
    PAIRS.name: _precisions,
}
