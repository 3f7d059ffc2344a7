"""The texts that the rows of a corpus hold, whatever its shape."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pairforge.frames import TEXT_BEARING_SHAPES, ColumnKind, detect_shape
from pairforge.text import normalised

Corpora = pl.DataFrame | Sequence[pl.DataFrame]
"""Several corpora, each of a shape of its own; one may be given by itself."""


def several(corpora: Corpora | None) -> Sequence[pl.DataFrame]:
    """The corpora as a sequence."""
    return [corpora] if isinstance(corpora, pl.DataFrame) else corpora or ()


def text_columns(frame: pl.DataFrame, place: str) -> list[tuple[str, ColumnKind]]:
    """The columns of texts and of lists of texts that the corpus' shape has, not those that travel along.

    Raises:
        FrameError: the columns fit no shape.
    """
    shape = detect_shape(frame, place, TEXT_BEARING_SHAPES)
    kinds = (ColumnKind.TEXT, ColumnKind.TEXTS)
    return [
        (name, column.kind)
        for column in shape.columns
        if column.kind in kinds
        for name in column.names_in(frame.columns)
    ]


def row_texts(frame: pl.DataFrame, place: str) -> pl.DataFrame:
    """Every text of every row, column by column: its row's ordinal as `row`, and `text`.

    Raises:
        FrameError: the columns fit no shape.
    """
    numbered = frame.with_columns(pl.int_range(pl.len()).alias("__row"))
    found = []
    for name, kind in text_columns(frame, place):
        column = numbered.select(pl.col("__row").alias("row"), pl.col(name).alias("text"))
        found.append(column.explode("text") if kind is ColumnKind.TEXTS else column)
    return pl.concat(found)


def normalised_texts(frame: pl.DataFrame, place: str) -> pl.DataFrame:
    """The same with each text's normal form, without the empty ones."""
    return row_texts(frame, place).with_columns(normalised("text")).filter(pl.col("text") != "")
