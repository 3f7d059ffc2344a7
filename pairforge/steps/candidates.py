"""Which of the texts retrieved for a row become its negatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pairforge.execution.ledger import Ledger
from pairforge.models import Floats
from pairforge.randomness import row_uniforms
from pairforge.steps.forbidden_rows import NONE, Rows
from pairforge.steps.mining_options import MineNegativesOptions

Flags = npt.NDArray[np.bool_]
_Number = TypeVar("_Number", np.int64, np.float32)


@dataclass(frozen=True)
class Candidates:
    """What was retrieved for some rows, nearest first; column j holds rank j + 1.

    Args:
        corpus_rows: int64 (rows, ranks).
        similarities: Their cosines with the anchor, float32 (rows, ranks).
        positive_similarities: The own positive's cosine with the anchor, float32 (rows,).
        known: Whether a candidate is a known positive, (rows, ranks).
    """

    corpus_rows: Rows
    similarities: Floats
    positive_similarities: Floats
    known: Flags


def choose(
    candidates: Candidates, ordinals: Rows, options: MineNegativesOptions, ledger: Ledger
) -> tuple[Rows, Floats]:
    """Choose up to `num_negatives` a row, nearest first.

    Args:
        candidates: What was retrieved.
        ordinals: The rows' ordinals in the whole input, (rows,).
        options: The window, bounds, margins and the way of sampling.
        ledger: Counts the candidates each filter removed, in the order of the filters.

    Returns:
        Corpus rows and similarities, both (rows, num_negatives); `NONE` and NaN where there were too few.
    """
    left = np.ones_like(candidates.known)
    ledger.count("candidates: retrieved", left.size)
    for reason, removed in _removals(candidates, options):
        ledger.count(f"candidates: removed as {reason}", int((left & removed).sum()))
        left &= ~removed
    preferred = _preference(candidates, left, ordinals, options)[:, : options.num_negatives]
    behind = left.shape[1]
    ranks = np.full((len(left), options.num_negatives), behind)
    ranks[:, : preferred.shape[1]] = np.where(np.take_along_axis(left, preferred, axis=1), preferred, behind)
    ranks.sort(axis=1)
    return _at(candidates.corpus_rows, ranks, NONE), _at(candidates.similarities, ranks, np.nan)


def _removals(candidates: Candidates, options: MineNegativesOptions) -> Iterator[tuple[str, Flags]]:
    similarities = candidates.similarities.astype(np.float64)
    positive = candidates.positive_similarities.astype(np.float64)[:, None]
    yield "known positives", candidates.known
    if options.min_rank > 1:
        ranks = np.arange(1, similarities.shape[1] + 1)
        yield "ranked before min_rank", np.broadcast_to(ranks < options.min_rank, similarities.shape)
    if options.min_similarity is not None:
        yield "below min_similarity", similarities < options.min_similarity
    if options.max_similarity is not None:
        yield "above max_similarity", similarities > options.max_similarity
    if options.absolute_margin is not None:
        yield "within absolute_margin", similarities > positive - options.absolute_margin
    if options.relative_margin:
        # Not positive * (1 - margin): for a negative cosine that would raise the ceiling.
        yield "within relative_margin", similarities > positive - np.abs(positive) * options.relative_margin


def _preference(candidates: Candidates, left: Flags, ordinals: Rows, options: MineNegativesOptions) -> Rows:
    """Each row's candidates, the preferred first and those not left last."""
    if options.sampling == "top":
        return np.argsort(~left, axis=1, kind="stable")
    keys = row_uniforms(options.seed, ordinals[:, None], candidates.corpus_rows)
    if options.sampling == "weighted":
        # The k highest of logit + Gumbel noise are k draws without replacement from the softmax (Kool et al. 2019).
        gumbel = -np.log(-np.log(np.maximum(keys, np.finfo(np.float64).tiny)))
        keys = candidates.similarities.astype(np.float64) / options.sampling_temperature + gumbel
    return np.argsort(np.where(left, -keys, np.inf), axis=1, kind="stable")


def _at(table: npt.NDArray[_Number], ranks: Rows, empty: float) -> npt.NDArray[_Number]:
    """The table's values at these ranks; `empty` at a rank behind its last."""
    behind = np.full((len(table), 1), empty, dtype=table.dtype)
    return np.take_along_axis(np.hstack((table, behind)), ranks, axis=1)
