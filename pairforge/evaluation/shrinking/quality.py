"""How well a form of the vectors does on judged rows: it finds positives again, or agrees with people's scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from pairforge.agreement import Array, spearman
from pairforge.evaluation.retrieval.measures import Relevance, RetrievalMeasures
from pairforge.evaluation.shrinking.forms import Form
from pairforge.evaluation.shrinking.quantised import Int8Scale, Precision, as_seen, unit
from pairforge.evaluation.statistics import bootstrap_correlations, bootstrap_means
from pairforge.models import Floats

_CELLS_AT_ONCE = 1 << 24
TOP = 10
"""Found texts that count: a positive below gets nothing."""


@dataclass(frozen=True)
class Sides:
    """The vectors of a judge's two sides in one form, as they are scanned and as they are compared again.

    Args:
        queries, documents: As a scan compares them, shape (rows, dimension).
        exact, kept: As what it found is compared again: the queries' own numbers, and the documents as they are kept
            for it; None without rescoring.
    """

    queries: Floats
    documents: Floats
    exact: Floats | None = None
    kept: Floats | None = None

    @classmethod
    def of(cls, queries: Floats, documents: Floats, form: Form) -> Sides:
        """Both sides of full vectors in a form: cut, brought to length 1, and each number kept in its precision."""
        own, theirs = (unit(vectors[:, : form.dimension]) for vectors in (queries, documents))
        scale = Int8Scale.of(theirs)

        def seen(vectors: Floats, precision: Precision) -> Floats:
            return unit(as_seen(vectors, precision, scale))

        scanned = seen(own, form.precision), seen(theirs, form.precision)
        return cls(*scanned) if form.rescored is None else cls(*scanned, own, seen(theirs, form.rescored))


class Judge(Protocol):
    """Rows by which forms are judged."""

    @property
    def measure(self) -> str:
        """What is measured, as a table heads it."""
        ...

    @property
    def searches(self) -> bool:
        """Whether texts are searched, so that what is found first can be compared again."""
        ...

    @property
    def texts(self) -> tuple[Sequence[str], Sequence[str]]:
        """The texts that are encoded as queries, and those that are encoded as documents."""
        ...

    def predictions(self, sides: Sides) -> Array:
        """What a form gives each judged row, shape (rows,)."""
        ...

    def value(self, predictions: Array) -> float:
        """The measure of a form's predictions."""
        ...

    def draws(self, predictions: Array, samples: int, seed: int) -> Array:
        """The measure on resampled rows, the same for all forms; predictions (forms, rows) → (forms, samples)."""
        ...


class ScoredPairs:
    """Scored pairs: Spearman's coefficient of the cosines with the scores."""

    measure = "Spearman"
    searches = False

    def __init__(self, pairs: pl.DataFrame) -> None:
        self.texts = pairs["sentence1"].to_list(), pairs["sentence2"].to_list()
        self._scores = pairs["score"].to_numpy()

    def predictions(self, sides: Sides) -> Array:
        """The cosine of each pair."""
        cosines: Array = np.einsum("rd,rd->r", sides.queries.astype(np.float64), sides.documents.astype(np.float64))
        return cosines

    def value(self, predictions: Array) -> float:
        """Spearman's coefficient."""
        return spearman(predictions, self._scores)

    def draws(self, predictions: Array, samples: int, seed: int) -> Array:
        """The coefficient on resampled pairs."""
        drawn = bootstrap_correlations(
            predictions, self._scores, coefficients=("spearman",), samples=samples, seed=seed
        )
        return drawn["spearman"]


class Retrieval:
    """Pairs: how high each anchor finds its first positive among all distinct positives (MRR@10).

    Args:
        pairs: anchor and positive; an anchor may have several.
        oversampling: Times ten that a scan finds to be compared again.
    """

    measure = f"MRR@{TOP}"
    searches = True

    def __init__(self, pairs: pl.DataFrame, oversampling: int) -> None:
        positives = pairs["positive"].unique(maintain_order=True)
        place = {text: number for number, text in enumerate(positives)}
        grouped = pairs.group_by("anchor", maintain_order=True).agg(pl.col("positive").unique(maintain_order=True))
        self.texts = grouped["anchor"].to_list(), positives.to_list()
        query = np.repeat(np.arange(len(grouped)), grouped["positive"].list.len())
        document = np.array([place[text] for text in grouped["positive"].explode()], dtype=np.int64)
        relevance = Relevance(len(grouped), len(positives), query, document, np.ones_like(document))
        self._measures = RetrievalMeasures(relevance, (TOP,))
        self._found_first = TOP * oversampling

    def predictions(self, sides: Sides) -> Array:
        """1 / rank of each anchor's first positive; 0 where it is not among the first ten."""
        return np.concatenate(
            [self._measures.of(scores, first)[f"mrr@{TOP}"] for first, scores in self._searched(sides)]
        )

    def value(self, predictions: Array) -> float:
        """The mean."""
        return float(predictions.mean())

    def draws(self, predictions: Array, samples: int, seed: int) -> Array:
        """The mean on resampled anchors."""
        return bootstrap_means(predictions, samples=samples, seed=seed)

    def _searched(self, sides: Sides) -> Iterator[tuple[int, Floats]]:
        step = max(1, _CELLS_AT_ONCE // len(sides.documents))
        for start in range(0, len(sides.queries), step):
            rows = slice(start, start + step)
            scanned = sides.queries[rows] @ sides.documents.T
            if sides.exact is None or sides.kept is None:
                yield start, scanned
                continue
            found = np.argsort(-scanned, axis=1, kind="stable")[:, : self._found_first]
            again = np.full_like(scanned, -np.inf)
            compared = np.einsum("qd,qfd->qf", sides.exact[rows], sides.kept[found])
            np.put_along_axis(again, found, compared, axis=1)
            yield start, again
