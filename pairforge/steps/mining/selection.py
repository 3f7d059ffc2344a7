"""Which of the candidates that are left become negatives, and random texts in the places that stay empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from pairforge.engines.search import similarities
from pairforge.execution.ledger import Ledger
from pairforge.models import Floats
from pairforge.randomness import row_uniforms
from pairforge.steps.forbidden_rows import NONE, Rows, fill_at_random
from pairforge.steps.mining.candidates import Candidates, remaining
from pairforge.steps.mining.options import MineNegativesOptions, band_bounds
from pairforge.steps.mining.preparation import Prepared
from pairforge.steps.mining.relations import Flags
from pairforge.steps.mining.retrieval import Finders

_EASY_STREAM = 1


@dataclass(frozen=True)
class Chosen:
    """The negatives of some pairs, nearest first; several lines a pair where there are bands, in their order.

    Args:
        ordinals: Each line's pair, by its ordinal in the whole input, (lines,).
        bands: Each line's band, by its place among the options' (0 without bands), (lines,).
        negatives: Rows of the corpus' distinct texts, int64 (lines, num_negatives), `NONE` where there is none.
        similarities: Their cosines with the anchor, float32 of the same shape; NaN if not looked at.
        finders: Which retrievers found them, uint8 of the same shape; 0 for a text drawn at random.
        positive_similarities: The own positive's cosine with the anchor, float32 (lines,); NaN if not looked at.
    """

    ordinals: Rows
    bands: Rows
    negatives: Rows
    similarities: Floats
    finders: Finders
    positive_similarities: Floats

    def only(self, lines: Rows | Flags | slice) -> Chosen:
        """These lines of it."""
        return Chosen(*(getattr(self, column.name)[lines] for column in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Chosen]) -> Chosen:
        """The lines of all parts, one at least, in order."""
        return cls(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)))


@dataclass(frozen=True)
class Uses:
    """How often each text serves so far, and how often it may.

    Args:
        counts: int32 (texts,); changed as texts are given out.
        most: Times that one may serve.
    """

    counts: npt.NDArray[np.int32]
    most: int

    @classmethod
    def of(cls, num_texts: int, most: int) -> Uses:
        """None has served yet."""
        return cls(np.zeros(num_texts, dtype=np.int32), most)

    def spent(self, corpus_rows: Rows) -> Flags:
        """Whether these texts may serve no more; of the shape given."""
        spent: Flags = self.counts[corpus_rows] >= self.most
        return spent

    def add(self, negatives: Rows) -> None:
        """Count the texts of a table of negatives, in which none stands twice in a line."""
        np.add.at(self.counts, negatives[negatives != NONE], 1)


def choose(
    candidates: Candidates,
    prepared: Prepared,
    options: MineNegativesOptions,
    ledger: Ledger,
    uses: Uses | None = None,
) -> Chosen:
    """Up to `num_negatives` of the candidates a pair (and band), and random texts where they are asked for.

    Args:
        candidates: What was retrieved for some consecutive pairs.
        prepared: What all pairs share.
        options: The window, bounds, margins, bands and the way of sampling.
        ledger: Counts what each filter removed, and what was drawn at random.
        uses: How often texts served earlier pairs, if they may do so only so often; these pairs' uses are added.
    """
    left = np.zeros(candidates.ranking.corpus_rows.shape, dtype=np.bool_)
    if options.strategy == "semi-hard":
        left = remaining(candidates, prepared, options, ledger)
    if options.band:
        candidates, left = _by_band(candidates, left, options, ledger)
    offer = _Offer(candidates, left, _preference(candidates, options))
    if uses is None:
        return _in_bands(_taken(offer, prepared, options, ledger), options)
    lines = []
    for line in range(len(left)):
        own = offer.without_spent(slice(line, line + 1), uses, ledger)
        lines.append(_taken(own, prepared, options, ledger, uses))
        uses.add(lines[-1].negatives)
    return _in_bands(Chosen.joined(lines), options)


@dataclass(frozen=True)
class _Offer:
    """Candidates, which of them may serve, and each line's ranks (from 0), the preferred first; None if as ranked."""

    candidates: Candidates
    left: Flags
    order: Rows | None

    def without_spent(self, lines: slice, uses: Uses, ledger: Ledger) -> _Offer:
        candidates, left = self.candidates.only(lines), self.left[lines]
        spent = left & uses.spent(candidates.ranking.corpus_rows)
        ledger.count("candidates: removed as used max_uses times", int(spent.sum()))
        return _Offer(candidates, left & ~spent, None if self.order is None else self.order[lines])

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

    def _first_flags(self, num_negatives: int) -> Flags:
        if self.order is None:
            return self.left & (np.cumsum(self.left, axis=1) <= num_negatives)
        in_order = np.take_along_axis(self.left, self.order, axis=1)
        taken = np.empty_like(in_order)
        np.put_along_axis(taken, self.order, in_order & (np.cumsum(in_order, axis=1) <= num_negatives), axis=1)
        return taken


def _in_bands(chosen: Chosen, options: MineNegativesOptions) -> Chosen:
    """The same lines, each with its place among its pair's."""
    return replace(chosen, bands=np.arange(len(chosen.ordinals)) % max(1, len(options.band)))


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


def _taken(
    offer: _Offer, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger, uses: Uses | None = None
) -> Chosen:
    """The first that are left, and random texts in the empty places where they are asked for."""
    chosen = offer.first(options.num_negatives)
    short = int((chosen.negatives == NONE).any(axis=1).sum())
    if options.strategy == "easy" or options.too_few == "pad":
        chosen = _filled_at_random(chosen, prepared, options, ledger, uses)
    if options.strategy == "easy":
        short = int((chosen.negatives == NONE).any(axis=1).sum())
    if short:
        ledger.count(f"{'bands of ' if options.band else ''}pairs short of negatives", short)
        mend = "raise --max-rank, lower the margin or " if options.strategy == "semi-hard" else ""
        ledger.note(f"Some pairs found too few negatives: {mend}give a larger --corpus.")
    return chosen


def _filled_at_random(
    chosen: Chosen, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger, uses: Uses | None
) -> Chosen:
    refused = list(prepared.refused.values())[1:]  # The first are the known positives, which `forbidden` names.

    def refuses(lines: Rows, corpus_rows: Rows) -> Flags:
        against = [relation.holds(chosen.ordinals[lines], corpus_rows) for relation in refused]
        found: Flags = np.logical_or.reduce([*against, *([] if uses is None else [uses.spent(corpus_rows)])])
        return found

    negatives = fill_at_random(
        chosen.negatives,
        prepared.groups[chosen.ordinals],
        prepared.forbidden,
        seed=options.seed,
        ordinals=chosen.ordinals,
        stream=_EASY_STREAM,
        refuses=refuses if refused or uses is not None else None,
    )
    lines, places = np.nonzero(negatives != chosen.negatives)
    ledger.count("negatives: drawn at random", len(lines))
    cosines = chosen.similarities.copy()
    if (vectors := prepared.vectors) is not None:
        anchors = prepared.anchor_rows[chosen.ordinals[lines]]
        cosines[lines, places] = similarities(vectors.anchors, anchors, vectors.corpus, negatives[lines, places])
    return replace(chosen, negatives=negatives, similarities=cosines)
