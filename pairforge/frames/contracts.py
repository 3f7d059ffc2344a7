"""What a contract is, and how a frame is checked against it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

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
    ANY = "any value"
    """Left as it is, nulls too: the step that takes it reads it its own way."""


_DTYPES: Mapping[ColumnKind, pl.DataType] = {
    ColumnKind.TEXT: pl.String(),
    ColumnKind.IDENTIFIER: pl.String(),
    ColumnKind.LABEL: pl.Int64(),
    ColumnKind.SCORE: pl.Float64(),
    ColumnKind.TEXTS: pl.List(pl.String()),
    ColumnKind.LABELS: pl.List(pl.Int64()),
    ColumnKind.SCORES: pl.List(pl.Float64()),
}


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
    """

    name: str
    kind: ColumnKind = ColumnKind.TEXT
    minimum: float | None = None
    maximum: float | None = None
    aliases: tuple[str, ...] = ()
    numbered: bool = False
    required: bool = True

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


@dataclass(frozen=True)
class FrameContract:
    """The columns of one corpus shape, in training order."""

    name: str
    columns: tuple[Column, ...]

    def check(self, frame: pl.DataFrame, place: str) -> pl.DataFrame:
        """The frame with its contract columns in their canonical types.

        Args:
            frame: Any frame.
            place: Where it came from (a path, a step's output), for the error's first words.

        Raises:
            FrameError: a column is missing, of another type, null somewhere or out of range, or there is no row.
        """
        if frame.is_empty():
            raise FrameError(f"{place}: a {self.name} corpus was wanted, but it has no rows.")
        return frame.with_columns(
            _checked_series(frame[name], column, place)
            for column in self.columns
            for name in self._names(column, frame, place)
        )

    def view(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The contract's columns alone, in order: what a trainer may see."""
        return frame.select(name for column in self.columns for name in column.names_in(frame.columns))

    def missing(self, columns: Sequence[str]) -> list[Column]:
        """The required columns that a frame with these columns lacks."""
        return [column for column in self.columns if column.required and not column.names_in(columns)]

    def _names(self, column: Column, frame: pl.DataFrame, place: str) -> list[str]:
        names = column.names_in(frame.columns)
        if column.required and not names:
            raise FrameError(
                f"{place}: column '{column.shown_name}' is missing (found: {', '.join(frame.columns)}). "
                + (f"Name it with {column.option}." if not column.numbered else "Rename the file's columns.")
            )
        return names


def _checked_series(series: pl.Series, column: Column, place: str) -> pl.Series:
    if column.kind is ColumnKind.ANY:
        return series
    wanted = _DTYPES[column.kind]
    where = f"{place}: column '{series.name}'"
    if series.null_count() == len(series):
        raise FrameError(f"{where} holds nothing but nulls; {column.kind} was wanted. {_mend(column)}")
    if not _castable(series.dtype, column.kind):
        raise FrameError(f"{where} should hold {column.kind}, but it is of type {series.dtype}. {_mend(column)}")
    if series.null_count():
        first = int(series.is_null().arg_true()[0])
        raise FrameError(
            f"{where} is null in {series.null_count():,} of {len(series):,} rows, first in row {first + 1}; "
            "fill or remove those rows."
        )
    cast = series.cast(wanted, strict=False)
    _check_values(series, cast, column, where)
    return cast


def _castable(dtype: pl.DataType, kind: ColumnKind) -> bool:
    if kind in (ColumnKind.TEXTS, ColumnKind.LABELS, ColumnKind.SCORES):
        if not isinstance(dtype, pl.List | pl.Array):
            return False
        item = {ColumnKind.TEXTS: ColumnKind.TEXT, ColumnKind.LABELS: ColumnKind.LABEL}.get(kind, ColumnKind.SCORE)
        inner = dtype.inner
        return isinstance(inner, pl.DataType) and _castable(inner, item)
    if kind is ColumnKind.TEXT:
        return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)
    if kind is ColumnKind.IDENTIFIER:
        return isinstance(dtype, pl.String | pl.Categorical | pl.Enum) or dtype.is_integer()
    return dtype.is_numeric() or isinstance(dtype, pl.Boolean)


def _check_values(given: pl.Series, cast: pl.Series, column: Column, where: str) -> None:
    if column.kind in (ColumnKind.TEXT, ColumnKind.IDENTIFIER):
        return
    flat_given, flat = _flat(given), _flat(cast)
    if flat.null_count():
        raise FrameError(f"{where} has a list with a null in it; fill or remove it.")
    if flat.dtype == pl.Int64 and flat_given.dtype.is_float() and (flat_given != flat).any():
        raise FrameError(f"{where} should hold whole-number labels, but it holds {_example(flat_given, flat)}.")
    if flat.dtype == pl.Float64 and not flat.is_finite().all():
        raise FrameError(f"{where} holds NaN or an infinity; remove those rows.")
    low, high = column.minimum, column.maximum
    if (low is not None and (flat < low).any()) or (high is not None and (flat > high).any()):
        lowest, highest = float(flat.to_numpy().min()), float(flat.to_numpy().max())
        bounds = f"{'-∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"
        raise FrameError(
            f"{where} should lie in {bounds}, but it runs from {lowest:g} to {highest:g}. {_mend_range(column)}"
        )


def _flat(series: pl.Series) -> pl.Series:
    return series.explode() if isinstance(series.dtype, pl.List | pl.Array) else series


def _example(given: pl.Series, cast: pl.Series) -> object:
    return given.filter(given != cast)[0]


def _mend(column: Column) -> str:
    if column.kind is ColumnKind.LABEL and column.maximum == 2:
        return f"Turn it into 0, 1 and 2 by convert-nli --to labelled, or name another column with {column.option}."
    return f"Name another column with {column.option}."


def _mend_range(column: Column) -> str:
    if column.kind is ColumnKind.SCORE and column.maximum is not None:
        return "Give its top value with --score-scale."
    return _mend(column)
