"""From a raw frame to one of a shape: columns named, scores scaled, every guess told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from pairforge.errors import FrameError
from pairforge.files.slices import ChangedRows, Rows, slices
from pairforge.frames.columns import ColumnFacts, ColumnKind
from pairforge.frames.contracts import FrameContract
from pairforge.frames.shapes import detect_shape


@dataclass(frozen=True)
class Adopted:
    """Raw rows with their columns named as a contract wants, and a line for each guess that was made."""

    rows: Rows
    shape: FrameContract
    guesses: tuple[str, ...] = ()

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All the rows, in memory."""
        return self.rows.slice(0, self.rows.height)


def adopt(
    rows: Rows,
    shapes: Sequence[FrameContract],
    place: str,
    *,
    columns: Mapping[str, str] | None = None,
    score_scale: float | None = None,
) -> Adopted:
    """Give raw rows the names and the score scale of the first of the `shapes` that they can fit, and check them all.

    Args:
        rows: A frame as it was read, or rows that are read in slices; these are looked through once.
        shapes: The contracts allowed, the most specific first.
        place: Where the rows came from, for errors.
        columns: Contract column → the rows' own column name, where the user said so.
        score_scale: The score that means "the same"; scores are divided by it. Guessed as 5 for scores above 1
            and up to 5 (the STS scale).

    Raises:
        FrameError: a named column does not exist, a renaming would overwrite a column, or no shape fits.
    """
    rows = _rename(rows, {raw: name for name, raw in (columns or {}).items() if raw != name}, place)
    guesses: list[str] = []
    shape = next((shape for shape in shapes if _fits(rows, shape)), None)
    shape, renaming = (shape, _guessed_ids(shape, rows)) if shape else _guess(rows, shapes, place)
    rows = _rename(rows, renaming, place)
    guesses += [f"{place}: reads column '{raw}' as '{name}'" for raw, name in renaming.items()]
    facts = shape.facts(rows)
    scales, scale_guess = _scales(rows.schema, facts, shape, place, score_scale)
    shape.check_facts(rows, facts, place, scales)
    checked = ChangedRows(rows, lambda frame: shape.cast(_divided(frame, scales)))
    return Adopted(checked, shape, (*guesses, *scale_guess))


def _divided(frame: pl.DataFrame, scales: Mapping[str, float]) -> pl.DataFrame:
    return frame.with_columns(pl.col(name) / scale for name, scale in scales.items())


def _rename(rows: Rows, renaming: dict[str, str], place: str) -> Rows:
    names = rows.schema.names()
    for raw, name in renaming.items():
        if raw not in names:
            raise FrameError(
                f"{place}: column '{raw}', named as '{name}', is missing (found: {', '.join(names)}). "
                "Name one of these."
            )
        if name in names and name not in renaming:
            raise FrameError(
                f"{place}: column '{raw}' cannot be read as '{name}', which exists too; remove one of them."
            )
    return ChangedRows(rows, lambda frame: frame.rename(renaming)) if renaming else rows


def _guess(rows: Rows, shapes: Sequence[FrameContract], place: str) -> tuple[FrameContract, dict[str, str]]:
    names = rows.schema.names()
    for shape in shapes:
        renaming = dict(_guessed_names(shape, names))
        if _fits(_rename(rows, renaming, place), shape):
            return shape, renaming
    if len(shapes) == 1:
        shapes[0].check_rows(rows, place)
    return detect_shape(rows, place, shapes), {}


def _guessed_ids(shape: FrameContract, rows: Rows) -> dict[str, str]:
    """Identifiers that the rows may lack, but have under another name."""
    ids = {column.name for column in shape.columns if column.kind is ColumnKind.IDENTIFIER}
    return {raw: name for raw, name in _guessed_names(shape, rows.schema.names()) if name in ids}


def _fits(rows: Rows, shape: FrameContract) -> bool:
    """Whether it has the columns of the shape; a column of fractions holds scores, whatever its name, and no labels."""
    if shape.missing(rows.schema.names()):
        return False
    labels = [column.name for column in shape.columns if column.kind is ColumnKind.LABEL]
    unsure = [name for name in labels if name in rows.schema and rows.schema[name].is_float()]
    return not unsure or not any((part[name].drop_nans() % 1 != 0).any() for part in slices(rows) for name in unsure)


def _guessed_names(shape: FrameContract, columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    taken = {name for column in shape.columns for name in column.names_in(columns)}
    free = {name.lower(): name for name in columns if name not in taken}
    for column in shape.columns:
        if column.names_in(columns) or column.numbered:
            continue
        raw = next((free.pop(alias) for alias in (column.name, *column.aliases) if alias in free), None)
        if raw is not None:
            yield raw, column.name


def _scales(
    schema: pl.Schema, facts: Mapping[str, ColumnFacts], shape: FrameContract, place: str, named: float | None
) -> tuple[Mapping[str, float], tuple[str, ...]]:
    """By what scores are divided, by column, and what is said of it if it is a guess."""
    scores = (c.name for c in shape.columns if c.kind is ColumnKind.SCORE and c.maximum == 1)
    bounded = next((name for name in scores if name in schema), None)
    if bounded is None or not schema[bounded].is_numeric():
        return {}, ()
    top = facts[bounded].highest
    if named is None and top is not None and 1 < top <= 5:
        return {bounded: 5.0}, (f"{place}: divides '{bounded}' by 5 (scores above 1; --score-scale says otherwise)",)
    return ({bounded: named} if named not in (None, 1) else {}), ()
