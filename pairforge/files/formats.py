"""The file formats a corpus may have, told by suffix: how each is read, and written to the same bytes each time."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import polars as pl

from pairforge.errors import FileError
from pairforge.files.compressed import opened_to_write
from pairforge.files.separated import read_separated
from pairforge.files.slices import SLICE_ROWS, JsonLinesRows, ParquetRows, Rows, slices


@dataclass(frozen=True)
class Format:
    """One way to lay a frame in a file.

    Args:
        family: "parquet", "json lines", "json", "csv" or "tsv".
        read: Reads so many rows of a file, or all; raises FileError or whatever polars raises.
        write: Writes rows, the same bytes for equal rows; None for a format that is only read.
        open: Opens a file of which slices are read; None for a format that is read whole.
        separator: Between the fields of a line, for csv and tsv; these hold no lists.
    """

    family: str
    read: Callable[[Path, int | None], pl.DataFrame]
    write: Callable[[Rows, Path], None] | None
    open: Callable[[Path], Rows] | None = None
    separator: str = ""


_PAGE_BYTES = 8 * 2**20
_DICTIONARY_BYTES = 16 * 2**20
"""Texts come back often (an anchor with each of its negatives), and a whole row group of them has room here: with the
usual 1 MiB the file of mined triplets is nearly twice as large."""


def _read_parquet(path: Path, rows: int | None) -> pl.DataFrame:
    return pl.scan_parquet(path, n_rows=rows, glob=False, hive_partitioning=False).collect()


def _read_json_lines(path: Path, rows: int | None) -> pl.DataFrame:
    # Every row read counts for the types: a key that first appears late would otherwise be lost.
    return pl.scan_ndjson(glob.escape(str(path)), infer_schema_length=rows, n_rows=rows).collect()


def _read_json(path: Path, rows: int | None) -> pl.DataFrame:
    with path.open("rb") as file:
        array = file.read(4096).lstrip().startswith(b"[")
    return pl.read_json(path, infer_schema_length=None).slice(0, rows) if array else _read_json_lines(path, rows)


def _write_parquet(rows: Rows, path: Path) -> None:
    from pyarrow import parquet  # noqa: PLC0415 - comes with datasets; a tenth of a second that only writing takes

    # Not by polars: the pages it writes differ with how equal lists lie in memory, so parts would show in the bytes.
    tables = (part.rechunk().to_arrow() for part in slices(rows))
    first = next(tables)
    with parquet.ParquetWriter(
        path,
        first.schema,
        compression="zstd",
        compression_level=3,
        data_page_size=_PAGE_BYTES,
        dictionary_pagesize_limit=_DICTIONARY_BYTES,
    ) as file:
        for table in chain((first,), tables):
            file.write_table(table, row_group_size=SLICE_ROWS)


def _write_json_lines(rows: Rows, path: Path, *, compression: str) -> None:
    with opened_to_write(path, compression) as stream:
        for part in slices(rows):
            part.write_ndjson(stream)


def _write_separated(rows: Rows, path: Path, *, separator: str, compression: str) -> None:
    with opened_to_write(path, compression) as stream:
        for number, part in enumerate(slices(rows)):
            part.write_csv(stream, separator=separator, include_header=number == 0)


def _formats() -> Mapping[str, Format]:
    formats = {
        ".parquet": Format("parquet", _read_parquet, _write_parquet, ParquetRows.open),
        ".json": Format("json", _read_json, None),
    }
    for ending in ("", ".gz", ".zst"):
        write_json_lines = partial(_write_json_lines, compression=ending)
        json_lines = Format("json lines", _read_json_lines, write_json_lines, None if ending else JsonLinesRows)
        formats[f".jsonl{ending}"] = formats[f".ndjson{ending}"] = json_lines
        for family, separator in (("csv", ","), ("tsv", "\t")):
            formats[f".{family}{ending}"] = Format(
                family,
                partial(read_separated, separator=separator),
                partial(_write_separated, separator=separator, compression=ending),
                separator=separator,
            )
    return formats


FORMATS = _formats()
"""Every known format by its suffix."""

KNOWN_SUFFIXES = ".parquet, .jsonl or .ndjson, .csv, .tsv (the last four also with .gz or .zst) and .json"


def suffix_of(path: Path) -> str:
    """The known suffix a name ends with (".parquet", ".jsonl.gz"), lower case; "" if it has none."""
    name = path.name.lower()
    return max((suffix for suffix in FORMATS if name.endswith(suffix) and name != suffix), key=len, default="")


def format_of(path: Path) -> Format:
    """The format that a path's suffix names.

    Raises:
        FileError: the suffix is unknown.
    """
    suffix = suffix_of(path)
    if not suffix:
        shown = "".join(path.suffixes[-2:]) or "none"
        raise FileError(f"{path}: its suffix ({shown}) names no known format. Use {KNOWN_SUFFIXES}.")
    return FORMATS[suffix]
