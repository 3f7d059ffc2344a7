"""Negatives of one pair: what is wanted of it, and the corpora that they leave in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import polars as pl

from pairforge.frames import N_TUPLE
from pairforge.steps.generation.copies import Known
from pairforge.steps.generation.languages import most_telling
from pairforge.steps.generation.prompts import RowText
from pairforge.steps.generation.wishes import Wish, Written, WrittenTexts
from pairforge.steps.generation.writing import one_row_each

Kind = Literal["same-topic-wrong-fact", "same-words-other-meaning", "neighbouring-question", "contradiction"]
_OTHERS_SHOWN = 5


class Negative(Written):
    """A negative, as a model writes it."""

    kind: Kind


class Negatives(WrittenTexts):
    """What an answer holds."""

    negatives: list[Negative]


def wish_for(
    row: int, anchor: str, positive: str, others: Sequence[str], *, number: int, kinds: Sequence[Kind]
) -> Wish:
    """The negatives that are wanted of a pair.

    Args:
        row: The pair's ordinal.
        anchor: Its anchor.
        positive: Its own positive.
        others: What else is right for the anchor.
        number: Negatives that are wanted.
        kinds: The kind of each; empty for any.
    """
    return Wish(
        row=row,
        shown={
            "anchor": RowText(anchor),
            "positive": RowText(positive),
            "others": [RowText(text) for text in others[:_OTHERS_SHOWN]],
        },
        number=number,
        known=[
            Known("the anchor", anchor, passages=False),
            Known("the positive", positive),
            *(Known("another positive", text) for text in others),
        ],
        like=positive,
        speaking=most_telling(positive, anchor),
        kinds=kinds,
        another="another negative",
        expected_letters=len(positive),
    )


def as_triplets(pairs: pl.DataFrame, extra: Sequence[str], served: Sequence[Wish]) -> pl.DataFrame:
    """A row for each negative, its kind behind the columns that travel along."""
    listed = one_row_each(pairs, served, text="negative", kind="kind")
    return listed.select("anchor", "positive", "negative", *extra, "kind")


def as_n_tuples(pairs: pl.DataFrame, extra: Sequence[str], served: Sequence[Wish], number: int) -> pl.DataFrame:
    """A row for each pair, the kinds of its negatives behind the columns that travel along."""
    written = [wish.in_order for wish in served]
    negatives = [
        pl.Series(f"negative_{place + 1}", [of[place].text for of in written], pl.String) for place in range(number)
    ]
    kinds = pl.Series("kinds", [[negative.kind for negative in of] for of in written], pl.List(pl.String))
    return pairs.select("anchor", "positive", *negatives, *extra, kinds)


def examples_of(rows: pl.DataFrame | None) -> list[dict[str, Any]]:
    """Pairs with negatives, as the prompt shows them."""
    if rows is None:
        return []
    names = N_TUPLE.columns[2].names_in(rows.columns) or ["negative"]
    return [
        {
            "anchor": RowText(row["anchor"]),
            "positive": RowText(row["positive"]),
            "negatives": [RowText(row[name]) for name in names],
        }
        for row in rows.iter_rows(named=True)
    ]
