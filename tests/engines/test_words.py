from __future__ import annotations

from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.tokenize import NLTKWordTokenizer
from nltk.tokenize.treebank import TreebankWordDetokenizer

from pairforge.engines import words as module
from pairforge.engines.words import TreebankWords

WORDS = TreebankWords()
TOKENIZE, DETOKENIZE = NLTKWordTokenizer().tokenize, TreebankWordDetokenizer().detokenize

# All characters that nltk's expressions name, and the words that its contractions are made of.
MARKS = list("'\"`.,:;?!@#$%&*()[]{}<>-«»“”‘’„–—_/ \n\t\r\x1c\x85 İıſ")
PIECES = [
    *MARKS, " ", " ", " ", "a", "x", "é", "5", "A", "not", "me", "na", "ta", "can", "gim", "gon", "got", "lem", "wan",
    "d", "'ye", "more", "'n", "'t", "is", "was", "'s", "'S", "'ll", "'RE", "n't", "''", "``", "--", "..", "...", "U.S.",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@settings(max_examples=400)
@given(TEXTS)
@example('x. "')
@example("a. ) ]")
@example("x's' b\nc's'\nd's'")
@example("'' a '' b\n''c")
@example("dogs' ")
@example("cannot Cannot CAN NOT gımme GİMME wanna, gonna.")
def test_words_are_those_of_nltk(text: str) -> None:
    assert WORDS.split(text) == TOKENIZE(text)


def test_words_of_all_short_texts_are_those_of_nltk() -> None:
    for text in map("".join, product("a'\". ,)\n", repeat=4)):
        assert WORDS.split(text) == TOKENIZE(text)


@settings(max_examples=400)
@given(st.lists(st.sampled_from([piece for piece in PIECES if not piece.isspace()]) | TEXTS.map(TOKENIZE).map("".join)))
def test_texts_are_those_of_nltk(words: list[str]) -> None:
    whole = [word for word in words if word and not any(letter.isspace() for letter in word)]
    assert WORDS.join(whole) == DETOKENIZE(whole)


def test_texts_of_all_few_words_are_those_of_nltk() -> None:
    for words in product(["a", ".", ",", "?", "$", "%", ":", "...", "b.", ".5", "#", "'s", "'"], repeat=3):
        assert WORDS.join(words) == DETOKENIZE(words)


@settings(max_examples=200)
@given(st.lists(TEXTS, max_size=5))
def test_words_that_are_learnt_together_are_those_of_nltk(texts: list[str]) -> None:
    words = TreebankWords()
    words.learn([*texts, "\ue000 x \ue000y \ue000 'z"])
    for text in (*texts, "\ue000 x \ue000y \ue000 'z"):
        assert words.split(text) == TOKENIZE(text)


def test_a_text_without_words_has_none() -> None:
    assert WORDS.split("") == WORDS.split(" \n") == []
    assert WORDS.join([]) == ""


def test_few_words_and_only_short_ones_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    words = TreebankWords()
    for number in range(35):
        assert words.split(f"w{number}, {'x' * 100} z") == [f"w{number}", ",", "x" * 100, "z"]
    assert len(words._inner) == 5
