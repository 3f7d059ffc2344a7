"""Documents as sparse rows of numbers, and how close queries of the same kind are to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics import pairwise
from sklearn.preprocessing import normalize

from pairforge.models import Floats

Embed = Callable[[Sequence[str]], csr_array]
"""Texts → their rows, shape (texts, width)."""

_Compare = Callable[[csr_array, csr_array], Floats]


class SparseIndex:
    """Documents as sparse rows, as a `MatcherIndex`.

    Args:
        documents: Their rows, shape (documents, width), float32.
        embed: Makes rows of queries.
        closeness: The similarity, one of `SIMILARITIES`.
    """

    def __init__(self, documents: csr_array, embed: Embed, closeness: str) -> None:
        self._documents = documents
        self._embed = embed
        self._closeness = closeness

    def scores(self, queries: Sequence[str]) -> Floats:
        """How close every document is to each query, shape (queries, documents)."""
        shape = (len(queries), self._documents.shape[0])
        if 0 in shape:
            return np.zeros(shape, dtype=np.float32)
        asked = self._embed(queries)
        if self._closeness in _DISTANCES:
            return np.asarray(_DISTANCES[self._closeness](asked, self._documents), dtype=np.float32)
        found: Floats = (self._measured(asked) @ self._columns).toarray()
        return found

    def pair_scores(self, queries: Sequence[str], rows: Sequence[int]) -> Floats:
        """How close document rows[i] is to query i, shape (queries,)."""
        if not len(queries):
            return np.zeros(0, dtype=np.float32)
        chosen = self._documents[np.asarray(rows, dtype=np.int64)]
        found = SIMILARITIES[self._closeness](self._embed(queries), chosen)
        return np.asarray(found, dtype=np.float32).ravel()

    def vectors(self) -> csr_array:
        """The documents' rows."""
        return self._documents

    @cached_property
    def _columns(self) -> csr_array:
        # By column, as an inverted index: a product then meets only what a query has.
        return self._measured(self._documents).tocsc().T

    def _measured(self, rows: csr_array) -> csr_array:
        return normalize(rows) if self._closeness == "cosine" else rows


def _dot(queries: csr_array, documents: csr_array) -> Floats:
    found: Floats = queries.multiply(documents).sum(axis=1)
    return found


def _euclidean(queries: csr_array, documents: csr_array) -> Floats:
    found: Floats = -np.sqrt((queries - documents).power(2).sum(axis=1))
    return found


SIMILARITIES: Mapping[str, _Compare] = {
    "dot": _dot,
    "cosine": lambda queries, documents: _dot(normalize(queries), normalize(documents)),
    "euclidean": _euclidean,
    "manhattan": lambda queries, documents: -abs(queries - documents).sum(axis=1),
}
"""How close each query is to the document beside it, as sentence-transformers names it; distances are negative."""

_DISTANCES: Mapping[str, _Compare] = {
    "euclidean": lambda queries, documents: -pairwise.euclidean_distances(queries, documents),
    "manhattan": lambda queries, documents: -pairwise.manhattan_distances(queries, documents),
}
