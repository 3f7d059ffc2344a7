from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairforge.randomness import row_uniforms

SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.integers(0, 10**9), st.integers(1, 50), st.integers(0, 50))
def test_a_rows_draws_do_not_depend_on_the_rows_beside_it(seed: int, first: int, count: int, cut: int) -> None:
    rows = np.arange(first, first + count)
    whole = row_uniforms(seed, rows[:, None], np.arange(7))
    parts = [row_uniforms(seed, part[:, None], np.arange(7)) for part in (rows[:cut], rows[cut:])]
    assert np.array_equal(whole, np.concatenate(parts))


@given(SEEDS, st.integers(0, 10**9))
def test_numbers_lie_in_their_interval_and_repeat(seed: int, row: int) -> None:
    drawn = row_uniforms(seed, row, np.arange(100))
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert np.array_equal(drawn, row_uniforms(seed, row, np.arange(100)))


def test_seeds_rows_draws_and_streams_are_all_told_apart() -> None:
    base = row_uniforms(1, np.arange(1000), 0)
    for other in (
        row_uniforms(2, np.arange(1000), 0),
        row_uniforms(1, np.arange(1000), 1),
        row_uniforms(1, np.arange(1000), 0, stream=1),
        row_uniforms(1, np.arange(1000) + 1, 0),
    ):
        assert not np.any(base == other)
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.12


def test_the_numbers_are_even_over_their_interval() -> None:
    drawn = row_uniforms(42, np.arange(20_000)[:, None], np.arange(5)).ravel()
    counts = np.bincount((drawn * 20).astype(int), minlength=20)
    expected = drawn.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 50  # chi-square, 19 degrees of freedom: p < .0002


def test_the_numbers_are_the_same_on_every_machine() -> None:
    assert row_uniforms(42, [0, 1, 2**40], 3).tolist() == [0.36676040322672865, 0.8326919133908468, 0.14665511636946849]
