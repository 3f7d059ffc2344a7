"""Negatives out of what pairs are offered, read by a cross-encoder where one is asked, and random ones where wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from pairforge.engines.search import similarities
from pairforge.execution.ledger import Ledger
from pairforge.steps.forbidden_rows import NONE, Rows, fill_at_random
from pairforge.steps.mining.candidates import Candidates
from pairforge.steps.mining.chosen import Chosen, Uses
from pairforge.steps.mining.offers import Offer, offered
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.mining.preparation import Prepared
from pairforge.steps.mining.relations import Flags

_EASY_STREAM = 1


class Check(Protocol):
    """Looks at texts more closely, at a price: asked only of those that would be chosen."""

    def refusals(self, ordinals: Rows, corpus_rows: Rows) -> Mapping[str, Flags]:
        """By reason, whether text `corpus_rows[i]` must not serve pair `ordinals[i]`; all of shape (n,)."""
        ...


def choose(
    candidates: Candidates,
    prepared: Prepared,
    options: MineNegativesOptions,
    ledger: Ledger,
    *,
    uses: Uses | None = None,
    check: Check | None = None,
) -> Chosen:
    """Up to `num_negatives` of the candidates a pair (and band), and random texts where they are asked for.

    Args:
        candidates: What was retrieved for some consecutive pairs.
        prepared: What all pairs share.
        options: The window, bounds, margins, bands and the way of sampling.
        ledger: Counts what each filter removed, and what was drawn at random.
        uses: How often texts served earlier pairs, if they may do so only so often; these pairs' uses are added.
        check: Looks at every text that is chosen; random ones aside.
    """
    offer = offered(candidates, prepared, options, ledger)
    if check is not None:
        offer = _checked(offer, prepared, options, ledger, uses=uses, check=check)
    chosen = _in_turn(offer, prepared, options, ledger, uses)
    return replace(chosen, bands=np.arange(len(chosen.ordinals)) % max(1, len(options.band)))


def _checked(
    offer: Offer,
    prepared: Prepared,
    options: MineNegativesOptions,
    ledger: Ledger,
    *,
    uses: Uses | None,
    check: Check,
) -> Offer:
    """The offer without what the check refuses of it, as far as that decides the choice.

    What would be chosen is looked at; where some of it is refused, what would be chosen instead, and so on. Unless uses
    are to be heeded, of a line no more is looked at than a look at one text after the other would need.
    """
    left, looked_at = offer.left.copy(), np.zeros_like(offer.left)
    while True:
        offer = replace(offer, left=left)
        if uses is None:
            chosen = offer.first(options.num_negatives)
        else:
            chosen = _in_turn(offer, prepared, options, Ledger(), uses.copy())
        lines, ranks = np.nonzero(offer.holding(chosen) & ~looked_at)
        if not len(lines):
            return offer
        looked_at[lines, ranks] = True
        texts = offer.candidates.ranking.corpus_rows[lines, ranks]
        ledger.count("candidates: read by the cross-encoder", len(texts))
        for reason, refused in check.refusals(offer.candidates.ordinals[lines], texts).items():
            ledger.count(f"candidates: removed as {reason}", int((refused & left[lines, ranks]).sum()))
            left[lines, ranks] &= ~refused


def _in_turn(
    offer: Offer, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger, uses: Uses | None
) -> Chosen:
    """What each line takes; with uses to heed, one line after the other."""
    if uses is None:
        return _taken(offer, prepared, options, ledger)
    lines = []
    for line in range(len(offer.left)):
        own = offer.without_spent(slice(line, line + 1), uses, ledger)
        lines.append(_taken(own, prepared, options, ledger, uses))
        uses.add(lines[-1].negatives)
    return Chosen.joined(lines)


def _taken(
    offer: Offer, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger, uses: Uses | None = None
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
