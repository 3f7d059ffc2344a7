from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.quoting import quotable

TEXT = "Ein Zebra läuft längs der Straße, зебра бежит, シマウマが走る."
KEY = "sk-planted-0123456789"


@pytest.mark.parametrize(
    "said",
    [
        f"cannot read {TEXT}",
        f"cannot read {TEXT!a}",
        "cannot read 'Ein\\nZebra\\tläuft'",
        "cannot read Ein Zebra l&auml;uft",
        "no token for シマウマ",
        "no token for зебра бежит",
        "what is 'a cat'?",
        "bad key planted-01",
        "<html><body>no</body></html>",
    ],
)
def test_words_that_repeat_a_text_or_the_key_are_not_quoted(said: str) -> None:
    assert quotable(said, ["a cat", TEXT], KEY) == ""


@pytest.mark.parametrize(
    ("said", "quote"),
    [
        ("Invalid  schema\nfor response_format 'answer'.", "Invalid schema for response_format 'answer'"),
        ("max_tokens=512 is greater than 256", "max_tokens=512 is greater than 256"),
        ("Ein Zebra?", "Ein Zebra?"),
        ("it can't be, it doesn't do so, and it won't do so for quite a while", None),
        (f"no JSON: '{'an answer of a model ' * 3}' it is", "no JSON: '…' it is"),
        (f'no JSON: "{"an answer of a model " * 30}', 'no JSON: "…"'),
        ("very " * 100, f"{'very ' * 60} …"),
        ("", ""),
    ],
)
def test_other_words_are_quoted_in_one_short_line(said: str, quote: str | None) -> None:
    assert quotable(said, [TEXT], KEY) == (said if quote is None else quote)


@given(st.text(min_size=1), st.text(max_size=20), st.sampled_from([str, ascii, repr]))
def test_no_text_of_twelve_letters_is_ever_quoted(text: str, before: str, written: object) -> None:
    letters = f"{text} abcdefghijkl"
    assert quotable(f"{before} {written(letters)}", [letters]) == ""  # type: ignore[operator]
