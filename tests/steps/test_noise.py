from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.steps.noise import Draws, Words, deleted, masked, shuffled, swapped

LETTERS = [list("abcdef"), [], ["a"], list("abcabc")]
SOME_WORDS = st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=6)


def draws_of(words: Words, seed: int = 1, first_row: int = 5, stream: int = 0) -> Draws:
    return Draws(seed, first_row + np.arange(len(words)), stream)


def is_subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(word in rest for word in part)


@given(SOME_WORDS, st.floats(0, 1), st.integers(0, 3))
def test_deleting_leaves_some_of_the_words_in_their_order(words: list[list[str]], ratio: float, stream: int) -> None:
    left = deleted(words, ratio, draws_of(words, stream=stream))
    assert len(left) == len(words)
    for part, whole in zip(left, words, strict=True):
        assert is_subsequence(list(part), whole)
        assert bool(part) == bool(whole)


def test_deleting_none_leaves_all_and_deleting_all_leaves_one() -> None:
    assert deleted(LETTERS, 0, draws_of(LETTERS)) == LETTERS
    assert [len(words) for words in deleted(LETTERS, 1, draws_of(LETTERS))] == [1, 0, 1, 1]


def test_the_one_word_that_is_left_may_be_any() -> None:
    texts = [list("abcd")] * 4_000
    left = Counter(words[0] for words in deleted(texts, 1, draws_of(texts)))
    assert all(900 < left[word] < 1_100 for word in "abcd")


def test_words_are_deleted_at_the_ratio_wherever_they_stand() -> None:
    places = [str(place) for place in range(20)]
    texts = [places] * 4_000
    left = Counter(word for words in deleted(texts, 0.6, draws_of(texts)) for word in words)
    assert all(1_480 < left[place] < 1_720 for place in places)


def test_masking_keeps_the_length_and_one_word() -> None:
    for words, whole in zip(masked(LETTERS, 1, "<m>", draws_of(LETTERS)), LETTERS, strict=True):
        assert len(words) == len(whole)
        assert sum(word != "<m>" for word in words) == min(1, len(whole))
    assert masked(LETTERS, 0, "<m>", draws_of(LETTERS)) == LETTERS


def test_masking_spares_the_words_that_deleting_spares() -> None:
    kept = [[word for word in words if word != "<m>"] for words in masked(LETTERS, 0.5, "<m>", draws_of(LETTERS))]
    assert kept == deleted(LETTERS, 0.5, draws_of(LETTERS))


def test_swapped_words_trade_places_with_the_next_and_move_once() -> None:
    words = [list("abcde"), ["a"], []]
    assert swapped(words, 1, draws_of(words)) == [list("badce"), ["a"], []]
    assert swapped(LETTERS, 0, draws_of(LETTERS)) == LETTERS


@given(SOME_WORDS, st.floats(0, 1))
def test_swapping_and_shuffling_keep_the_words(words: list[list[str]], ratio: float) -> None:
    for moved in (swapped(words, ratio, draws_of(words)), shuffled(words, draws_of(words))):
        assert [sorted(text) for text in moved] == [sorted(text) for text in words]


def test_shuffling_gives_every_order_alike() -> None:
    texts = [list("abc")] * 6_000
    orders = Counter("".join(words) for words in shuffled(texts, draws_of(texts)))
    assert len(orders) == 6
    assert all(850 < number < 1_150 for number in orders.values())


@pytest.mark.parametrize(
    "noise",
    [
        lambda words, draws: deleted(words, 0.5, draws),
        lambda words, draws: masked(words, 0.5, "<m>", draws),
        lambda words, draws: swapped(words, 0.5, draws),
        shuffled,
    ],
)
def test_what_is_done_to_a_text_hangs_on_its_ordinal_not_on_its_neighbours(noise) -> None:  # type: ignore[no-untyped-def]
    words: Words = [list("abcdefgh"[: row % 9]) for row in range(40)]
    rows = np.arange(40)
    whole = noise(words, Draws(1, rows, 0))
    assert noise(words[:17], Draws(1, rows[:17], 0)) + noise(words[17:], Draws(1, rows[17:], 0)) == whole
    assert noise(words[::-3], Draws(1, rows[::-3], 0)) == whole[::-3]
    assert noise(words, Draws(1, rows, 1)) != whole
    assert noise(words, Draws(2, rows, 0)) != whole
