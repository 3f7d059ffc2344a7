"""What retrievers find for anchors, alone or fused.

Fusion is by reciprocal rank (Cormack, Clarke and Büttcher 2009): a text's score is the sum of 1 / (60 + rank) over the
retrievers that found it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from pairforge.engines.lexical import LexicalIndex
from pairforge.engines.search import Neighbours, Propose, nearest, similarities
from pairforge.engines.tables import VectorTable
from pairforge.models import Floats
from pairforge.steps.forbidden_rows import NONE, Rows

Finders = npt.NDArray[np.uint8]
"""Which retrievers found a text: the sum of 2 ** place over their places; 0 where none did."""

_RANK_OFFSET = 60


def finder_words(names: Sequence[str]) -> list[str]:
    """Who found a text, in words, by its number in `Finders`: "random" for 0, as "dense+bm25" for several.

    Args:
        names: Of the retrievers, in their order.
    """
    several = (
        "+".join(name for place, name in enumerate(names) if number >> place & 1)
        for number in range(1, 2 ** len(names))
    )
    return ["random", *several]


@dataclass(frozen=True)
class Ranking:
    """Texts found for some anchors, the best first; column j holds rank j + 1.

    Args:
        corpus_rows: int64 (anchors, ranks), `NONE` behind the last that was found.
        similarities: Their cosines with the anchor, float32 of the same shape; NaN where not looked at.
        finders: Who found them, of the same shape.
    """

    corpus_rows: Rows
    similarities: Floats
    finders: Finders

    @classmethod
    def empty(cls, num_anchors: int) -> Ranking:
        """Nothing was looked for."""
        shape = (num_anchors, 0)
        return cls(np.empty(shape, np.int64), np.empty(shape, np.float32), np.empty(shape, np.uint8))

    def of(self, anchors: Rows | slice) -> Ranking:
        """That of these anchors, which may be repeated."""
        return Ranking(self.corpus_rows[anchors], self.similarities[anchors], self.finders[anchors])

    def to_rank(self, max_rank: int) -> Ranking:
        """The texts of rank `max_rank` at most."""
        return Ranking(self.corpus_rows[:, :max_rank], self.similarities[:, :max_rank], self.finders[:, :max_rank])


class Retriever(Protocol):
    """Finds texts of the corpus for anchors."""

    def best(self, anchor_rows: Rows, k: int) -> Ranking:
        """The k best texts for each of these distinct anchors."""
        ...


@dataclass(frozen=True)
class DenseRetriever:
    """Finds the texts whose vectors have the highest cosines with the anchor's, exactly.

    Args:
        anchors: Vectors of the distinct anchors, of unit length.
        corpus: Vectors of the corpus' texts, of unit length.
        propose: Finds candidates, as `engines.search.proposer` gives it.
    """

    anchors: VectorTable
    corpus: VectorTable
    propose: Propose

    def best(self, anchor_rows: Rows, k: int) -> Ranking:
        """The k best texts for each of these distinct anchors, with their cosines."""
        asked = VectorTable.of(self.anchors.take(anchor_rows))
        return _joined(nearest(asked, self.corpus, k, propose=self.propose))


@dataclass(frozen=True)
class LexicalRetriever:
    """Finds the texts of the highest BM25 scores for the anchor's words; fewer where fewer share a word with it.

    Args:
        anchors: The distinct anchors.
        index: Over the corpus' texts.
    """

    anchors: pl.Series
    index: LexicalIndex

    def best(self, anchor_rows: Rows, k: int) -> Ranking:
        """The k best texts for each of these distinct anchors; no cosines."""
        found = _joined(self.index.nearest(self.anchors.gather(anchor_rows), k))
        return replace(found, similarities=np.full_like(found.similarities, np.nan))


def _joined(blocks: Iterable[Neighbours]) -> Ranking:
    found = list(blocks)
    corpus_rows = np.concatenate([block.corpus_rows for block in found])
    finders = (corpus_rows != NONE).astype(np.uint8)
    return Ranking(corpus_rows, np.concatenate([block.similarities for block in found]), finders)


def fused(rankings: Sequence[Ranking], max_rank: int) -> Ranking:
    """One ranking of what several found, each to rank `max_rank`, of which the first `max_rank` are kept.

    Equal scores go to the lower corpus row. One ranking alone stays as it is.

    Args:
        rankings: Of the same anchors, one a retriever, in the order of the retrievers.
        max_rank: The farthest rank looked at, before and after.
    """
    cut = [ranking.to_rank(max_rank) for ranking in rankings]
    if len(cut) == 1:
        return cut[0]
    found = np.hstack([ranking.corpus_rows for ranking in cut])
    present = found != NONE
    lines, num_texts = np.nonzero(present)[0], int(found.max(initial=0)) + 1
    codes, entry_of = np.unique(lines * num_texts + found[present], return_inverse=True)
    scores = np.bincount(entry_of, np.hstack([_reciprocal_ranks(ranking) for ranking in cut])[present])
    # Of one ranking a text has one bit: their sum is who found it.
    finders = np.bincount(entry_of, np.hstack([ranking.finders << place for place, ranking in enumerate(cut)])[present])
    cosines = np.hstack([ranking.similarities for ranking in cut])[present]
    known = np.full(len(codes), np.nan, dtype=np.float32)
    known[entry_of[~np.isnan(cosines)]] = cosines[~np.isnan(cosines)]
    lines = codes // num_texts
    order = np.lexsort((codes, -scores, lines))
    ranks = np.arange(len(codes)) - np.searchsorted(lines, lines)
    shape = (len(found), max(ranking.corpus_rows.shape[1] for ranking in cut))
    kept = ranks < shape[1]
    ranking = Ranking(np.full(shape, NONE), np.full(shape, np.nan, np.float32), np.zeros(shape, np.uint8))
    place, entry = (lines[kept], ranks[kept]), order[kept]
    ranking.corpus_rows[place] = codes[entry] % num_texts
    ranking.similarities[place] = known[entry]
    ranking.finders[place] = finders[entry]
    return ranking


def _reciprocal_ranks(ranking: Ranking) -> npt.NDArray[np.float64]:
    ranks = np.arange(1, ranking.corpus_rows.shape[1] + 1)
    reciprocal: npt.NDArray[np.float64] = np.broadcast_to(1 / (_RANK_OFFSET + ranks), ranking.corpus_rows.shape)
    return reciprocal


def measured(ranking: Ranking, anchor_rows: Rows, anchors: VectorTable, corpus: VectorTable) -> Ranking:
    """The same ranking with every text's cosine.

    Args:
        ranking: Of some anchors.
        anchor_rows: Each anchor's row of `anchors`.
        anchors: Vectors of unit length.
        corpus: Vectors of the corpus' texts, of unit length.
    """
    lines, ranks = np.nonzero(np.isnan(ranking.similarities) & (ranking.corpus_rows != NONE))
    cosines = ranking.similarities.copy()
    cosines[lines, ranks] = similarities(anchors, anchor_rows[lines], corpus, ranking.corpus_rows[lines, ranks])
    return replace(ranking, similarities=cosines)
