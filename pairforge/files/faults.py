"""Why a file could not be read, found by reading it once more, slowly, up to the first fault."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from pairforge.files.formats import Format

_MAX_FIELD = 2**31 - 1


def explain(path: Path, read_as: Format, error: BaseException) -> str:
    """One sentence that says where a file is at fault, and the mend.

    Args:
        path: A file that could not be read.
        read_as: The format it was taken for.
        error: What reading it raised; its first line is the last resort.
    """
    if read_as.family == "parquet":
        return f"{path}: is not a whole parquet file ({_first_line(error)}). It is truncated or damaged; make it anew."
    try:
        fault = _text_fault(path, read_as)
    except (EOFError, OSError, zlib.error):
        fault = "its compressed data is truncated or damaged. Make it anew"
    return f"{path}: {fault or f'cannot be read as {read_as.family} ({_first_line(error)})'}."


def _text_fault(path: Path, read_as: Format) -> str | None:
    with _opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number} is not UTF-8. Convert the file, as with iconv"
    if read_as.separator:
        with _opened(path) as stream:
            return _separated_fault(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""), read_as.separator)
    with _opened(path) as stream:
        return _json_fault(stream)


def _json_fault(lines: BinaryIO) -> str | None:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            return f"line {number} is not a whole JSON object. Mend or remove that line"
        if not isinstance(row, dict):
            return f"line {number} holds no JSON object of columns. Write one object a line"
    return None


def _separated_fault(text: io.TextIOWrapper, separator: str) -> str | None:
    csv.field_size_limit(_MAX_FIELD)
    rows = csv.reader(text, delimiter=separator, strict=True)
    try:
        header = next(rows, [])
        for line, row in _starting_lines(rows):
            if row and len(row) != len(header):
                return f"line {line} has {len(row)} fields, but the header names {len(header)}. Mend or quote that line"
    except csv.Error:
        return f"line {rows.line_num} has a quote that is not closed or not doubled. Mend the quotes"
    return None


def _starting_lines(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    line = rows.line_num  # type: ignore[attr-defined]
    for row in rows:
        yield line + 1, row
        line = rows.line_num  # type: ignore[attr-defined]


def _opened(path: Path) -> BinaryIO:
    if path.suffix.lower() == ".gz":
        return cast("BinaryIO", gzip.open(path))
    if path.suffix.lower() == ".zst":
        import pyarrow as pa  # noqa: PLC0415 - only wanted for a faulty zstd file

        return io.BufferedReader(pa.input_stream(path, compression="zstd"))
    return path.open("rb")


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
