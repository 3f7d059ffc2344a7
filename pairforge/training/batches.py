"""The batches of an epoch, as its seed and number alone decide them, so that a resumed run meets the same ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sentence_transformers.base.sampler import DefaultBatchSampler

Numbers = npt.NDArray[np.int64]
Batches = list[list[int]]
Cut = Callable[[Numbers, int], Batches]
"""Cuts rows, as they are drawn, into batches of at most that many."""

_OWN_TEXTS = 2  # anchor and positive; what follows is negative
_BATCHES_SORTED_TOGETHER = 16


def text_codes(rows: pl.DataFrame) -> Numbers:
    """One number for each text, shape (rows, text columns); texts that differ in case or outer blanks share one."""
    columns = [
        rows[name].str.strip_chars().str.to_lowercase() for name in rows.columns if rows[name].dtype == pl.String
    ]
    stacked = pl.concat([column.alias("text") for column in columns]).rank("dense").cast(pl.Int64)
    return stacked.to_numpy().reshape(len(columns), rows.height).T


def text_lengths(rows: pl.DataFrame) -> Numbers:
    """Characters of each row's texts together, shape (rows,)."""
    lengths = rows.select(pl.sum_horizontal(pl.col(pl.String).str.len_chars()))
    return lengths.to_series().cast(pl.Int64).to_numpy()


def cut_in_order(order: Numbers, batch_size: int) -> Batches:
    """Batches of rows as they are drawn."""
    return [order[start : start + batch_size].tolist() for start in range(0, len(order), batch_size)]


def cut_distinct(codes: Numbers) -> Cut:
    """Cuts `distinct_batches` of rows with these text codes."""
    return partial(distinct_batches, codes=codes)


def cut_by_length(lengths: Numbers) -> Cut:
    """Cuts `batches_of_like_length` of rows with these lengths."""
    return partial(batches_of_like_length, lengths=lengths)


class EpochBatches(DefaultBatchSampler):  # type: ignore[misc] # its base is untyped
    """The batches of an epoch, rows / batch_size of them, cut from the rows in an order drawn anew each time.

    Where a cut leaves more batches than that, the last ones are dropped: `left_out` counts their rows in the last
    epoch.

    `begin` is called with the number of each epoch that begins. Of several processes, `share` names the one that
    this is and how many there are: each gets as many rows of every batch as the others.

    sentence-transformers' own samplers go on drawing from one generator, so that an epoch resumed in the middle of
    a run meets another order, and look every row up in the dataset for its texts.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        *,
        seed: int,
        cut: Cut = cut_in_order,
        begin: Callable[[int], None] = lambda epoch: None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        super().__init__(dataset, batch_size=batch_size, drop_last=False, seed=seed)
        self._begin = begin
        self._share = share
        self.rows = len(dataset)
        self.left_out = 0
        self._cut = cut

    def __len__(self) -> int:
        return math.ceil(self.rows / int(self.batch_size))

    def __iter__(self) -> Iterator[list[int]]:
        self._begin(self.epoch)
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows)
        batches = self._cut(order, self.batch_size)[: len(self)]
        place, processes = self._share
        shared = [shared_rows(batch, processes) for batch in batches]
        self.left_out = self.rows - sum(map(len, batches)) + sum(len(batch) % processes for batch in batches)
        yield from (rows[len(rows) // processes * place :][: len(rows) // processes] for rows in shared)


def shared_rows(batch: list[int], processes: int) -> list[int]:
    """The rows of a batch that can be shared evenly; one with too few for all gives some of them several times."""
    even = len(batch) - len(batch) % processes
    return batch[:even] or (batch * processes)[:processes]


def batches_of_like_length(order: Numbers, batch_size: int, lengths: Numbers) -> Batches:
    """Batches that need little padding: each is cut from sixteen batches' rows sorted by length.

    Rows meet others of their length, not always the same ones, and short and long batches follow each other at random.

    Args:
        order: Rows as they are drawn.
        batch_size: Rows in a full batch.
        lengths: A length for each row, shape (rows,).
    """
    together = _BATCHES_SORTED_TOGETHER * batch_size
    batches: Batches = []
    for start in range(0, len(order), together):
        drawn = order[start : start + together]
        by_length = np.argsort(
            -lengths[drawn], kind="stable"
        )  # the longest first: a last, small batch is of short ones
        cut = cut_in_order(by_length, batch_size)
        # The draw of a batch's first row is as good as any for the batch: sorted by it, batches stand at random.
        batches += [drawn[batch].tolist() for batch in sorted(cut, key=lambda batch: batch[0])]
    return batches


def distinct_batches(order: Numbers, batch_size: int, codes: Numbers) -> Batches:
    """Batches filled in the given order of rows, in which no row's anchor or positive is a text of another row.

    A loss that ranks against the batch would push such a text away from where it belongs. Rows may share a negative:
    it is one for both. Each row goes to the first batch with room after the last that clashes with it. There are at
    least rows / batch_size batches; where texts repeat much, the last ones are small.

    Args:
        order: Rows as they shall be drawn.
        batch_size: Rows in a full batch.
        codes: Texts of each row as numbers: anchor, positive, negatives; shape (rows, texts).
    """
    batches: Batches = []
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
