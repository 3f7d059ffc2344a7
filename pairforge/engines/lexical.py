"""Texts that share rare words with a query (BM25). The one home of bm25s.

Each query is scored by itself, and equal scores go to the lower row, so that neither the other queries nor the size of
a block ever changes a result. Source: Robertson and Zaragoza 2009, as Lucene has it; Lù 2024 (bm25s).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from pairforge.engines.search import Neighbours, Rows
from pairforge.models import Floats
from pairforge.progress import Progress, silent

NO_ROW = -1
"""Stands behind the last text that shares a word with a query."""

_CELLS_AT_ONCE = 2**20
_QUERIES_AT_ONCE = 1024

# Between the words of these scripts stands no blank.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = rf"[\w--[{_UNSPACED}]]{{2,}}|[{_UNSPACED}]"


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
        self, texts: Sequence[str] | pl.Series, *, drop_stopwords: bool = False, k1: float = 1.5, b: float = 0.75
    ) -> None:
        from bm25s import BM25  # noqa: PLC0415 - only where words are searched

        self._size = len(texts)
        self._bm25 = BM25(k1=k1, b=b, method="lucene", backend="numpy", csc_backend="numpy")
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


def words_of(texts: Sequence[str] | pl.Series) -> list[list[str]]:
    """The words of each text in order, repeated ones repeatedly, as `LexicalIndex` sees them."""
    lowered = pl.Series("text", texts, dtype=pl.String).str.normalize("NFKC").str.to_lowercase()
    found: list[list[str]] = lowered.str.extract_all(_WORD).to_list()
    return found


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
