import itertools

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pairforge.training.batches import (
    EpochBatches,
    batches_of_like_length,
    cut_distinct,
    cut_in_order,
    distinct_batches,
    text_codes,
    text_lengths,
)

codes_tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 12), min_size=width, max_size=width), min_size=1, max_size=60)
)


@given(codes_tables, st.integers(1, 9), st.integers(0, 5))
def test_each_row_comes_once_and_no_rows_of_a_batch_clash(table: list[list[int]], batch_size: int, seed: int):
    codes = np.array(table)
    order = np.random.default_rng(seed).permutation(len(table))
    batches = distinct_batches(order, batch_size, codes)
    assert sorted(row for batch in batches for row in batch) == list(range(len(table)))
    for batch in batches:
        for row, other in itertools.permutations(batch, 2):
            assert not set(table[row][:2]) & set(table[other])
        assert 0 < len(batch) <= batch_size


def test_rows_that_share_only_a_negative_stay_together():
    codes = np.array([[0, 1, 9], [2, 3, 9], [4, 5, 2]])
    assert distinct_batches(np.arange(3), 3, codes) == [[0, 1], [2]]


@given(st.integers(1, 100), st.integers(1, 20), st.integers(0, 3))
def test_rows_of_distinct_texts_fill_batches_in_order(rows: int, batch_size: int, epoch: int):
    codes = np.arange(2 * rows).reshape(rows, 2)
    cuts = (cut_in_order, cut_distinct(codes))
    free, distinct = (EpochBatches(range(rows), batch_size, seed=3, cut=cut) for cut in cuts)
    for batches in (free, distinct):
        batches.set_epoch(epoch)
    assert list(free) == list(distinct)
    assert len(list(free)) == len(free)


def test_epoch_number_and_seed_alone_decide_the_order():
    first, later = (EpochBatches(range(50), 8, seed=1) for _ in range(2))
    list(first)
    for batches in (first, later):
        batches.set_epoch(2)
    assert list(first) == list(later)
    later.set_epoch(3)
    assert list(first) != list(later)


def test_epoch_has_the_promised_number_of_batches_when_texts_repeat():
    batches = EpochBatches(range(10), 4, seed=0, cut=cut_distinct(np.array([[0, i + 1] for i in range(10)])))
    assert [len(batch) for batch in batches] == [1, 1, 1]
    assert batches.left_out == 7


def test_texts_are_told_apart_across_columns_but_not_by_case_or_outer_blanks():
    codes = text_codes(pl.DataFrame({"anchor": ["A cat", "dog"], "positive": ["dog ", "a cat"], "score": [1.0, 2.0]}))
    assert codes.shape == (2, 2)
    assert codes[0].tolist() == codes[1][::-1].tolist()
    assert len(set(codes[0].tolist())) == 2


@given(st.lists(st.integers(0, 30), min_size=9, max_size=400), st.integers(1, 9), st.integers(0, 5))
def test_batches_of_like_length_hold_each_row_once_and_need_no_more_padding(
    lengths: list[int], batch_size: int, seed: int
):
    lengths = lengths[: len(lengths) // batch_size * batch_size]
    order = np.random.default_rng(seed).permutation(len(lengths))
    batches = batches_of_like_length(order, batch_size, np.array(lengths))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert len(batches) == len(cut_in_order(order, batch_size))

    def padded(cut: list[list[int]]) -> int:
        return sum(len(batch) * max(lengths[row] for row in batch) for batch in cut)

    assert padded(batches) <= padded(cut_in_order(order, batch_size))


def test_short_and_long_batches_follow_each_other_at_random():
    lengths = np.arange(64)
    firsts = [
        batches_of_like_length(np.random.default_rng(seed).permutation(64), 8, lengths)[0][0] // 8 for seed in range(40)
    ]
    assert set(firsts) == set(range(8))


def test_a_rows_length_is_that_of_all_its_texts():
    rows = pl.DataFrame({"sentence1": ["ab", "é"], "sentence2": ["c", "defg"], "score": [1.0, 0.0]})
    assert text_lengths(rows).tolist() == [3, 5]
