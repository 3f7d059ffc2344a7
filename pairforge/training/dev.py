"""Dev rows: what a model is scored on while it trains, and by which measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pairforge.agreement import Array, accuracy, average_precision, spearman
from pairforge.errors import FrameError
from pairforge.frames import (
    IMAGE_TEXT,
    LABELLED_PAIR,
    LABELLED_TEXT,
    NLI,
    PAIR,
    SCORED_PAIR,
    FrameContract,
    detect_shape,
)
from pairforge.training.kinds import TrainedKind

_PAIR_SHAPES = (SCORED_PAIR, LABELLED_PAIR, NLI)
_OWN_SHAPES = {
    TrainedKind.ENCODER: (*_PAIR_SHAPES, PAIR),
    TrainedKind.CROSS_ENCODER: (*_PAIR_SHAPES, PAIR),
    TrainedKind.CLASSIFIER: (LABELLED_TEXT,),
    TrainedKind.IMAGE_TEXT: (IMAGE_TEXT,),
}
DEV_SHAPES = (*_PAIR_SHAPES, PAIR, IMAGE_TEXT, LABELLED_TEXT)
"""The shapes that dev rows may have."""

_CLOSENESS = {
    TrainedKind.ENCODER: "of the cosine",
    TrainedKind.SPARSE_ENCODER: "of the similarity",
    TrainedKind.LATE_INTERACTION: "of MaxSim",
}
_LAST_RANK = 10
_QUERIES_AT_ONCE = 1024


@dataclass(frozen=True)
class DevMeasure:
    """How a model's predictions for dev rows of one shape are scored.

    Args:
        name: Its name in a sentence.
        truth: The column of what is true; the text to be found, of a measure of ranks.
        value: The score of predictions, given the truth; higher is better. None for a measure of ranks.
        of_classes: Whether classes are predicted, rather than closeness.
    """

    name: str
    truth: str
    value: Callable[[npt.ArrayLike, npt.ArrayLike], float] | None
    of_classes: bool = False

    @property
    def of_ranks(self) -> bool:
        """Whether texts are to be found among all others, rather than pairs judged one by one."""
        return self.value is None


def _mean_reciprocal(ranks: npt.ArrayLike) -> float:
    return float(np.mean(1 / np.asarray(ranks, np.float64)))


_MEASURES: Mapping[FrameContract, DevMeasure] = {
    SCORED_PAIR: DevMeasure("Spearman", "score", spearman),
    LABELLED_PAIR: DevMeasure("average precision", "label", average_precision),
    NLI: DevMeasure("accuracy", "label", accuracy, of_classes=True),
    LABELLED_TEXT: DevMeasure("accuracy", "label", accuracy, of_classes=True),
    IMAGE_TEXT: DevMeasure("mean reciprocal rank", "caption", lambda ranks, captions: _mean_reciprocal(ranks)),
    PAIR: DevMeasure(f"MRR@{_LAST_RANK}", "positive", None),
}


@dataclass(frozen=True)
class DevRows:
    """Dev rows with their measure.

    Args:
        rows: Two columns of texts and the truth.
        measure: How predictions for them are scored.
        kind: What is trained.
    """

    rows: pl.DataFrame
    measure: DevMeasure
    kind: TrainedKind

    @property
    def measure_name(self) -> str:
        """The measure as a sentence names it."""
        if self.measure.of_ranks:
            return f"{self.measure.name} of each positive among all"
        return " ".join(filter(None, (self.measure.name, _CLOSENESS.get(self.kind))))

    @property
    def texts(self) -> tuple[list[str], list[str]]:
        """The first and the second text of each row."""
        return self.rows.to_series(0).to_list(), self.rows.to_series(1).to_list()

    def score(self, predicted: npt.ArrayLike) -> float:
        """How well predictions for the rows agree with the truth; NaN where they tell no rows apart.

        A prediction is a closeness, a class, or the rank of a row's own caption.
        """
        assert self.measure.value is not None  # noqa: S101 - measures of ranks are asked for ranks
        return self.measure.value(predicted, self.rows[self.measure.truth])

    @property
    def searched(self) -> tuple[list[str], list[str]]:
        """The distinct queries, and the distinct documents among which those that belong to them are found."""
        queries, documents = (self.rows.to_series(column).unique(maintain_order=True) for column in (0, 1))
        return queries.to_list(), documents.to_list()

    def rank_score(self, similarity: Callable[[slice], Array]) -> float:
        """Mean over the queries of 1 / rank of the best document that belongs to it, 0 beyond rank 10.

        Documents as similar as that one count as ranked before it, so that a model that tells none apart gets nothing.

        Args:
            similarity: Of some of `searched`'s queries to all of its documents, shape (queries, documents).
        """
        queries, documents = self.searched
        belongs = np.zeros((len(queries), len(documents)), dtype=bool)
        places = [{text: place for place, text in enumerate(texts)} for texts in (queries, documents)]
        rows, columns = ([place[text] for text in texts] for place, texts in zip(places, self.texts, strict=True))
        belongs[rows, columns] = True
        found = [
            _reciprocal_ranks(similarity(some), belongs[some])
            for start in range(0, len(queries), _QUERIES_AT_ONCE)
            if (some := slice(start, start + _QUERIES_AT_ONCE))
        ]
        return float(np.concatenate(found).mean())


def _reciprocal_ranks(similarities: Array, belongs: npt.NDArray[np.bool_]) -> Array:
    best = np.where(belongs, similarities, -np.inf).max(axis=1, keepdims=True)
    ranks = 1 + ((similarities >= best) & ~belongs).sum(axis=1)
    return np.asarray(np.where(ranks <= _LAST_RANK, 1 / ranks, 0.0))


def settle_dev(dev: pl.DataFrame, kind: TrainedKind, *, tells_classes: bool) -> DevRows:
    """Dev rows of the first shape that they fit: scored pairs, labelled pairs, NLI, or pairs.

    Args:
        dev: The rows.
        kind: What is trained.
        tells_classes: Whether it will tell the three classes of NLI apart.

    Raises:
        FrameError: they fit none of the shapes, cannot judge this training, or all rows are alike.
    """
    shape = detect_shape(dev, "dev", _OWN_SHAPES.get(kind, _PAIR_SHAPES))
    if shape is NLI and not tells_classes:
        raise FrameError(
            "dev: holds NLI classes, which only a cross-encoder with cross-entropy loss tells apart; "
            "convert-nli --to binary makes labelled pairs of them."
        )
    if shape is PAIR and kind is TrainedKind.CROSS_ENCODER:
        raise FrameError(
            "dev: holds anchors and positives, among which an encoder finds what belongs together, but a cross-encoder "
            "is judged pair by pair; give pairs with a score or a label."
        )
    rows, measure = shape.view(shape.check(dev, "dev")), _MEASURES[shape]
    if rows[measure.truth].n_unique() == 1 and not measure.of_classes:
        raise FrameError(
            f"dev: {_alike(rows, measure)}, so that no model can be better than another; give rows that differ."
        )
    return DevRows(rows, measure, kind)


def _alike(rows: pl.DataFrame, measure: DevMeasure) -> str:
    if len(rows) == 1:
        return "has one row"
    if measure.of_ranks:
        return "has one positive for all anchors"
    return f"its {measure.truth} is {rows[measure.truth][0]} in every row"
