"""Clustering: how well clusters of texts' vectors keep to the texts' labels, by the V-measure.

Experiments are those of mteb's present clustering tasks (AbsTaskClustering, called fast, the kind that its newer
benchmarks hold), on all texts of the file: each clusters 16,384 texts drawn with replacement, and their mean is the
measure.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pairforge.agreement import Array
from pairforge.errors import FrameError, ModelError
from pairforge.evaluation.judged import Judged
from pairforge.evaluation.labelled_texts import classes_of, codes_of, read_labelled_texts
from pairforge.evaluation.pair_tasks import Reading
from pairforge.evaluation.task import Judgement, Means, Measured
from pairforge.evaluation.v_measures import Clustered, bootstrap_v_measures

EXPERIMENTS = 10
"""How many times texts are drawn and clustered."""
TEXTS_DRAWN = 16_384
"""Texts that an experiment draws."""


@dataclass(frozen=True)
class Clustering:
    """Texts with labels; a model predicts the cluster of each text, null if not drawn, a column an experiment."""

    name: str
    source: str
    texts: pl.DataFrame
    guesses: tuple[str, ...] = ()

    items = "texts"
    measures = ("v_measure",)

    @property
    def rows(self) -> int:
        """How many texts there are."""
        return self.texts.height

    def predict(self, model: Judged, means: Means) -> pl.DataFrame:
        """Cluster each experiment's texts into as many clusters as there are labels."""
        from pairforge.engines.probes import clusters  # noqa: PLC0415 - the record needs no engine

        features = model.features(self.texts["text"].to_list(), means.context)
        draws, number = drawn_texts(self.rows, means.seed), self.texts["label"].n_unique()
        told = {}
        with means.context.progress("clustering", len(draws), "experiments") as advance:
            for place, found in enumerate(clusters(features, number, draws, seed=means.seed), start=1):
                # A text that was drawn several times has one vector, and so one cluster.
                cluster_of = dict(zip(draws[place - 1], found.tolist(), strict=True))
                told[f"experiment_{place}"] = [cluster_of.get(row) for row in range(self.rows)]
                advance(1)
        predictions = pl.DataFrame(told, schema=dict.fromkeys(told, pl.Int64))
        if all(column.drop_nulls().n_unique() == 1 for column in predictions):
            raise ModelError(f"{model.name}: puts all texts of {self.name} into one cluster; it tells no texts apart.")
        return predictions

    def measure(self, predictions: Sequence[pl.DataFrame], means: Means) -> list[Judgement]:
        """The mean V-measure of the experiments; resamples of the texts keep the clusters that were found in all."""
        labels = codes_of(self.texts["label"], classes_of(self.texts["label"]))
        weights = _times_drawn(drawn_texts(self.rows, means.seed), self.rows)
        told = [Clustered(_codes(found), labels, weights) for found in predictions]
        with means.context.progress("resampling", means.samples, "resamples") as advance:
            drawn = bootstrap_v_measures(told, samples=means.samples, seed=means.seed, advance=advance)
        return [
            Judgement("", {"v_measure": Measured(model.v_measure, draws)})
            for model, draws in zip(told, drawn, strict=True)
        ]


def drawn_texts(rows: int, seed: int) -> list[list[int]]:
    """The texts of each experiment, as mteb draws them from a new task.

    Args:
        rows: How many texts there are.
        seed: Decides the draws; mteb's is 42.
    """
    generator = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
    return [generator.choices(range(rows), k=TEXTS_DRAWN) for _ in range(EXPERIMENTS)]


def read_clustering(name: str, source: str, reading: Reading) -> Clustering:
    """A clustering task.

    Raises:
        FileError: the source cannot be read.
        FrameError: it holds no texts with labels, fewer than two, or labels that are all equal or all different.
    """
    texts, guesses = read_labelled_texts(source, reading.columns)
    number = texts["label"].n_unique()
    if number == texts.height or number > TEXTS_DRAWN:
        raise FrameError(
            f"{source}: {number:,} labels for {texts.height:,} texts are no clusters; a judgement needs labels that "
            f"several texts share, {TEXTS_DRAWN:,} at most. Name their column with --label-column."
        )
    return Clustering(name, source, texts, guesses)


def _times_drawn(draws: Sequence[Sequence[int]], rows: int) -> Array:
    return np.stack([np.bincount(drawn, minlength=rows) for drawn in draws]).astype(np.float64)


def _codes(predictions: pl.DataFrame) -> npt.NDArray[np.int64]:
    return np.stack([column.fill_null(0).to_numpy() for column in predictions])
