"""Corpora larger than memory: rows that are read when they are asked for, a slice at a time."""

from __future__ import annotations

import glob
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol, runtime_checkable

import polars as pl

SLICE_ROWS = 32_768
"""Rows that are looked at together, and that a parquet file written here holds in a row group."""


_LINES_BYTES = 2**20


@runtime_checkable
class Rows(Protocol):
    """The rows of a corpus: a frame, or something that reads slices of one from files."""

    @property
    def height(self) -> int:
        """How many rows there are."""
        ...

    @property
    def schema(self) -> pl.Schema:
        """The columns and their types."""
        ...

    def slice(self, offset: int, length: int) -> pl.DataFrame:
        """So many rows from `offset` (from 0), or as many as there are."""
        ...


def slices(rows: Rows) -> Iterator[pl.DataFrame]:
    """All rows in order, a slice at a time; one slice without rows where there is no row."""
    for first in range(0, max(rows.height, 1), SLICE_ROWS):
        yield rows.slice(first, SLICE_ROWS)


@dataclass(frozen=True)
class ParquetRows:
    """The rows of a parquet file; a slice reads the pages that hold it."""

    path: Path
    height: int
    schema: pl.Schema

    @classmethod
    def open(cls, path: Path) -> ParquetRows:
        """Read what the file says of itself; raises what polars raises."""
        scan = _scan(path)
        return cls(path, scan.select(pl.len()).collect().item(), scan.collect_schema())

    def slice(self, offset: int, length: int) -> pl.DataFrame:
        """Read so many rows."""
        return _scan(self.path).slice(offset, length).collect()


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


class JsonLinesRows:
    """The rows of a json-lines file that is not compressed; a slice reads the lines about it.

    Args:
        path: The file; it is gone through twice, for the type of every key and for where its rows lie.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Every row counts for the types: a key that first appears late would otherwise be lost.
        self.schema = pl.scan_ndjson(glob.escape(str(path)), infer_schema_length=None).collect_schema()
        self._bytes, self._rows = [0], [0]
        with path.open("rb") as file:
            while lines := file.read(_LINES_BYTES) + file.readline():
                self._bytes.append(file.tell())
                self._rows.append(self._rows[-1] + self._parsed(lines).height)

    @property
    def height(self) -> int:
        """How many rows there are."""
        return self._rows[-1]

    def slice(self, offset: int, length: int) -> pl.DataFrame:
        """Read so many rows."""
        first = bisect_right(self._rows, offset) - 1
        last = max(first, bisect_left(self._rows, min(offset + length, self.height)))
        with self._path.open("rb") as file:
            file.seek(self._bytes[first])
            lines = file.read(self._bytes[last] - self._bytes[first])
        return self._parsed(lines).slice(offset - self._rows[first], length)

    def _parsed(self, lines: bytes) -> pl.DataFrame:
        return pl.read_ndjson(lines, schema=self.schema) if lines.strip() else self.schema.to_frame()


class StackedRows:
    """The rows of several corpora, one after the other, in columns whose types hold what all of them hold.

    Args:
        parts: The corpora, of the same columns in any order; the first one's order is kept.

    Raises:
        polars.exceptions.PolarsError: no type holds a column of two of them.
    """

    def __init__(self, parts: Sequence[Rows]) -> None:
        self._parts = parts
        self._ends = list(accumulate(part.height for part in parts))
        columns = list(parts[0].schema)
        empty = [part.schema.to_frame().select(columns) for part in parts]
        self.schema = pl.concat(empty, how="vertical_relaxed").schema

    @property
    def height(self) -> int:
        """How many rows there are."""
        return self._ends[-1]

    def slice(self, offset: int, length: int) -> pl.DataFrame:
        """So many rows, of whichever parts they lie in."""
        found, end = [self.schema.to_frame()], offset + length
        for number in range(bisect_right(self._ends, offset), len(self._parts)):
            part, start = self._parts[number], self._ends[number] - self._parts[number].height
            if start >= end:
                break
            first = max(offset - start, 0)
            found.append(part.slice(first, end - start - first).select(self.schema.names()))
        return pl.concat(found, how="vertical_relaxed")


class ChangedRows:
    """The rows of a corpus, each slice changed when it is read.

    Args:
        rows: The corpus.
        change: What makes of a slice, however it is cut, as many rows.
    """

    def __init__(self, rows: Rows, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self._rows, self._change = rows, change
        self.height = rows.height
        self.schema = change(rows.schema.to_frame()).schema

    def slice(self, offset: int, length: int) -> pl.DataFrame:
        """So many rows, changed."""
        return self._change(self._rows.slice(offset, length))
