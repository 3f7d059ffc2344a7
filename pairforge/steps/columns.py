"""Columns of the user's own that travel through a step beside those that it writes."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from pairforge.errors import FrameError


def extra_columns(frame: pl.DataFrame, own: Iterable[str], written: Iterable[str], role: str) -> list[str]:
    """The columns that travel: all but the step's `own`.

    Args:
        frame: The step's input.
        own: Input columns that the step takes up.
        written: Columns of the step's output that it makes itself.
        role: The input's role, the first word of an error.

    Raises:
        FrameError: one of them bears the name of a column that the step writes.
    """
    taken, made = set(own), set(written)
    extra = [name for name in frame.columns if name not in taken]
    clash = next((name for name in extra if name in made), None)
    if clash is not None:
        raise FrameError(
            f"{role}: its column '{clash}' bears the name of a column that the step writes; rename or remove it."
        )
    return extra
