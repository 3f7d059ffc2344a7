from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.steps.generation.copies import Known, Wording, copied, is_copy

FACT = "Glaucoma is a group of diseases that damage the optic nerve, and about 3 million people have it."


@pytest.mark.parametrize(
    "text",
    [
        FACT,
        FACT.upper(),
        FACT.replace(",", " -").replace(".", "!"),
        FACT.replace("group", "gruop"),
        FACT.replace("about ", ""),
        "Glaucoma is a group of diseases that damage the optic nerve.",
        f"In short: {FACT} Ask your doctor for more about it.",
    ],
)
def test_small_edits_passages_and_frames_are_copies(text: str) -> None:
    assert is_copy(text, FACT, 0.85)


@pytest.mark.parametrize(
    "text",
    [
        FACT.replace("3", "30"),
        FACT.replace("that damage", "that do not damage"),
        "Cataract clouds the lens of the eye, and most people above the age of eighty have it.",
        "",
    ],
)
def test_other_numbers_negations_and_other_words_are_no_copies(text: str) -> None:
    assert not is_copy(text, FACT, 0.85)


def test_one_word_changed_in_a_short_sentence_makes_another() -> None:
    assert not is_copy("A woman is sleeping.", "A man is sleeping.", 0.85)
    assert is_copy("A woman is sleeping.", "A man is sleeping.", 0.7)


def test_with_an_overlap_of_one_only_the_same_words_are_a_copy() -> None:
    assert not is_copy(FACT.replace("group", "gruop"), FACT, 1)
    assert is_copy(FACT.lower(), FACT, 1)


def test_a_question_may_be_taken_up_whole_but_not_repeated() -> None:
    question = "What are the early signs of glaucoma?"
    answer = f"{question} The early signs are a runny nose and a cough, which pass within a week."
    known = [Known("the anchor", question, passages=False)]
    assert copied(answer, known, 0.85) is None
    assert copied("what are the early signs of glaucoma", known, 0.85) == "the anchor"
    assert copied(answer, [Known("the positive", question)], 0.85) == "the positive"


def test_texts_without_blanks_are_compared_too() -> None:
    fact = "青光眼是一组损害视神经的疾病"
    assert is_copy(f"简而言之，{fact}。", fact, 0.85)
    assert not is_copy("白内障使眼睛的晶状体变得浑浊", fact, 0.85)


@given(st.text(), st.text())
def test_overlap_is_symmetric_within_bounds_and_whole_for_itself(one: str, other: str) -> None:
    assert Wording(one).overlap(Wording(other)) == Wording(other).overlap(Wording(one))
    assert 0 <= Wording(one).overlap(Wording(other)) <= 1
    assert Wording(one).overlap(Wording(one)) == 1
    assert is_copy(one, one, 1)
