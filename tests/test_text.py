from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.text import normalised


def form(text: str | None) -> str | None:
    return pl.DataFrame({"text": [text]}, schema={"text": pl.String}).select(normalised("text")).item()


@pytest.mark.parametrize(
    "text",
    [
        "two dogs run",
        "Two dogs run.",
        "  two\tDOGS \n run ",
        "two dogs run .",
        "ｔｗｏ dogs run",
        "Two\u00a0dogs\u2003run.",
    ],
)
def test_case_white_space_width_and_a_final_full_stop_do_not_tell_texts_apart(text: str) -> None:
    assert form(text) == "two dogs run"


def test_other_marks_do_tell_texts_apart() -> None:
    assert form("Two dogs run?") == "two dogs run?"
    assert form("Wait...") == "wait.."
    assert form("café") == form("cafe\u0301") == "café"


def test_nothing_but_white_space_or_a_full_stop_is_the_empty_text() -> None:
    assert [form(text) for text in ("", " \n", ".", " . ")] == ["", "", "", ""]
    assert form(None) is None


@given(st.text())
def test_white_space_around_a_text_never_matters(text: str) -> None:
    assert form(f" {text}\n") == form(text)
