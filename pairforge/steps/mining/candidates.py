"""What was retrieved for some pairs, and which of it their ranks, cosines and relations leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from pairforge.engines.search import nearest
from pairforge.engines.tables import VectorTable
from pairforge.execution.ledger import Ledger
from pairforge.models import Floats
from pairforge.steps.forbidden_rows import Rows
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.mining.preparation import Prepared, Vectors
from pairforge.steps.mining.relations import Flags, Relation, flags


@dataclass(frozen=True)
class Candidates:
    """What was retrieved for some pairs, nearest first; column j holds rank j + 1.

    Args:
        ordinals: The pairs' ordinals in the whole input, (pairs,).
        corpus_rows: int64 (pairs, ranks).
        similarities: Their cosines with the anchor, float32 (pairs, ranks).
        positive_similarities: The own positive's cosine with the anchor, float32 (pairs,); NaN if not looked at.
        refused: By reason, in which relation a candidate must not serve, (pairs, ranks); none is refused twice.
        preferred: Whether a candidate serves before all others, (pairs, ranks), if some do.
    """

    ordinals: Rows
    corpus_rows: Rows
    similarities: Floats
    positive_similarities: Floats
    refused: dict[str, Flags]
    preferred: Flags | None = None

    def only(self, pairs: Rows | slice) -> Candidates:
        """Those of these pairs, which may be repeated."""
        return Candidates(
            self.ordinals[pairs],
            self.corpus_rows[pairs],
            self.similarities[pairs],
            self.positive_similarities[pairs],
            {reason: refused[pairs] for reason, refused in self.refused.items()},
            None if self.preferred is None else self.preferred[pairs],
        )

    def to_rank(self, max_rank: int) -> Candidates:
        """Those of rank `max_rank` at most."""
        return Candidates(
            self.ordinals,
            self.corpus_rows[:, :max_rank],
            self.similarities[:, :max_rank],
            self.positive_similarities,
            {reason: refused[:, :max_rank] for reason, refused in self.refused.items()},
            None if self.preferred is None else self.preferred[:, :max_rank],
        )

    def refusing(self, reason: str, relation: Relation) -> Candidates:
        """The same, with one more relation in which a candidate must not serve."""
        left = ~np.logical_or.reduce([np.zeros(self.corpus_rows.shape, dtype=np.bool_), *self.refused.values()])
        return replace(self, refused={**self.refused, reason: flags(relation, self.ordinals, self.corpus_rows, left)})


def retrieved(ordinals: Rows, prepared: Prepared, depth: int) -> Candidates:
    """The `depth` texts nearest to the anchor of each of these pairs; none for a depth of 0.

    Without vectors there is nothing to measure: similarities are NaN, and nothing is retrieved.
    """
    shape = (len(ordinals), 0)
    corpus_rows, found = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.float32)
    own = np.full(len(ordinals), np.nan, dtype=np.float32)
    if prepared.vectors is not None:
        own = prepared.vectors.positive_similarities(ordinals)
        if depth:
            corpus_rows, found = _nearest(ordinals, prepared.vectors, depth)
    candidates = Candidates(ordinals, corpus_rows, found, own, {})
    for reason, relation in prepared.refused.items():
        candidates = candidates.refusing(reason, relation)
    if prepared.preferred is None:
        return candidates
    everywhere = np.ones(corpus_rows.shape, dtype=np.bool_)
    return replace(candidates, preferred=flags(prepared.preferred, ordinals, corpus_rows, everywhere))


def _nearest(ordinals: Rows, vectors: Vectors, depth: int) -> tuple[Rows, Floats]:
    """The corpus rows nearest to each pair's anchor and their cosines; an anchor of several pairs is searched once."""
    anchor_rows, places = np.unique(vectors.anchor_rows[ordinals], return_inverse=True)
    asked = VectorTable.of(vectors.anchors.take(anchor_rows))
    found = list(nearest(asked, vectors.corpus, depth))
    corpus_rows = np.concatenate([block.corpus_rows for block in found])
    return corpus_rows[places], np.concatenate([block.similarities for block in found])[places]


def remaining(candidates: Candidates, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger) -> Flags:
    """Which candidates may serve, (pairs, ranks).

    Args:
        candidates: What was retrieved.
        prepared: Holds the quantiles that the options name.
        options: The rank window, bounds and margins.
        ledger: Counts the candidates that each filter removed, in the order of the filters.
    """
    left = np.ones(candidates.corpus_rows.shape, dtype=np.bool_)
    ledger.count("candidates: retrieved", left.size)
    for reason, removed in _removals(candidates, prepared.quantiles, options):
        ledger.count(f"candidates: removed as {reason}", int((left & removed).sum()))
        left &= ~removed
    return left


def _removals(
    candidates: Candidates, quantiles: Mapping[float, float], options: MineNegativesOptions
) -> Iterator[tuple[str, Flags]]:
    similarities = candidates.similarities.astype(np.float64)
    positive = candidates.positive_similarities.astype(np.float64)[:, None]
    yield from candidates.refused.items()
    if options.min_rank > 1:
        ranks = np.arange(1, similarities.shape[1] + 1)
        yield "ranked before min_rank", np.broadcast_to(ranks < options.min_rank, similarities.shape)
    if options.min_similarity is not None:
        yield "below min_similarity", similarities < options.min_similarity
    if options.max_similarity is not None:
        yield "above max_similarity", similarities > options.max_similarity
    if options.min_quantile is not None:
        yield "below min_quantile", similarities < quantiles[options.min_quantile]
    if options.max_quantile is not None:
        yield "above max_quantile", similarities > quantiles[options.max_quantile]
    if options.absolute_margin is not None:
        yield "within absolute_margin", similarities > positive - options.absolute_margin
    if options.relative_margin:
        # Not positive * (1 - margin): for a negative cosine that would raise the ceiling.
        yield "within relative_margin", similarities > positive - np.abs(positive) * options.relative_margin
