"""Texts that share words which few documents have: the cosine of TF-IDF vectors.

Words are those of `LexicalIndex`. How rare each is stands in the documents of an index; a word that none of them has
counts nothing. Source: scikit-learn's TfidfVectorizer as it comes (smoothed idf, raw counts, vectors of length 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer

from pairforge.engines.lexical import words_of
from pairforge.engines.sparse_rows import SparseIndex
from pairforge.models import ModelSpec
from pairforge.progress import Progress, silent


class TfidfMatcher:
    """TF-IDF as a `TextMatcher`.

    Args:
        spec: Its identity.
    """

    closeness = "cosine"

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    def index(self, documents: Sequence[str], progress: Progress = silent) -> SparseIndex:
        """Count the documents' words, and how many documents have each."""
        with progress("counting words", len(documents), "texts") as advance:
            vectorizer = TfidfVectorizer(analyzer=_as_they_are, dtype=np.float32)
            words = words_of(documents)
            if not any(words):
                # Without a single word there is nothing that scikit-learn would learn from.
                words = [["\0"]]
            vectorizer.fit(words)
            rows = _rows(vectorizer, documents)
            advance(len(documents))
        return SparseIndex(rows, lambda queries: _rows(vectorizer, queries), self.closeness)


def _rows(vectorizer: Any, texts: Sequence[str]) -> csr_array:
    if not texts:
        return csr_array((0, len(vectorizer.vocabulary_)), dtype=np.float32)
    return csr_array(vectorizer.transform(words_of(texts)))


def _as_they_are(words: Sequence[str]) -> Sequence[str]:
    return words
