"""Reading a corpus from any source, with one plain sentence for whatever is wrong with it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from pairforge.errors import FileError
from pairforge.files.faults import explain
from pairforge.files.formats import format_of
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
    return _stacked([(str(file), _read_file(file, rows)) for file in files])


def read_frames(sources: Sequence[str], rows: int | None = None) -> pl.DataFrame:
    """Read several corpora as one, in the order given; they must have the same columns, in any order.

    Args:
        sources: Each as `read_frame` takes it.
        rows: As `read_frame` takes it.

    Raises:
        FileError: as `read_frame`, or the columns differ; the message names the odd source.
    """
    return _stacked([(source, read_frame(source, rows)) for source in sources])


def source_exists(source: str) -> None:
    """Check, without reading it, that a source is there, can be opened, is not empty and has a known format.

    Raises:
        FileError: with the reason.
    """
    if is_hub(source):
        from pairforge.files.hub import hub_digest  # noqa: PLC0415 - `datasets` takes a second to import

        hub_digest(source)
        return
    for file in locate(source):
        format_of(file)


def _read_file(path: Path, rows: int | None) -> pl.DataFrame:
    read_as = format_of(path)
    try:
        return read_as.read(path, rows)
    except _READ_FAULTS as error:
        raise FileError(explain(path, read_as, error)) from error


def _stacked(parts: Sequence[tuple[str, pl.DataFrame]]) -> pl.DataFrame:
    if len(parts) == 1:
        return parts[0][1]
    first_name, first = parts[0]
    for name, part in parts[1:]:
        if set(part.columns) != set(first.columns):
            raise FileError(
                f"{name}: its columns ({', '.join(part.columns)}) are not those of {first_name} "
                f"({', '.join(first.columns)}), with which it is read. Give them the same columns."
            )
    try:
        return pl.concat([part.select(first.columns) for _, part in parts], how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise FileError(_type_clash(parts)) from error


def _type_clash(parts: Sequence[tuple[str, pl.DataFrame]]) -> str:
    first_name, first = parts[0]
    clashes: Iterator[tuple[str, str]] = (
        (name, column)
        for name, part in parts[1:]
        for column in first.columns
        if part[column].dtype != first[column].dtype
    )
    name, column = next(clashes)
    return (
        f"{name}: column '{column}' is of another type than in {first_name}, with which it is read. "
        "Convert one of them."
    )
