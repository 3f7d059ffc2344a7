"""Texts that share rare words with a query (BM25). The one home of bm25s.

Each query is scored by itself, and equal scores go to the lower row, so that neither the other queries nor the size of
a block ever changes a result. Source: Robertson and Zaragoza 2009, as Lucene has it; Lù 2024 (bm25s).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pairforge.engines.search import Neighbours, Rows
from pairforge.model_names import BM25, K1, WORD, B
from pairforge.models import Floats, ModelSpec
from pairforge.progress import Progress, silent

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NO_ROW = -1
"""Stands behind the last text that shares a word with a query."""

_CELLS_AT_ONCE = 2**20
_QUERIES_AT_ONCE = 1024


class LexicalIndex:
    """An index of texts by their words.

    Words are runs of two or more letters, digits and underscores, in lower case after NFKC: on English those of bm25s'
    tokenizer. Of scripts that put no blanks between words, each character is one.

    Args:
        texts: What is searched; a text without words is never found.
        drop_stopwords: Whether English stop words (bm25s' list) count for nothing.
        k1: How late a word's repetition stops counting.
        b: How much long texts are held back, 0 to 1.
    """

    def __init__(
        self, texts: Sequence[str] | pl.Series, *, drop_stopwords: bool = False, k1: float = K1, b: float = B
    ) -> None:
        import bm25s  # noqa: PLC0415 - only where words are searched

        self._size = len(texts)
        self._bm25 = bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy", csc_backend="numpy")
        by_text = words_of(texts)
        # In order of appearance: a set's order would differ from run to run.
        known = dict.fromkeys(word for words in by_text for word in words)
        left_out = _stopwords() if drop_stopwords else frozenset()
        self._number_of = {word: number for number, word in enumerate(word for word in known if word not in left_out)}
        if self._number_of:
            numbered = [self._numbers(words) for words in by_text]
            self._bm25.index((numbered, self._number_of), create_empty_token=False, show_progress=False)

    def __len__(self) -> int:
        return self._size

    def nearest(
        self, queries: Sequence[str] | pl.Series, k: int, *, progress: Progress = silent
    ) -> Iterator[Neighbours]:
        """The k texts of the highest BM25 score for each query, exactly.

        Args:
            queries: Texts, of whose words only those count that the index knows; a repeated word counts repeatedly.
            k: How many a query.
            progress: Shows queries done.

        Yields:
            Blocks of queries in order, whose `similarities` are BM25 scores: above 0 and without an upper bound. Behind
            the last text that shares a word with the query stand `NO_ROW` and NaN.
        """
        k = min(k, len(self))
        step = max(1, min(_QUERIES_AT_ONCE, _CELLS_AT_ONCE // max(1, k)))
        with progress("searching words", len(queries), "queries") as advance:
            for first in range(0, len(queries), step):
                block = words_of(queries[first : first + step])
                yield self._found(block, first, k)
                advance(len(block))

    def scores(self, queries: Sequence[str] | pl.Series) -> Floats:
        """The BM25 score of every text for each query, shape (queries, texts): 0 where they share no word."""
        scores = np.zeros((len(queries), len(self)), dtype=np.float32)
        for place, words in enumerate(words_of(queries)):
            if numbers := self._numbers(words):
                scores[place] = self._bm25.get_scores_from_ids(numbers)
        return scores

    def pair_scores(self, queries: Sequence[str] | pl.Series, rows: Sequence[int]) -> Floats:
        """The BM25 score of text rows[i] for query i, shape (queries,), to the bit as `scores` has it."""
        found = zip(words_of(queries), rows, strict=True)
        return np.array([self._pair_score(self._numbers(words), row) for words, row in found], dtype=np.float32)

    def vectors(self) -> csr_array:
        """What each word counts in each text, shape (texts, words): a query's score is the sum over its words."""
        return self._weights

    @cached_property
    def _weights(self) -> csr_array:
        from scipy.sparse import csc_array, csr_array  # noqa: PLC0415 - only where pairs are compared

        shape = (len(self), len(self._number_of))
        if not self._number_of:
            return csr_array(shape, dtype=np.float32)
        held = self._bm25.scores
        return csc_array((held["data"], held["indices"], held["indptr"]), shape=shape).tocsr()

    def _pair_score(self, numbers: Sequence[int], row: int) -> np.float32:
        weights, score = self._weights, np.float32(0)
        first, end = weights.indptr[row], weights.indptr[row + 1]
        known = dict(zip(weights.indices[first:end].tolist(), weights.data[first:end], strict=True))
        for number in numbers:
            score += known.get(number, np.float32(0))
        return score

    def _found(self, queries: Sequence[Sequence[str]], first_row: int, k: int) -> Neighbours:
        rows = np.full((len(queries), k), NO_ROW, dtype=np.int64)
        scores = np.full((len(queries), k), np.nan, dtype=np.float32)
        for place, words in enumerate(queries):
            numbers = self._numbers(words)
            if numbers and k:
                best_rows, best = _best(self._bm25.get_scores_from_ids(numbers), k)
                rows[place, : len(best)], scores[place, : len(best)] = best_rows, best
        return Neighbours(first_row, rows, scores)

    def _numbers(self, words: Sequence[str]) -> list[int]:
        return [self._number_of[word] for word in words if word in self._number_of]


class Bm25Matcher:
    """BM25 as a `TextMatcher`: the index knows the documents alone, whose words it weighs; a query's words only count.

    Args:
        spec: Its identity.
    """

    closeness = BM25

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    def index(self, documents: Sequence[str], progress: Progress = silent) -> LexicalIndex:
        """Count the documents' words."""
        with progress("counting words", len(documents), "texts") as advance:
            index = LexicalIndex(documents)
            advance(len(documents))
        return index


def words_of(texts: Sequence[str] | pl.Series) -> list[list[str]]:
    """The words of each text in order, repeated ones repeatedly, as `LexicalIndex` sees them."""
    found: list[list[str]] = folded(texts).str.extract_all(WORD).to_list()
    return found


def folded(texts: Sequence[str] | pl.Series) -> pl.Series:
    """Texts in lower case after NFKC, as words are looked for in them."""
    return pl.Series("text", texts, dtype=pl.String).str.normalize("NFKC").str.to_lowercase()


def _stopwords() -> frozenset[str]:
    from bm25s.stopwords import STOPWORDS_EN  # noqa: PLC0415 - only where words are searched

    return frozenset(STOPWORDS_EN)


def _best(scores: Floats, k: int) -> tuple[Rows, Floats]:
    """The rows of the k highest scores above 0, best first, of equal ones the lower first; and these scores."""
    found = np.flatnonzero(scores)
    if len(found) > k:
        lowest = np.partition(scores[found], -k)[-k]
        found = found[scores[found] >= lowest]
    order = np.argsort(-scores[found], kind="stable")[:k]
    return found[order], scores[found[order]]
