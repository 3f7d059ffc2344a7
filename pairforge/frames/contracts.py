"""What a contract is, and how rows are checked against it, in one piece or slice by slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pairforge.errors import FrameError
from pairforge.files.slices import ChangedRows, Rows, slices
from pairforge.frames.columns import DTYPES, Column, ColumnFacts, check_column


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
        return self.check_rows(frame, place).slice(0, frame.height)

    def check_rows(self, rows: Rows, place: str) -> Rows:
        """As `check`, for rows that need not be in memory together: all are looked at now, and cast when they are read.

        Raises:
            FrameError: as `check`.
        """
        self.check_facts(rows, self.facts(rows), place)
        return ChangedRows(rows, self.cast)

    def facts(self, rows: Rows) -> dict[str, ColumnFacts]:
        """Contract column → what has to be known of its values, of those columns that are there."""
        facts: dict[str, ColumnFacts] = {}
        for part in slices(rows):
            for name, column in self._present(part.columns):
                seen = ColumnFacts.of(part[name], column)
                facts[name] = facts[name].joined(seen) if name in facts else seen
        return facts

    def check_facts(
        self, rows: Rows, facts: Mapping[str, ColumnFacts], place: str, scales: Mapping[str, float] | None = None
    ) -> None:
        """Refuse rows that break the contract.

        Args:
            rows: The rows; their number and columns are looked at.
            facts: What is known of the values.
            place: Where they came from, for the error's first words.
            scales: Column → what its values will be divided by.

        Raises:
            FrameError: as `check`.
        """
        if not rows.height:
            raise FrameError(f"{place}: a {self.name} corpus was wanted, but it has no rows.")
        for column in self.columns:
            self._refuse_missing(column, rows.schema.names(), place)
            for name in column.names_in(rows.schema.names()):
                where, scale = f"{place}: column '{name}'", (scales or {}).get(name, 1)
                check_column(facts[name], rows.schema[name], column, where, scale)

    def cast(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame that met the contract, its columns in their canonical types."""
        return frame.with_columns(
            frame[name].cast(DTYPES[column.kind], strict=False)
            for name, column in self._present(frame.columns)
            if column.kind in DTYPES
        )

    def view(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The contract's columns alone, in order: what a trainer may see."""
        return frame.select(name for name, _ in self._present(frame.columns))

    def missing(self, columns: Sequence[str]) -> list[Column]:
        """The required columns that a frame with these columns lacks."""
        return [column for column in self.columns if column.required and not column.names_in(columns)]

    def _present(self, columns: Sequence[str]) -> Iterator[tuple[str, Column]]:
        return ((name, column) for column in self.columns for name in column.names_in(columns))

    def _refuse_missing(self, column: Column, columns: Sequence[str], place: str) -> None:
        if column.required and not column.names_in(columns):
            raise FrameError(
                f"{place}: column '{column.shown_name}' is missing (found: {', '.join(columns)}). "
                + (
                    "Rename the file's columns."
                    if column.numbered or not column.has_flag
                    else f"Name it with {column.option}."
                )
            )
