"""Reading a corpus from any source, with one plain sentence for whatever is wrong with it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from pairforge.errors import FileError
from pairforge.files.digests import identity_of
from pairforge.files.faults import explain
from pairforge.files.formats import Format, format_of
from pairforge.files.slices import Rows, StackedRows
from pairforge.files.sources import is_hub, locate

_READ_FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, EOFError, ValueError, csv.Error)


def read_frame(source: str | Path, rows: int | None = None) -> pl.DataFrame:
    """Read a corpus.

    Args:
        source: A parquet, json-lines, csv or tsv file (the text formats also .gz or .zst), a folder or glob of such
            shards (read by name), or `hub:NAME[/CONFIG]:SPLIT`.
        rows: Read only the first so many rows of each file, typed by themselves; all of them if None.

    Returns:
        Its rows in order. A key that some JSON rows lack is null there.

    Raises:
        FileError: it cannot be found or read, is empty, truncated, not UTF-8, malformed, has two columns of one name,
            or its shards disagree on their columns.
    """
    if is_hub(source):
        from pairforge.files.hub import read_hub  # noqa: PLC0415 - `datasets` takes a second to import

        return read_hub(str(source)).slice(0, rows)
    files = locate(source)
    return _whole(_stacked([(str(file), _read_file(file, rows)) for file in files]))


def read_frames(sources: Sequence[str], rows: int | None = None) -> pl.DataFrame:
    """Read several corpora as one, in the order given; they must have the same columns, in any order.

    Args:
        sources: Each as `read_frame` takes it.
        rows: As `read_frame` takes it.

    Raises:
        FileError: as `read_frame`, or the columns differ; the message names the odd source.
    """
    return _whole(_stacked([(source, read_frame(source, rows)) for source in sources]))


def source_exists(source: str) -> None:
    """Check, without reading it, that a source is there, can be opened and is not empty.

    Raises:
        FileError: with the reason.
    """
    if is_hub(source):
        from pairforge.files.hub import hub_digest  # noqa: PLC0415 - `datasets` takes a second to import

        hub_digest(source)
        return
    locate(source)


def open_frames(sources: Sequence[str]) -> Rows:
    """The rows of several corpora, as `read_frames` gives them, of which slices are read when they are asked for.

    Parquet is read so; other formats and hub datasets, of which the types are known only at the end, are
    read whole now.

    Args:
        sources: Each as `read_frame` takes it.

    Raises:
        FileError: as `read_frames`; and when a slice is read, that the file was changed or is damaged there.
    """
    return _stacked([(source, _open(source)) for source in sources])


def _open(source: str) -> Rows:
    if is_hub(source):
        return read_frame(source)
    return _stacked([(str(file), _OpenedFile.rows_of(file)) for file in locate(source)])


class _OpenedFile:
    """The rows of a file that stays as it was when it was opened, with a plain sentence for whatever is wrong."""

    def __init__(self, path: Path, read_as: Format, rows: Rows) -> None:
        self._path, self._format, self._rows = path, read_as, rows
        self.height, self.schema = rows.height, rows.schema
        self._identity = identity_of(path)

    @classmethod
    def rows_of(cls, path: Path) -> Rows:
        read_as = format_of(path)
        if read_as.open is None:
            return _read_file(path, None)
        with _explained(path, read_as):
            return cls(path, read_as, read_as.open(path))

    def slice(self, offset: int, length: int) -> pl.DataFrame:
        if not self._is_as_it_was():
            raise FileError(f"{self._path}: was changed while it was being read. Run the same command again.")
        with _explained(self._path, self._format):
            return self._rows.slice(offset, length)

    def _is_as_it_was(self) -> bool:
        try:
            return identity_of(self._path) == self._identity
        except OSError:
            return False


def _read_file(path: Path, rows: int | None) -> pl.DataFrame:
    read_as = format_of(path)
    with _explained(path, read_as):
        return read_as.read(path, rows)


@contextmanager
def _explained(path: Path, read_as: Format) -> Iterator[None]:
    try:
        yield
    except _READ_FAULTS as error:
        raise FileError(explain(path, read_as, error)) from error


def _stacked(parts: Sequence[tuple[str, Rows]]) -> Rows:
    if len(parts) == 1:
        return parts[0][1]
    first_name, first = parts[0]
    for name, part in parts[1:]:
        if set(part.schema) != set(first.schema):
            raise FileError(
                f"{name}: its columns ({', '.join(part.schema)}) are not those of {first_name} "
                f"({', '.join(first.schema)}), with which it is read. Give them the same columns."
            )
    try:
        return StackedRows([part for _, part in parts])
    except pl.exceptions.PolarsError as error:
        raise FileError(_type_clash(parts)) from error


def _whole(rows: Rows) -> pl.DataFrame:
    return rows if isinstance(rows, pl.DataFrame) else rows.slice(0, rows.height)


def _type_clash(parts: Sequence[tuple[str, Rows]]) -> str:
    first_name, first = parts[0]
    clashes: Iterator[tuple[str, str]] = (
        (name, column)
        for name, part in parts[1:]
        for column in first.schema
        if part.schema[column] != first.schema[column]
    )
    name, column = next(clashes)
    return (
        f"{name}: column '{column}' is of another type than in {first_name}, with which it is read. "
        "Convert one of them."
    )
