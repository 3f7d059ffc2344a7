"""Measures of rankings, query by query, equal to trec_eval's (`pytrec_eval`), by NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pairforge.agreement import Array
from pairforge.evaluation.retrieval.ranking import NOT_FOUND, Columns, ranked
from pairforge.models import Floats

MEASURES = ("ndcg", "mrr", "map", "recall", "precision")


@dataclass(frozen=True)
class Relevance:
    """Which documents are relevant to which queries; parallel arrays, one place a relevant judgement, in any order.

    Args:
        queries: How many queries there are.
        documents: How many documents there are.
        query: The judgement's query, from 0.
        document: The column of its document; NOT_FOUND for one that is not among the documents: it counts as relevant,
            but no model can find it.
        gain: Its relevance, 1 or more.
    """

    queries: int
    documents: int
    query: npt.NDArray[np.int64]
    document: npt.NDArray[np.int64]
    gain: npt.NDArray[np.int64]

    @cached_property
    def counts(self) -> Array:
        """How many documents are relevant to each query, shape (queries,)."""
        return np.bincount(self.query, minlength=self.queries).astype(np.float64)

    def ideal(self, depth: int) -> Array:
        """The discounted cumulative gain of the best ranking of this depth, shape (queries,)."""
        best_first = np.lexsort((-self.gain, self.query))
        query, gain = self.query[best_first], self.gain[best_first]
        first_of_query = np.searchsorted(query, query, side="left")
        place = np.arange(len(query)) - first_of_query
        within = place < depth
        discounted = gain[within] / np.log2(place[within] + 2)
        return np.bincount(query[within], discounted, self.queries).astype(np.float64)

    def gains(self, rankings: Columns, first_query: int) -> Array:
        """The gain of each ranked document, 0 where it is not relevant.

        Args:
            rankings: Columns of documents, shape (queries of a block, depth).
            first_query: The place of the block's first query.
        """
        keys, gain = self._by_key
        if not len(keys):
            return np.zeros(rankings.shape)
        rows = np.arange(first_query, first_query + len(rankings))[:, None]
        wanted = np.where(rankings == NOT_FOUND, -1, rows * self.documents + rankings)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[places] == wanted, gain[places], 0.0)

    @cached_property
    def _by_key(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        held = self.document != NOT_FOUND
        keys = self.query[held] * self.documents + self.document[held]
        order = np.argsort(keys)
        return keys[order], self.gain[held][order]


def measure_names(cutoffs: Sequence[int]) -> list[str]:
    """`ndcg@1` … `precision@100`: each measure at each cutoff, in the order of `RetrievalMeasures`."""
    return [f"{measure}@{cutoff}" for measure in MEASURES for cutoff in cutoffs]


class RetrievalMeasures:
    """Measures of rankings by scores, as `pytrec_eval` has them, ties included.

    nDCG with the relevance itself as gain (`ndcg_cut`), the reciprocal rank within the cutoff (`recip_rank` of a
    ranking cut there), average precision within it, over all relevant documents (`map_cut`), recall, and precision,
    which counts ranks that no document takes as wrong (`P`). All are 0 for a query without relevant documents. Source:
    NIST, trec_eval 9; MRR, which knows no cutoff there, as mteb has it.

    Args:
        relevance: Of all queries.
        cutoffs: Ranks at which to measure, each 1 or more.
    """

    def __init__(self, relevance: Relevance, cutoffs: Sequence[int]) -> None:
        self._relevance = relevance
        self._cutoffs = cutoffs
        self._ideals = {cutoff: relevance.ideal(cutoff) for cutoff in cutoffs}

    def of(self, scores: Floats, first_query: int = 0) -> dict[str, Array]:
        """Measures of the rankings by some queries' scores.

        Args:
            scores: Those queries by all documents, as `ranked` takes them.
            first_query: The place of the first of them among all queries.

        Returns:
            By name (`ndcg@10`), shape (queries of the block,), values in [0, 1].
        """
        gains = self._relevance.gains(ranked(scores, max(self._cutoffs)), first_query)
        block = slice(first_query, first_query + len(scores))
        ranks = np.arange(1, gains.shape[1] + 1)
        relevant, hits = self._relevance.counts[block], gains > 0
        hits_so_far = np.cumsum(hits, axis=1)
        discounted = np.cumsum(gains / np.log2(ranks + 1), axis=1)
        precisions = np.cumsum(hits * hits_so_far / ranks, axis=1)
        # Reciprocal ranks descend: the greatest so far is that of the first hit.
        reciprocal = np.maximum.accumulate(hits / ranks, axis=1)

        def at(cutoff: int) -> dict[str, Array]:
            end = min(cutoff, len(ranks)) - 1
            return {
                "ndcg": _ratio(discounted[:, end], self._ideals[cutoff][block]),
                "mrr": reciprocal[:, end],
                "map": _ratio(precisions[:, end], relevant),
                "recall": _ratio(hits_so_far[:, end], relevant),
                "precision": hits_so_far[:, end] / cutoff,
            }

        found = {cutoff: at(cutoff) for cutoff in self._cutoffs}
        return {f"{name}@{cutoff}": found[cutoff][name] for name in MEASURES for cutoff in self._cutoffs}


def _ratio(part: npt.NDArray[Any], whole: Array) -> Array:
    shares: Array = np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
    return shares
