"""Documents as sparse rows of numbers, and how close queries of the same kind are to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics import pairwise
from sklearn.preprocessing import normalize

from pairforge.models import Floats

Embed = Callable[[Sequence[str]], csr_array]
"""Texts → their rows, shape (texts, width)."""


class SparseIndex:
    """Documents as sparse rows, as a `MatcherIndex`.

    Args:
        documents: Their rows, shape (documents, width), float32.
        embed: Makes rows of queries.
        closeness: The similarity: "dot", "cosine", "euclidean" or "manhattan" (distances are negative).
    """

    def __init__(self, documents: csr_array, embed: Embed, closeness: str) -> None:
        self._documents = documents
        self._embed = embed
        self._similarity = SIMILARITIES[closeness]

    def scores(self, queries: Sequence[str]) -> Floats:
        """How close every document is to each query, shape (queries, documents)."""
        if not len(queries) or not self._documents.shape[0]:
            return np.zeros((len(queries), self._documents.shape[0]), dtype=np.float32)
        return np.ascontiguousarray(self._similarity.of_all(self._embed(queries), self._documents), dtype=np.float32)

    def pair_scores(self, queries: Sequence[str], rows: Sequence[int]) -> Floats:
        """How close document rows[i] is to query i, shape (queries,)."""
        if not len(queries):
            return np.zeros(0, dtype=np.float32)
        chosen = self._documents[np.asarray(rows, dtype=np.int64)]
        found = self._similarity.of_pairs(self._embed(queries), chosen)
        return np.asarray(found, dtype=np.float32).ravel()

    def vectors(self) -> csr_array:
        """The documents' rows."""
        return self._documents


@dataclass(frozen=True)
class _Similarity:
    of_all: Callable[[csr_array, csr_array], Floats]
    of_pairs: Callable[[csr_array, csr_array], Floats]


def _dots(queries: csr_array, documents: csr_array) -> Floats:
    # The documents first: it is the other side that scipy would turn round, and they are many.
    found: Floats = (documents @ queries.T.tocsr()).toarray().T
    return found


def _pair_dots(queries: csr_array, documents: csr_array) -> Floats:
    found: Floats = queries.multiply(documents).sum(axis=1)
    return found


def _pair_euclidean(queries: csr_array, documents: csr_array) -> Floats:
    found: Floats = -np.sqrt((queries - documents).power(2).sum(axis=1))
    return found


SIMILARITIES: Mapping[str, _Similarity] = {
    "dot": _Similarity(_dots, _pair_dots),
    "cosine": _Similarity(
        lambda queries, documents: _dots(normalize(queries), normalize(documents)),
        lambda queries, documents: _pair_dots(normalize(queries), normalize(documents)),
    ),
    "euclidean": _Similarity(
        lambda queries, documents: -pairwise.euclidean_distances(queries, documents), _pair_euclidean
    ),
    "manhattan": _Similarity(
        lambda queries, documents: -pairwise.manhattan_distances(queries, documents),
        lambda queries, documents: -abs(queries - documents).sum(axis=1),
    ),
}
"""As sentence-transformers names them."""
