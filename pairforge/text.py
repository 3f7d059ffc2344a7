"""When two texts count as the same text."""

from __future__ import annotations

import polars as pl


def normalised(text: str | pl.Expr) -> pl.Expr:
    """A column's texts in the form in which equal ones are the same text to every step.

    Unicode NFKC, lower case, every run of white space one blank, none at the ends, one final full stop removed:
    "Two  dogs run." and "two dogs run" are one text. Nulls stay null.

    Args:
        text: A column's name, or an expression of text.
    """
    column = pl.col(text) if isinstance(text, str) else text
    lowered = column.str.normalize("NFKC").str.to_lowercase()
    # As \s+ would, four times as fast: single blanks, nearly all white space there is, are no match.
    folded = lowered.str.replace_all(r"\s\s+|[^\S ]", " ").str.strip_chars(" ")
    return folded.str.replace(r" ?\.$", "")
