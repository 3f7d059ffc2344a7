from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairforge.steps.forbidden_rows import NONE, ForbiddenRows, fill_at_random

NUM_ROWS = 7
NUM_GROUPS = 4
pairs_of = st.lists(st.tuples(st.integers(0, NUM_GROUPS - 1), st.integers(0, NUM_ROWS - 1)))


def forbidden_of(pairs: list[tuple[int, int]]) -> ForbiddenRows:
    return ForbiddenRows.of([group for group, _ in pairs], [row for _, row in pairs], NUM_ROWS)


def allowed_rows(pairs: list[tuple[int, int]], group: int) -> list[int]:
    return [row for row in range(NUM_ROWS) if (group, row) not in pairs]


@given(pairs_of)
def test_what_is_held_is_what_was_named(pairs: list[tuple[int, int]]) -> None:
    groups = np.arange(NUM_GROUPS)
    held = forbidden_of(pairs).holds(groups, np.tile(np.arange(NUM_ROWS), (NUM_GROUPS, 1)))
    assert held.tolist() == [[(group, row) in pairs for row in range(NUM_ROWS)] for group in groups]


@given(pairs_of)
def test_allowed_rows_are_counted_and_numbered_in_order(pairs: list[tuple[int, int]]) -> None:
    forbidden = forbidden_of(pairs)
    for group in range(NUM_GROUPS):
        allowed = allowed_rows(pairs, group)
        groups = np.full(len(allowed), group)
        assert forbidden.num_allowed(np.array([group])).tolist() == [len(allowed)]
        assert forbidden.nth_allowed(groups, np.arange(len(allowed))).tolist() == allowed
        places = forbidden.place_among_allowed(groups, np.array(allowed, dtype=np.int64)[:, None])
        assert places[:, 0].tolist() == list(range(len(allowed)))


@given(pairs_of, st.integers(0, 2**31), st.integers(1, NUM_ROWS + 2))
def test_draws_are_allowed_differ_and_stop_only_when_nothing_is_left(
    pairs: list[tuple[int, int]], seed: int, places: int
) -> None:
    groups = np.arange(NUM_GROUPS)
    empty = np.full((NUM_GROUPS, places), NONE)
    filled = fill_at_random(empty, groups, forbidden_of(pairs), seed=seed, ordinals=groups + 3)
    for group, row in enumerate(filled.tolist()):
        drawn = [place for place in row if place != NONE]
        allowed = allowed_rows(pairs, group)
        assert len(set(drawn)) == len(drawn) == min(places, len(allowed))
        assert set(drawn) <= set(allowed)


def test_places_that_are_filled_stay_and_are_not_drawn_again() -> None:
    chosen = np.array([[2, NONE, NONE]])
    forbidden = forbidden_of([(0, 0), (0, 5), (0, 6)])
    for seed in range(30):
        filled = fill_at_random(chosen, np.array([0]), forbidden, seed=seed, ordinals=np.array([0]))
        assert filled[0, 0] == 2
        assert len({*filled[0, 1:].tolist()} & {1, 3, 4}) == 2


def test_draws_are_even_and_belong_to_the_row() -> None:
    rows = 30_000
    forbidden = forbidden_of([(0, 3)])
    groups, empty = np.zeros(rows, dtype=np.int64), np.full((rows, 2), NONE)
    filled = fill_at_random(empty, groups, forbidden, seed=1, ordinals=np.arange(rows))
    shares = np.bincount(filled[:, 1], minlength=NUM_ROWS) / rows
    assert shares[3] == 0
    assert np.abs(np.delete(shares, 3) - 1 / 6).max() < 0.01
    part = fill_at_random(empty[100:], groups[100:], forbidden, seed=1, ordinals=np.arange(100, rows))
    assert (part == filled[100:]).all()
