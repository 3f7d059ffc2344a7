"""Triplets: how often a model holds an anchor closer to its positive than to a negative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pairforge.errors import FrameError
from pairforge.evaluation.judged import Judged, usable
from pairforge.evaluation.pair_tasks import Reading
from pairforge.evaluation.statistics import bootstrap_means
from pairforge.evaluation.task import Judgement, Means, Measured
from pairforge.files import read_frame
from pairforge.frames import N_TUPLE, TRIPLET, adopt

_COLUMNS = ("anchor", "positive", "negative")


@dataclass(frozen=True)
class Triplets:
    """Rows of anchor, positive and negatives; what a model predicts is the share of a row's negatives that it holds
    to be farther than the positive, a column for every way of closeness.
    """

    name: str
    source: str
    triplets: pl.DataFrame
    guesses: tuple[str, ...] = ()

    measures = ("accuracy",)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.triplets.height

    @property
    def items(self) -> str:
        """What a row is: with one negative a triplet."""
        return "triplets" if len(self._others) == 2 else "n-tuples"

    def predict(self, model: Judged, means: Means) -> pl.DataFrame:
        """Compare the positive with each negative; where both are as close, it is not told apart from it."""
        pairs = [self.triplets.select(sentence1="anchor", sentence2=other) for other in self._others]
        found = model.closeness(pl.concat(pairs), means.context)
        shares = {}
        for way, numbers in usable(model, found, self.name, means.context).items():
            positive, *negatives = np.split(numbers, len(self._others))
            shares[way] = np.mean([positive > negative for negative in negatives], axis=0)
        return pl.DataFrame(shares)

    def measure(self, predictions: Sequence[pl.DataFrame], means: Means) -> list[Judgement]:
        """The share of negatives that are farther than the positive, by each way of closeness."""
        columns = np.stack([column.to_numpy() for found in predictions for column in found])
        with means.context.progress("resampling", means.samples, "resamples") as advance:
            draws = bootstrap_means(columns, samples=means.samples, seed=means.seed, advance=advance)
        measured = iter([Measured(float(column.mean()), drawn) for column, drawn in zip(columns, draws, strict=True)])
        return [
            Judgement(found.columns[0], {f"accuracy_{way}": next(measured) for way in found.columns})
            for found in predictions
        ]

    @property
    def _others(self) -> list[str]:
        return [name for name in self.triplets.columns if name != "anchor"]


def read_triplets(name: str, source: str, reading: Reading) -> Triplets:
    """A task of triplets, or of n-tuples of several negatives a row.

    Raises:
        FileError: the source cannot be read.
        FrameError: it holds neither, or only one row.
    """
    columns = {column: own for column, own in reading.columns.items() if column in _COLUMNS}
    adopted = adopt(read_frame(source), (N_TUPLE, TRIPLET), source, columns=columns)
    if adopted.rows.height < 2:
        raise FrameError(f"{source}: a judgement needs two rows or more, but there is only one.")
    return Triplets(name, source, adopted.shape.view(adopted.frame), adopted.guesses)
