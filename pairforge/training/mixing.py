"""The batches of an epoch over several corpora, in an order that its seed and number alone decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from sentence_transformers.base.sampler import MultiDatasetDefaultBatchSampler

from pairforge.training.batches import EpochBatches


class MixedBatches(MultiDatasetDefaultBatchSampler):  # type: ignore[misc] # its base is untyped
    """So many batches of every corpus, shuffled together or in turns.

    A corpus that has fewer batches is gone through again within the epoch, in another order; of one that has more,
    each epoch takes others.

    sentence-transformers' own samplers go on drawing from one generator, so that an epoch resumed in the middle of a
    run meets another order.

    Args:
        dataset: The corpora, one behind the other.
        batch_samplers: The batches of each.
        seed: Of the order.
        turns: Batches of each corpus in an epoch.
        in_turns: Whether the corpora follow each other in their order, for as long as each has batches left.
    """

    def __init__(
        self, dataset: Any, batch_samplers: list[Any], *, seed: int, turns: Sequence[int], in_turns: bool = False
    ) -> None:
        super().__init__(dataset, batch_samplers=batch_samplers, seed=seed)
        self._turns, self._in_turns = turns, in_turns

    def __len__(self) -> int:
        return sum(self._turns)

    def __iter__(self) -> Iterator[list[int]]:
        first_rows = [0, *accumulate(len(corpus) for corpus in self.dataset.datasets)]
        supplies = [
            _supply(sampler, self.epoch, turns) for sampler, turns in zip(self.batch_samplers, self._turns, strict=True)
        ]
        for corpus in self._order():
            yield [row + first_rows[corpus] for row in next(supplies[corpus])]

    def _order(self) -> list[int]:
        if self._in_turns:
            turns = [(turn, corpus) for corpus, number in enumerate(self._turns) for turn in range(number)]
            return [corpus for _, corpus in sorted(turns)]
        repeated = np.repeat(range(len(self._turns)), self._turns)
        order: list[int] = np.random.default_rng([self.seed, self.epoch]).permutation(repeated).tolist()
        return order


def _supply(sampler: EpochBatches, epoch: int, turns: int) -> Iterator[list[int]]:
    """Batches of one corpus without end: that many in this epoch come from passes that no other epoch has."""
    passes = -(-turns // len(sampler))
    for number in range(epoch * passes, (epoch + 1) * passes):
        sampler.set_epoch(number)
        yield from sampler
