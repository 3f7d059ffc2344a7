"""The batches of an epoch over several corpora, in an order that its seed and number alone decide."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np
from sentence_transformers.base.sampler import MultiDatasetDefaultBatchSampler


class MixedBatches(MultiDatasetDefaultBatchSampler):  # type: ignore[misc] # its base is untyped
    """Every batch of every corpus once, shuffled together: each corpus in proportion to its rows.

    sentence-transformers' own samplers go on drawing from one generator, so that an epoch resumed in the middle of a
    run meets another order.
    """

    def __init__(self, dataset: Any, batch_samplers: list[Any], *, seed: int) -> None:
        super().__init__(dataset, batch_samplers=batch_samplers, seed=seed)

    def __len__(self) -> int:
        return sum(len(batches) for batches in self.batch_samplers)

    def __iter__(self) -> Iterator[list[int]]:
        first_rows = [0, *accumulate(len(corpus) for corpus in self.dataset.datasets)]
        turns = np.repeat(range(len(self.batch_samplers)), [len(batches) for batches in self.batch_samplers])
        batches = [iter(sampler) for sampler in self.batch_samplers]
        for corpus in np.random.default_rng([self.seed, self.epoch]).permutation(turns).tolist():
            batch = next(batches[corpus], None)
            if batch is not None:
                yield [row + first_rows[corpus] for row in batch]
