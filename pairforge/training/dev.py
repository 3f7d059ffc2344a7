"""Dev rows: what a model is scored on while it trains, and by which measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pairforge.agreement import accuracy, average_precision, spearman
from pairforge.errors import FrameError
from pairforge.frames import IMAGE_TEXT, LABELLED_PAIR, LABELLED_TEXT, NLI, SCORED_PAIR, FrameContract, detect_shape
from pairforge.training.kinds import TrainedKind

_PAIR_SHAPES = (SCORED_PAIR, LABELLED_PAIR, NLI)
_OWN_SHAPES = {TrainedKind.CLASSIFIER: (LABELLED_TEXT,), TrainedKind.IMAGE_TEXT: (IMAGE_TEXT,)}
DEV_SHAPES = (*_PAIR_SHAPES, IMAGE_TEXT, LABELLED_TEXT)
"""The shapes that dev rows may have."""

_CLOSENESS = {
    TrainedKind.ENCODER: "of the cosine",
    TrainedKind.SPARSE_ENCODER: "of the similarity",
    TrainedKind.LATE_INTERACTION: "of MaxSim",
}


@dataclass(frozen=True)
class DevMeasure:
    """How a model's predictions for dev rows of one shape are scored.

    Args:
        name: Its name in a sentence.
        truth: The column of what is true.
        value: The score of predictions, given the truth; higher is better.
        of_classes: Whether classes are predicted, rather than closeness.
    """

    name: str
    truth: str
    value: Callable[[npt.ArrayLike, npt.ArrayLike], float]
    of_classes: bool = False


def _mean_reciprocal(ranks: npt.ArrayLike) -> float:
    return float(np.mean(1 / np.asarray(ranks, np.float64)))


_MEASURES: Mapping[FrameContract, DevMeasure] = {
    SCORED_PAIR: DevMeasure("Spearman", "score", spearman),
    LABELLED_PAIR: DevMeasure("average precision", "label", average_precision),
    NLI: DevMeasure("accuracy", "label", accuracy, of_classes=True),
    LABELLED_TEXT: DevMeasure("accuracy", "label", accuracy, of_classes=True),
    IMAGE_TEXT: DevMeasure("mean reciprocal rank", "caption", lambda ranks, captions: _mean_reciprocal(ranks)),
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
        return " ".join(filter(None, (self.measure.name, _CLOSENESS.get(self.kind))))

    @property
    def texts(self) -> tuple[list[str], list[str]]:
        """The first and the second text of each row."""
        return self.rows.to_series(0).to_list(), self.rows.to_series(1).to_list()

    def score(self, predicted: npt.ArrayLike) -> float:
        """How well predictions for the rows agree with the truth; NaN where they tell no rows apart.

        A prediction is a closeness, a class, or the rank of a row's own caption.
        """
        return self.measure.value(predicted, self.rows[self.measure.truth])


def settle_dev(dev: pl.DataFrame, kind: TrainedKind, *, tells_classes: bool) -> DevRows:
    """Dev rows of the first shape that they fit: scored pairs, labelled pairs, or NLI.

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
    rows, measure = shape.view(shape.check(dev, "dev")), _MEASURES[shape]
    if rows[measure.truth].n_unique() == 1 and not measure.of_classes:
        alike = f"its {measure.truth} is {rows[measure.truth][0]} in every row" if len(rows) > 1 else "has one row"
        raise FrameError(f"dev: {alike}, so that no model can be better than another; give rows that differ.")
    return DevRows(rows, measure, kind)
