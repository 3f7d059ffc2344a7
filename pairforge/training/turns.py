"""How many batches of each of several corpora an epoch holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pairforge.training.options.batches import BatchOptions


def turns_an_epoch(batches: Sequence[int], options: BatchOptions) -> tuple[int, ...]:
    """Batches of each corpus that an epoch holds.

    All of them, in proportion to the corpora's sizes; or in turns as many of each as the smallest has; or, by
    weights, as many as all corpora have together, spread as the weights say. A corpus that is asked for more than it
    has is gone through again, in another order.

    Args:
        batches: Batches that go through each corpus once.
        options: How they are mixed.
    """
    if options.mix == "round-robin":
        return (min(batches),) * len(batches)
    return _spread(sum(batches), options.weight) if options.weight else tuple(batches)


def steps_of(turns: Sequence[int], accumulate: int) -> int:
    """Steps in an epoch of these batches, so many of them a step."""
    return math.ceil(sum(turns) / accumulate)


def _spread(total: int, weights: Sequence[float]) -> tuple[int, ...]:
    """The total in whole numbers, at least 1 each, by the largest remainders; of equal ones the earlier gets more."""
    exact = [total * weight / sum(weights) for weight in weights]
    whole = [max(1, math.floor(share)) for share in exact]
    wanting = sorted(range(len(exact)), key=lambda place: (whole[place] - exact[place], place))
    for place in wanting[: max(0, total - sum(whole))]:
        whole[place] += 1
    return tuple(whole)
