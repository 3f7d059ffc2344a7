"""Pairs that people judged: how well a model agrees with their scores, or finds the true pairs among others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pairforge.agreement import COEFFICIENTS, correlation
from pairforge.errors import FrameError
from pairforge.evaluation.judged import Judged, usable
from pairforge.evaluation.rankings import best_f1_threshold, bootstrap_rankings, rankings
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.evaluation.statistics import bootstrap_correlations
from pairforge.evaluation.task import Judgement, Means, Measured
from pairforge.files import read_frame
from pairforge.frames import LABELLED_PAIR, SCORED_PAIR, FrameContract, adopt


@dataclass(frozen=True)
class Reading:
    """How a task's file is to be read.

    Args:
        columns: Contract column → the file's own name, where one is given.
        score_scale: The score that means "the same"; guessed if None.
        task_data: Task → the file or folder that holds its rows, for tasks whose rows lie elsewhere.
        retrieval: How a folder of corpus, queries and qrels is read and judged.
    """

    columns: Mapping[str, str]
    score_scale: float | None
    task_data: Mapping[str, str] = field(default_factory=dict)
    retrieval: RetrievalOptions = field(default_factory=RetrievalOptions)


@dataclass(frozen=True)
class _Pairs:
    """Judged pairs; what a model predicts is how close it holds each to be, a column for every way of closeness."""

    name: str
    source: str
    pairs: pl.DataFrame
    guesses: tuple[str, ...] = ()

    items = "pairs"

    @property
    def rows(self) -> int:
        """How many pairs there are."""
        return self.pairs.height

    def predict(self, model: Judged, means: Means) -> pl.DataFrame:
        """How close the model holds each pair to be, the most usual way first."""
        found = model.closeness(self.pairs, means.context)
        return pl.DataFrame(usable(model, found, self.name, means.context))


@dataclass(frozen=True)
class ScoredPairs(_Pairs):
    """Pairs with people's scores: Spearman's and Pearson's coefficients of each way of closeness with them."""

    measures = ("spearman", "pearson")

    def measure(self, predictions: Sequence[pl.DataFrame], means: Means) -> list[Judgement]:
        """Correlate every way of closeness with gold."""
        gold = self.pairs["score"].to_numpy()
        columns = np.stack([column.to_numpy() for found in predictions for column in found])
        with means.context.progress("resampling", means.samples, "resamples") as advance:
            drawn = bootstrap_correlations(columns, gold, samples=means.samples, seed=means.seed, advance=advance)
        judgements, first = [], 0
        for found in predictions:
            measured = {
                f"{coefficient}_{way}": Measured(
                    correlation(coefficient, columns[place], gold), drawn[coefficient][place]
                )
                for coefficient in COEFFICIENTS
                for place, way in enumerate(found.columns, start=first)
            }
            judgements.append(Judgement(found.columns[0], measured))
            first += found.width
        return judgements


@dataclass(frozen=True)
class LabelledPairs(_Pairs):
    """Pairs that are true or not: how well a model's usual way of closeness tells them apart."""

    measures = ("average_precision", "auc", "f1", "accuracy")

    def measure(self, predictions: Sequence[pl.DataFrame], means: Means) -> list[Judgement]:
        """Rank the pairs by each model; F1 and accuracy are those of the best threshold on these pairs, and of .5."""
        usual = [found.to_series(0) for found in predictions]
        labels, columns = self.pairs["label"].to_numpy(), np.stack([column.to_numpy() for column in usual])
        with means.context.progress("resampling", means.samples, "resamples") as advance:
            drawn = bootstrap_rankings(columns, labels, samples=means.samples, seed=means.seed, advance=advance)
        return [
            Judgement(
                way.name,
                {
                    f"{measure}_{way.name}": Measured(value, drawn[measure][place])
                    for measure, value in rankings(column, labels).items()
                }
                | {f"f1_threshold_{way.name}": Measured(best_f1_threshold(column, labels), None)},
            )
            for place, (way, column) in enumerate(zip(usual, columns, strict=True))
        ]


def read_scored_pairs(name: str, source: str, reading: Reading) -> ScoredPairs | LabelledPairs:
    """A task of scored pairs, their gold scores in [0, 1].

    Raises:
        FileError: the source cannot be read.
        FrameError: it holds no scored pairs, fewer than two, or scores that are all equal.
    """
    return _read(name, source, reading, (SCORED_PAIR,))


def read_pairs(name: str, source: str, reading: Reading) -> ScoredPairs | LabelledPairs:
    """A task of labelled or scored pairs, whichever the source holds.

    Raises:
        FileError: the source cannot be read.
        FrameError: it holds neither, fewer than two, or labels or scores that are all equal.
    """
    return _read(name, source, reading, (LABELLED_PAIR, SCORED_PAIR))


def _read(name: str, source: str, reading: Reading, shapes: tuple[FrameContract, ...]) -> ScoredPairs | LabelledPairs:
    names = {column.name for shape in shapes for column in shape.columns}
    columns = {column: own for column, own in reading.columns.items() if column in names}
    adopted = adopt(read_frame(source), shapes, source, columns=columns, score_scale=reading.score_scale)
    labelled = adopted.shape is LABELLED_PAIR
    truth = adopted.frame["label" if labelled else "score"]
    if len(truth) < 2:
        raise FrameError(f"{source}: a judgement needs two rows or more, but there is only one.")
    if truth.n_unique() == 1:
        raise FrameError(
            f"{source}: all {len(truth):,} {truth.name}s are equal; a judgement needs {truth.name}s that differ."
        )
    if not labelled:
        return ScoredPairs(name, source, adopted.frame, adopted.guesses)
    common = max(float(truth.mean()), 1 - float(truth.mean()))  # type: ignore[arg-type]
    told = f"{name}: {common:.1%} of the labels are alike, the accuracy of a model that always says so"
    return LabelledPairs(name, source, adopted.frame, (*adopted.guesses, told))
