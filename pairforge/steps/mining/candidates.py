"""What was retrieved for some pairs, and which of it their ranks, cosines and relations leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pairforge.execution.ledger import Ledger
from pairforge.models import Floats
from pairforge.steps.forbidden_rows import NONE, Rows
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.mining.preparation import Prepared
from pairforge.steps.mining.relations import Flags, Relation, flags
from pairforge.steps.mining.retrieval import Ranking, fused, measured


@dataclass(frozen=True)
class Candidates:
    """What was retrieved for some pairs.

    Args:
        ordinals: The pairs' ordinals in the whole input, (pairs,).
        ranking: The texts, the best first, (pairs, ranks).
        positive_similarities: The own positive's cosine with the anchor, float32 (pairs,); NaN if not looked at.
        refused: By reason, in which relation a candidate must not serve, (pairs, ranks); none is refused twice.
        preferred: Whether a candidate serves before all others, (pairs, ranks), if some do.
    """

    ordinals: Rows
    ranking: Ranking
    positive_similarities: Floats
    refused: dict[str, Flags]
    preferred: Flags | None = None

    @property
    def present(self) -> Flags:
        """Where there is a candidate at all."""
        present: Flags = self.ranking.corpus_rows != NONE
        return present

    def only(self, pairs: Rows | slice) -> Candidates:
        """Those of these pairs, which may be repeated."""
        return Candidates(
            self.ordinals[pairs],
            self.ranking.of(pairs),
            self.positive_similarities[pairs],
            {reason: refused[pairs] for reason, refused in self.refused.items()},
            None if self.preferred is None else self.preferred[pairs],
        )

    def refusing(self, reason: str, relation: Relation) -> Candidates:
        """The same, with one more relation in which a candidate must not serve."""
        left = self.present
        for refused in self.refused.values():
            left &= ~refused
        found = flags(relation, self.ordinals, self.ranking.corpus_rows, left)
        return replace(self, refused={**self.refused, reason: found})


def searched(ordinals: Rows, prepared: Prepared, depth: int) -> list[Ranking]:
    """The `depth` best texts that each retriever finds for these pairs' anchors; an anchor is searched for once."""
    anchor_rows, places = np.unique(prepared.anchor_rows[ordinals], return_inverse=True)
    return [retriever.best(anchor_rows, depth).of(places) for retriever in prepared.retrievers]


def candidates_among(rankings: Sequence[Ranking], ordinals: Rows, prepared: Prepared, max_rank: int) -> Candidates:
    """What `searched` found for these pairs, fused into one ranking to `max_rank`, and what speaks against it."""
    ranking = fused(rankings, max_rank) if rankings else Ranking.empty(len(ordinals))
    own = np.full(len(ordinals), np.nan, dtype=np.float32)
    if (vectors := prepared.vectors) is not None:
        own = vectors.positive_similarities(ordinals)
        ranking = measured(ranking, prepared.anchor_rows[ordinals], vectors.anchors, vectors.corpus)
    candidates = Candidates(ordinals, ranking, own, {})
    for reason, relation in prepared.refused.items():
        candidates = candidates.refusing(reason, relation)
    if prepared.preferred is None:
        return candidates
    preferred = flags(prepared.preferred, ordinals, ranking.corpus_rows, candidates.present)
    return replace(candidates, preferred=preferred)


def remaining(candidates: Candidates, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger) -> Flags:
    """Which candidates may serve, (pairs, ranks).

    Args:
        candidates: What was retrieved.
        prepared: Holds the quantiles that the options name.
        options: The rank window, bounds and margins.
        ledger: Counts the candidates that each filter removed, in the order of the filters.
    """
    left = candidates.present
    ledger.count("candidates: retrieved", int(left.sum()))
    for reason, removed in _removals(candidates, prepared.quantiles, options):
        ledger.count(f"candidates: removed as {reason}", int((left & removed).sum()))
        left &= ~removed
    return left


def _removals(
    candidates: Candidates, quantiles: Mapping[float, float], options: MineNegativesOptions
) -> Iterator[tuple[str, Flags]]:
    similarities = candidates.ranking.similarities.astype(np.float64)
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
    if options.margin_share:
        # Not positive * (1 - margin): for a negative cosine that would raise the ceiling.
        yield "within relative_margin", similarities > positive - np.abs(positive) * options.margin_share
