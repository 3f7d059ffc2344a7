"""The batches of an epoch, as its seed and number alone decide them, so that a resumed run meets the same ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sentence_transformers.base.sampler import DefaultBatchSampler

Codes = npt.NDArray[np.int64]

_OWN_TEXTS = 2  # anchor and positive; what follows is negative


def text_codes(rows: pl.DataFrame) -> Codes:
    """One number for each text, shape (rows, text columns); texts that differ in case or outer blanks share one."""
    columns = [
        rows[name].str.strip_chars().str.to_lowercase() for name in rows.columns if rows[name].dtype == pl.String
    ]
    stacked = pl.concat([column.alias("text") for column in columns]).rank("dense").cast(pl.Int64)
    return stacked.to_numpy().reshape(len(columns), rows.height).T


class EpochBatches(DefaultBatchSampler):  # type: ignore[misc] # its base is untyped
    """Shuffled batches, rows / batch_size of them; with codes, no two rows of a batch clash (`distinct_batches`).

    Where texts repeat so much that such batches are more, the small last ones are dropped: `left_out` counts their
    rows in the last epoch.

    sentence-transformers' own samplers go on drawing from one generator, so that an epoch resumed in the middle of
    a run meets another order, and look every row up in the dataset for its texts.
    """

    def __init__(self, dataset: Any, batch_size: int, *, seed: int, codes: Codes | None = None) -> None:
        super().__init__(dataset, batch_size=batch_size, drop_last=False, seed=seed)
        self.rows = len(dataset)
        self.codes = codes
        self.left_out = 0

    def __len__(self) -> int:
        return math.ceil(self.rows / int(self.batch_size))

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows)
        if self.codes is None:
            yield from (order[i : i + self.batch_size].tolist() for i in range(0, self.rows, self.batch_size))
        else:
            batches = distinct_batches(order, self.codes, self.batch_size)[: len(self)]
            self.left_out = self.rows - sum(map(len, batches))
            yield from batches


def distinct_batches(order: npt.NDArray[np.int64], codes: Codes, batch_size: int) -> list[list[int]]:
    """Batches filled in the given order of rows, in which no row's anchor or positive is a text of another row.

    A loss that ranks against the batch would push such a text away from where it belongs. Rows may share a negative:
    it is one for both. Each row goes to the first batch with room after the last that clashes with it. There are at
    least rows / batch_size batches; where texts repeat much, the last ones are small.

    Args:
        order: Rows as they shall be drawn.
        codes: Texts of each row as numbers: anchor, positive, negatives; shape (rows, texts).
        batch_size: Rows in a full batch.
    """
    batches: list[list[int]] = []
    next_open: list[int] = []
    last_with_text: dict[int, int] = {}
    last_with_own: dict[int, int] = {}
    for row, row_codes in zip(order.tolist(), codes[order].tolist(), strict=True):
        own, negatives = row_codes[:_OWN_TEXTS], row_codes[_OWN_TEXTS:]
        clashing = [last_with_text.get(code, -1) for code in own] + [last_with_own.get(code, -1) for code in negatives]
        place = _first_open(next_open, 1 + max(clashing))
        if place == len(batches):
            batches.append([])
            next_open.append(place)
        batches[place].append(row)
        if len(batches[place]) == batch_size:
            next_open[place] = place + 1
        for code in row_codes:
            last_with_text[code] = max(place, last_with_text.get(code, -1))
        last_with_own.update(dict.fromkeys(own, place))
    return batches


def _first_open(next_open: list[int], place: int) -> int:
    """The first batch from `place` on with room; shortens the way there for the next to ask."""
    way = []
    while place < len(next_open) and next_open[place] != place:
        way.append(place)
        place = next_open[place]
    for passed in way:
        next_open[passed] = place
    return place
