"""What pairs are offered: candidates, which of them may serve, and in which order they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pairforge.execution.ledger import Ledger
from pairforge.randomness import row_uniforms
from pairforge.steps.forbidden_rows import NONE, Rows
from pairforge.steps.mining.candidates import Candidates, remaining
from pairforge.steps.mining.chosen import Chosen, Uses
from pairforge.steps.mining.options import MineNegativesOptions, band_bounds
from pairforge.steps.mining.preparation import Prepared
from pairforge.steps.mining.relations import Flags


def offered(candidates: Candidates, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger) -> Offer:
    """What these options leave of the candidates: a line for each pair, or for each of a pair's bands.

    Args:
        candidates: What was retrieved for some pairs.
        prepared: What all pairs share.
        options: The window, bounds, margins, bands and the way of sampling.
        ledger: Counts what each filter removed.
    """
    left = np.zeros(candidates.ranking.corpus_rows.shape, dtype=np.bool_)
    if options.strategy == "semi-hard":
        left = remaining(candidates, prepared, options, ledger)
    if options.band:
        candidates, left = _by_band(candidates, left, options, ledger)
    return Offer(candidates, left, _preference(candidates, options))


@dataclass(frozen=True)
class Offer:
    """Candidates, a line a pair or band, of which some may serve.

    Args:
        candidates: What was retrieved.
        left: Which of it may serve, (lines, ranks).
        order: Each line's ranks (from 0), the preferred first; None where that is their own order.
    """

    candidates: Candidates
    left: Flags
    order: Rows | None

    def without_spent(self, lines: slice, uses: Uses, ledger: Ledger) -> Offer:
        """Some lines of it, without the texts that may serve no more."""
        candidates, left = self.candidates.only(lines), self.left[lines]
        spent = left & uses.spent(candidates.ranking.corpus_rows)
        ledger.count("candidates: removed as used max_uses times", int(spent.sum()))
        return Offer(candidates, left & ~spent, None if self.order is None else self.order[lines])

    def first(self, num_negatives: int) -> Chosen:
        """The first that are left, nearest first."""
        taken = self._first_flags(num_negatives)
        lines, ranks = np.nonzero(taken)
        places = (np.cumsum(taken, axis=1) - 1)[lines, ranks]
        shape, ordinals = (len(taken), num_negatives), self.candidates.ordinals
        chosen = Chosen(
            ordinals=ordinals,
            bands=np.zeros_like(ordinals),
            negatives=np.full(shape, NONE),
            similarities=np.full(shape, np.nan, dtype=np.float32),
            finders=np.zeros(shape, dtype=np.uint8),
            positive_similarities=self.candidates.positive_similarities,
        )
        ranking = self.candidates.ranking
        chosen.negatives[lines, places] = ranking.corpus_rows[lines, ranks]
        chosen.similarities[lines, places] = ranking.similarities[lines, ranks]
        chosen.finders[lines, places] = ranking.finders[lines, ranks]
        return chosen

    def holding(self, chosen: Chosen) -> Flags:
        """Which of what is left stands among the negatives chosen from this offer, (lines, ranks)."""
        held = np.zeros_like(self.left)
        for negatives in chosen.negatives.T:
            held |= self.candidates.ranking.corpus_rows == negatives[:, None]
        return held & self.left

    def _first_flags(self, num_negatives: int) -> Flags:
        if self.order is None:
            return self.left & (np.cumsum(self.left, axis=1) <= num_negatives)
        in_order = np.take_along_axis(self.left, self.order, axis=1)
        taken = np.empty_like(in_order)
        np.put_along_axis(taken, self.order, in_order & (np.cumsum(in_order, axis=1) <= num_negatives), axis=1)
        return taken


def _by_band(
    candidates: Candidates, left: Flags, options: MineNegativesOptions, ledger: Ledger
) -> tuple[Candidates, Flags]:
    """A line for each pair and band, and which candidates may serve there."""
    cosines = candidates.ranking.similarities.astype(np.float64)
    bounds = [band_bounds(band) for band in options.band]
    held = np.stack([left & (cosines >= low) & (cosines < high) for low, high in bounds], axis=1)
    ledger.count("candidates: removed as outside every band", int((left & ~held.any(axis=1)).sum()))
    pairs = np.repeat(np.arange(len(left)), len(bounds))
    return candidates.only(pairs), held.reshape(len(pairs), -1)


def _preference(candidates: Candidates, options: MineNegativesOptions) -> Rows | None:
    """Each line's ranks (from 0), the preferred first; None where that is their own order."""
    order = None
    if options.sampling != "top":
        keys = row_uniforms(options.seed, candidates.ordinals[:, None], candidates.ranking.corpus_rows)
        if options.sampling == "weighted":
            # The k highest of logit + Gumbel noise are k draws without replacement from the softmax (Kool et al. 2019).
            gumbel = -np.log(-np.log(np.maximum(keys, np.finfo(np.float64).tiny)))
            keys = candidates.ranking.similarities.astype(np.float64) / options.sampling_temperature + gumbel
        order = np.argsort(-keys, axis=1, kind="stable")
    if candidates.preferred is None:
        return order
    preferred = candidates.preferred if order is None else np.take_along_axis(candidates.preferred, order, axis=1)
    first = np.argsort(~preferred, axis=1, kind="stable")
    return first if order is None else np.take_along_axis(order, first, axis=1)
