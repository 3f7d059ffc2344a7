"""Dev rows: what a model is scored on while it trains, and by which measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy.typing as npt
import polars as pl

from pairforge.agreement import Array, accuracy, average_precision, spearman
from pairforge.errors import FrameError
from pairforge.frames import LABELLED_PAIR, NLI, SCORED_PAIR, FrameContract, detect_shape
from pairforge.training.kinds import TrainedKind

DEV_SHAPES = (SCORED_PAIR, LABELLED_PAIR, NLI)
"""The shapes that dev rows may have."""


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


_MEASURES: Mapping[FrameContract, DevMeasure] = {
    SCORED_PAIR: DevMeasure("Spearman", "score", spearman),
    LABELLED_PAIR: DevMeasure("average precision", "label", average_precision),
    NLI: DevMeasure("accuracy", "label", accuracy, of_classes=True),
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
        return self.measure.name if self.kind is TrainedKind.CROSS_ENCODER else f"{self.measure.name} of the cosine"

    @property
    def texts(self) -> tuple[list[str], list[str]]:
        """The first and the second text of each row."""
        return self.rows.to_series(0).to_list(), self.rows.to_series(1).to_list()

    def score(self, predicted: Array) -> float:
        """How well predictions for the rows agree with the truth; NaN where they tell no rows apart."""
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
    shape = detect_shape(dev, "dev", DEV_SHAPES)
    if shape is NLI and not tells_classes:
        raise FrameError(
            "dev: holds NLI classes, which only a cross-encoder with cross-entropy loss tells apart; "
            "convert-nli --to binary makes labelled pairs of them."
        )
    rows, measure = shape.view(shape.check(dev, "dev")), _MEASURES[shape]
    if rows[measure.truth].n_unique() == 1 and not measure.of_classes:
        alike = f"its {measure.truth} is {rows[measure.truth][0]:g} in every row" if len(rows) > 1 else "has one row"
        raise FrameError(f"dev: {alike}, so that no model can be better than another; give rows that differ.")
    return DevRows(rows, measure, kind)
