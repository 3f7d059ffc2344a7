"""From a raw frame to one of a shape: columns named, scores scaled, every guess told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pairforge.errors import FrameError
from pairforge.frames.contracts import ColumnKind, FrameContract
from pairforge.frames.shapes import detect_shape


@dataclass(frozen=True)
class Adopted:
    """A raw frame with its columns named as a contract wants, and a line for each guess that was made."""

    frame: pl.DataFrame
    shape: FrameContract
    guesses: tuple[str, ...] = ()


def adopt(
    frame: pl.DataFrame,
    shapes: Sequence[FrameContract],
    place: str,
    *,
    columns: Mapping[str, str] | None = None,
    score_scale: float | None = None,
) -> Adopted:
    """Give a raw frame the names and the score scale of the first of the `shapes` that it can fit, and check it.

    Args:
        frame: A frame as it was read.
        shapes: The contracts allowed, the most specific first.
        place: Where the frame came from, for errors.
        columns: Contract column → the frame's own column name, where the user said so.
        score_scale: The score that means "the same"; scores are divided by it. Guessed as 5 for scores above 1
            and up to 5 (the STS scale).

    Raises:
        FrameError: a named column does not exist, a renaming would overwrite a column, or no shape fits.
    """
    frame = _rename(frame, {raw: name for name, raw in (columns or {}).items() if raw != name}, place)
    guesses: list[str] = []
    shape = next((shape for shape in shapes if _fits(frame, shape)), None)
    if shape is None:
        shape, renaming = _guess(frame, shapes, place)
        frame = _rename(frame, renaming, place)
        guesses += [f"{place}: reads column '{raw}' as '{name}'" for raw, name in renaming.items()]
    frame, scale_guess = _rescale(frame, shape, place, score_scale)
    return Adopted(shape.check(frame, place), shape, (*guesses, *scale_guess))


def _rename(frame: pl.DataFrame, renaming: Mapping[str, str], place: str) -> pl.DataFrame:
    for raw, name in renaming.items():
        if raw not in frame.columns:
            raise FrameError(
                f"{place}: column '{raw}', named as '{name}', is missing (found: {', '.join(frame.columns)}). "
                "Name one of these."
            )
        if name in frame.columns and name not in renaming:
            raise FrameError(
                f"{place}: column '{raw}' cannot be read as '{name}', which exists too; remove one of them."
            )
    return frame.rename(dict(renaming))


def _guess(frame: pl.DataFrame, shapes: Sequence[FrameContract], place: str) -> tuple[FrameContract, dict[str, str]]:
    for shape in shapes:
        renaming = dict(_guessed_names(shape, frame.columns))
        if _fits(frame.rename(renaming), shape):
            return shape, renaming
    if len(shapes) == 1:
        shapes[0].check(frame, place)
    return detect_shape(frame, place, shapes), {}


def _fits(frame: pl.DataFrame, shape: FrameContract) -> bool:
    """Whether it has the columns of the shape; a column of fractions holds scores, whatever its name, and no labels."""
    labels = [column.name for column in shape.columns if column.kind is ColumnKind.LABEL]
    return not shape.missing(frame.columns) and not any(
        frame[name].dtype.is_float() and (frame[name].drop_nans() % 1 != 0).any() for name in labels
    )


def _guessed_names(shape: FrameContract, columns: Sequence[str]) -> Iterator[tuple[str, str]]:
    taken = {name for column in shape.columns for name in column.names_in(columns)}
    free = {name.lower(): name for name in columns if name not in taken}
    for column in shape.columns:
        if column.names_in(columns) or column.numbered:
            continue
        raw = next((free.pop(alias) for alias in (column.name, *column.aliases) if alias in free), None)
        if raw is not None:
            yield raw, column.name


def _rescale(
    frame: pl.DataFrame, shape: FrameContract, place: str, scale: float | None
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    bounded = next((c for c in shape.columns if c.kind is ColumnKind.SCORE and c.maximum == 1), None)
    if bounded is None or not frame[bounded.name].dtype.is_numeric():
        return frame, ()
    guess: tuple[str, ...] = ()
    top = frame[bounded.name].max()
    if scale is None and isinstance(top, int | float) and 1 < top <= 5:
        scale, guess = (
            5.0,
            (f"{place}: divides '{bounded.name}' by 5 (scores above 1; --score-scale says otherwise)",),
        )
    if scale is None or scale == 1:
        return frame, guess
    return frame.with_columns(pl.col(bounded.name) / scale), guess
