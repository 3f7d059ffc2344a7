"""What one column of a contract holds, and whether its values are right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import polars as pl

from pairforge.errors import FrameError


class ColumnKind(StrEnum):
    """What a column holds; each kind has one canonical polars type."""

    TEXT = "text"
    IDENTIFIER = "identifiers"
    LABEL = "whole-number labels"
    SCORE = "scores"
    TEXTS = "lists of texts"
    LABELS = "lists of labels"
    SCORES = "lists of scores"
    IMAGE = "images (paths of files, or their bytes)"
    """Paths, bytes, or both in a struct, as datasets keeps images; left as they are."""
    ANY = "any value"
    """Left as it is, nulls too: the step that takes it reads it its own way."""


DTYPES: Mapping[ColumnKind, pl.DataType] = {
    ColumnKind.TEXT: pl.String(),
    ColumnKind.IDENTIFIER: pl.String(),
    ColumnKind.LABEL: pl.Int64(),
    ColumnKind.SCORE: pl.Float64(),
    ColumnKind.TEXTS: pl.List(pl.String()),
    ColumnKind.LABELS: pl.List(pl.Int64()),
    ColumnKind.SCORES: pl.List(pl.Float64()),
}
"""The canonical type of every kind but IMAGE and ANY, which have none."""

_WITHOUT_VALUES = (ColumnKind.TEXT, ColumnKind.IDENTIFIER, ColumnKind.IMAGE, ColumnKind.ANY)


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    Args:
        name: Its name; a `numbered` column stands for `name_1` … `name_n`.
        kind: What it holds.
        minimum: The least value allowed (labels and scores).
        maximum: The greatest value allowed (labels and scores).
        aliases: Names under which raw files are known to carry it, in order of preference, lower case.
        numbered: Whether it stands for one or more numbered columns.
        required: Whether a frame without it is refused.
        nullable: Whether some rows may have none.
        has_flag: Whether the user may name another column to be read as it.
    """

    name: str
    kind: ColumnKind = ColumnKind.TEXT
    minimum: float | None = None
    maximum: float | None = None
    aliases: tuple[str, ...] = ()
    numbered: bool = False
    required: bool = True
    nullable: bool = False
    has_flag: bool = True

    def names_in(self, columns: Sequence[str]) -> list[str]:
        """The frame columns that stand for this one, in order."""
        if not self.numbered:
            return [self.name] if self.name in columns else []
        pattern = re.compile(rf"{re.escape(self.name)}_([1-9]\d*)")
        numbers = sorted(int(match[1]) for name in columns if (match := pattern.fullmatch(name)))
        return [f"{self.name}_{number}" for number in numbers]

    @property
    def shown_name(self) -> str:
        """The name as a sentence shows it."""
        return f"{self.name}_1" if self.numbered else self.name

    @property
    def option(self) -> str:
        """The command-line flag that names another column to be read as this one."""
        return f"--{self.name.replace('_', '-')}-column"

    def admits(self, dtype: pl.DataType) -> bool:
        """Whether values of this type can be what the column holds."""
        return self.kind is ColumnKind.ANY or _castable(dtype, self.kind)


@dataclass(frozen=True)
class ColumnFacts:
    """All that a contract asks of the values of a column; of rows that are read in slices, joined slice by slice.

    Args:
        rows: How many rows were looked at.
        nulls: In how many of them there is none.
        first_null: The first of these, from 0; None if there is none, or if the column may have some.
        null_in_list: Whether a list holds a null.
        fractions: The first value that should be a whole number and is none, if there is one.
        finite: Whether no score is NaN or infinite.
        lowest: The least finite label or score; None if there is none, or a null among them.
        highest: The greatest.
    """

    rows: int
    nulls: int = 0
    first_null: int | None = None
    null_in_list: bool = False
    fractions: tuple[Any, ...] = ()
    finite: bool = True
    lowest: float | None = None
    highest: float | None = None

    @classmethod
    def of(cls, series: pl.Series, column: Column) -> ColumnFacts:
        """The facts of some rows."""
        nulls = series.null_count()
        if nulls and not column.nullable:
            return cls(len(series), nulls, first_null=int(series.is_null().arg_true()[0]))
        valued = column.kind not in _WITHOUT_VALUES
        facts = (
            _value_facts(series.drop_nulls(), column) if valued and column.admits(series.dtype) else cls(len(series))
        )
        return replace(facts, rows=len(series), nulls=nulls)

    def joined(self, later: ColumnFacts) -> ColumnFacts:
        """The facts of these rows and later ones."""
        later_null = None if later.first_null is None else self.rows + later.first_null
        return ColumnFacts(
            rows=self.rows + later.rows,
            nulls=self.nulls + later.nulls,
            first_null=later_null if self.first_null is None else self.first_null,
            null_in_list=self.null_in_list or later.null_in_list,
            fractions=self.fractions or later.fractions,
            finite=self.finite and later.finite,
            lowest=min((low for low in (self.lowest, later.lowest) if low is not None), default=None),
            highest=max((high for high in (self.highest, later.highest) if high is not None), default=None),
        )


def check_column(facts: ColumnFacts, dtype: pl.DataType, column: Column, where: str, scale: float = 1) -> None:
    """Refuse a column whose type or values are not what they should be.

    Args:
        facts: Of all its rows.
        dtype: Its type.
        column: What it should be.
        where: The beginning of the sentence: its place and name.
        scale: What its values are to be divided by before they are looked at.

    Raises:
        FrameError: with the whole sentence.
    """
    if column.kind is ColumnKind.ANY or (column.nullable and facts.nulls == facts.rows):
        return
    if facts.nulls == facts.rows:
        raise FrameError(f"{where} holds nothing but nulls; {column.kind} was wanted. {_mend(column)}")
    if not column.admits(dtype):
        raise FrameError(f"{where} should hold {column.kind}, but it is of type {dtype}. {_mend(column)}")
    if facts.first_null is not None:
        raise FrameError(
            f"{where} is null in {facts.nulls:,} of {facts.rows:,} rows, first in row {facts.first_null + 1}; "
            "fill or remove those rows."
        )
    _check_values(facts, column, where, scale)


def _castable(dtype: pl.DataType, kind: ColumnKind) -> bool:
    if kind in (ColumnKind.TEXTS, ColumnKind.LABELS, ColumnKind.SCORES):
        if not isinstance(dtype, pl.List | pl.Array):
            return False
        item = {ColumnKind.TEXTS: ColumnKind.TEXT, ColumnKind.LABELS: ColumnKind.LABEL}.get(kind, ColumnKind.SCORE)
        inner = dtype.inner
        return isinstance(inner, pl.DataType) and _castable(inner, item)
    if kind is ColumnKind.IMAGE:
        in_struct = isinstance(dtype, pl.Struct) and {"bytes", "path"} <= {field.name for field in dtype.fields}
        return in_struct or isinstance(dtype, pl.String | pl.Binary)
    if kind is ColumnKind.TEXT:
        return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)
    if kind is ColumnKind.IDENTIFIER:
        return isinstance(dtype, pl.String | pl.Categorical | pl.Enum) or dtype.is_integer()
    return dtype.is_numeric() or isinstance(dtype, pl.Boolean)


def _value_facts(series: pl.Series, column: Column) -> ColumnFacts:
    given, cast = _flat(series), _flat(series.cast(DTYPES[column.kind], strict=False))
    if given.null_count():
        return ColumnFacts(len(series), null_in_list=True)
    if cast.dtype == pl.String or cast.is_empty():
        return ColumnFacts(len(series))
    changed = given.filter(given.ne_missing(cast)) if cast.dtype == pl.Int64 else given.clear()
    finite = cast.is_finite() if cast.dtype == pl.Float64 else cast.is_not_null()
    values = cast.filter(finite).to_numpy()
    return ColumnFacts(
        rows=len(series),
        fractions=tuple(changed.head(1)),
        finite=cast.dtype != pl.Float64 or bool(finite.all()),
        lowest=float(values.min()) if len(values) else None,
        highest=float(values.max()) if len(values) else None,
    )


def _check_values(facts: ColumnFacts, column: Column, where: str, scale: float) -> None:
    if facts.null_in_list:
        raise FrameError(f"{where} has a list with a null in it; fill or remove it.")
    if facts.fractions:
        raise FrameError(f"{where} should hold whole-number labels, but it holds {facts.fractions[0]}.")
    if not facts.finite:
        raise FrameError(f"{where} holds NaN or an infinity; remove those rows.")
    if facts.lowest is None or facts.highest is None:
        return
    lowest, highest = facts.lowest / scale, facts.highest / scale
    low, high = column.minimum, column.maximum
    if (low is not None and lowest < low) or (high is not None and highest > high):
        bounds = f"{'-∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"
        raise FrameError(
            f"{where} should lie in {bounds}, but it runs from {lowest:g} to {highest:g}. {_mend_range(column, lowest)}"
        )


def _flat(series: pl.Series) -> pl.Series:
    return series.explode() if isinstance(series.dtype, pl.List | pl.Array) else series


def _mend(column: Column) -> str:
    if column.kind is ColumnKind.LABEL and column.maximum == 2:
        return f"Turn it into 0, 1 and 2 by convert-nli --to labelled, or name another column with {column.option}."
    return f"Name another column with {column.option}." if column.has_flag else "Rename the file's columns."


def _mend_range(column: Column, lowest: float) -> str:
    if column.kind is ColumnKind.SCORE and column.maximum is not None:
        if column.minimum is not None and lowest < column.minimum:
            return f"Shift and scale it to {column.minimum:g} to {column.maximum:g} before."
        return "Give its top value with --score-scale."
    return _mend(column)
