"""Batches for losses that compare texts by their classes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairforge.training.batches import EpochBatches
from pairforge.training.grouping import class_batches, cut_by_class


@given(
    labels=st.lists(st.integers(0, 6), min_size=4, max_size=80),
    batch_size=st.integers(4, 16),
    seed=st.integers(0, 2**16),
)
def test_every_batch_holds_two_rows_of_each_of_its_classes_and_no_row_twice(
    labels: list[int], batch_size: int, seed: int
):
    given_labels = np.array(labels)
    numbers, counts = np.unique(given_labels, return_counts=True)
    kept = given_labels[np.isin(given_labels, numbers[counts > 1])]
    order = np.random.default_rng(seed).permutation(len(kept))
    batches = class_batches(order, batch_size, kept)
    rows = [row for batch in batches for row in batch]
    assert len(rows) == len(set(rows))
    for batch in batches:
        assert len(batch) <= batch_size
        of_batch, counted = np.unique(kept[batch], return_counts=True)
        assert len(of_batch) > 1
        assert counted.min() > 1


def test_many_classes_leave_hardly_a_row_out_and_fill_the_batches():
    labels = np.arange(10_003) % 77
    batches = EpochBatches(labels, 32, seed=7, cut=cut_by_class(labels))
    cut = list(batches)
    assert batches.left_out < 100
    assert np.mean([len(np.unique(labels[batch])) for batch in cut]) > 13


def test_rare_class_is_spread_over_the_epoch():
    labels = np.array([0] * 900 + [1] * 100)
    order = np.random.default_rng(1).permutation(1000)
    batches = class_batches(order, 20, labels)
    assert len(batches) == 50
    assert max((labels[batch] == 1).sum() for batch in batches) <= 4


def test_epoch_and_seed_alone_decide_the_batches():
    labels = np.arange(200) % 9
    first, again = (EpochBatches(labels, 16, seed=3, cut=cut_by_class(labels)) for _ in range(2))
    again.set_epoch(1)
    assert list(first) != list(again)
    again.set_epoch(0)
    assert list(first) == list(again)
