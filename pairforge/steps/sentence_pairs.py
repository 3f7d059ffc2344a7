"""Pairs of sentences without a direction: a pair turned round is the same pair.

Sentences are the same when they are equal after normalisation (`pairforge.text`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from pairforge.engines.search import Rows
from pairforge.frames import (
    LABELLED_PAIR,
    PAIR,
    RAW_NLI,
    SCORED_PAIR,
    SENTENCE_PAIR,
    FrameContract,
    detect_shape,
)
from pairforge.text import normalised

PAIR_SHAPES = (RAW_NLI, SCORED_PAIR, LABELLED_PAIR, PAIR, SENTENCE_PAIR)
"""Every shape whose rows are two sentences, the most specific first."""

FIRST, SECOND = "__first", "__second"
"""The columns of a pair's key: its normalised sentences, the lesser first."""


def sentence_contract(pairs: pl.DataFrame, role: str) -> FrameContract:
    """The two columns of sentences, whatever the shape of `PAIR_SHAPES`.

    Raises:
        FrameError: the columns fit none of these shapes.
    """
    shape = detect_shape(pairs, role, PAIR_SHAPES)
    return FrameContract(shape.name, shape.columns[:2])


def two_sentences(pairs: pl.DataFrame, role: str) -> pl.DataFrame:
    """The two sentences of each row as sentence1 and sentence2.

    Raises:
        FrameError: they are missing, no text or null, or there is no row.
    """
    contract = sentence_contract(pairs, role)
    sentences = contract.view(contract.check(pairs, role))
    return sentences.rename(dict(zip(sentences.columns, ("sentence1", "sentence2"), strict=True)))


def with_keys(pairs: pl.DataFrame) -> pl.DataFrame:
    """The rows with the key of their sentence1 and sentence2; equal keys are the same pair, either way round."""
    one, other = normalised("sentence1"), normalised("sentence2")
    return pairs.with_columns(pl.min_horizontal(one, other).alias(FIRST), pl.max_horizontal(one, other).alias(SECOND))


@dataclass(frozen=True)
class Sentences:
    """Distinct sentences.

    Args:
        texts: The first of all that are the same, in order.
        forms: What each is after normalisation.
    """

    texts: pl.Series
    forms: pl.Series

    @classmethod
    def of(cls, texts: Iterable[pl.Series]) -> Sentences:
        """The distinct ones among these, without the empty one."""
        given = pl.concat([series.alias("text") for series in texts]).to_frame()
        distinct = given.with_columns(normalised("text").alias("form")).unique(
            "form", keep="first", maintain_order=True
        )
        kept = distinct.filter(pl.col("form") != "")
        return cls(kept["text"], kept["form"])

    def __len__(self) -> int:
        return len(self.texts)

    def places(self, texts: pl.Series) -> Rows:
        """Where each of the texts stands among these; -1 for one that is none of them."""
        known = pl.DataFrame({"form": self.forms}).with_row_index("place")
        asked = texts.alias("text").to_frame().select(normalised("text").alias("form"))
        places = asked.join(known, on="form", how="left", maintain_order="left")["place"]
        return places.cast(pl.Int64).fill_null(-1).to_numpy()

    def codes(self, pairs: pl.DataFrame) -> Rows:
        """The code of each pair both of whose sentences are among these, each once, ascending."""
        first, second = (self.places(pairs[name]) for name in ("sentence1", "sentence2"))
        inside = (first >= 0) & (second >= 0)
        return np.unique(pair_codes(first[inside], second[inside], len(self)))


def pair_codes(first: Rows, second: Rows, size: int) -> Rows:
    """One number for each pair of places among `size` sentences; the same for a pair turned round."""
    return np.minimum(first, second) * size + np.maximum(first, second)


def pair_places(codes: Rows, size: int) -> tuple[Rows, Rows]:
    """The places of a pair's sentences, the lower first: the inverse of `pair_codes`."""
    return codes // size, codes % size
