"""Why a file could not be read, found by reading it once more, slowly, up to the first fault."""

from __future__ import annotations

import csv
import json
import zlib
from pathlib import Path
from typing import NoReturn

import polars as pl

from pairforge.files.compressed import opened
from pairforge.files.formats import Format
from pairforge.files.separated import numbered_rows, width_fault


def explain(path: Path, read_as: Format, error: BaseException) -> str:
    """One sentence that says where a file is at fault, and the mend.

    Args:
        path: A file that could not be read.
        read_as: The format it was taken for.
        error: What reading it raised; its first line is the last resort.
    """
    reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    if isinstance(error, pl.exceptions.DuplicateError):
        return f"{path}: has two columns of one name ({reason}). Rename one of them."
    if read_as.family == "parquet":
        return f"{path}: is not a whole parquet file ({reason}). It is truncated or damaged; make it anew."
    try:
        fault = _encoding_fault(path) or _format_fault(path, read_as)
    except (EOFError, OSError, zlib.error):
        fault = "its compressed data is truncated or damaged. Make it anew"
    return f"{path}: {fault or f'cannot be read as {read_as.family} ({reason}). Mend or convert it'}."


def _encoding_fault(path: Path) -> str | None:
    with opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"line {number} is not UTF-8. Convert the file, as with iconv"
    return None


def _format_fault(path: Path, read_as: Format) -> str | None:
    if read_as.separator:
        return _separated_fault(path, read_as.separator)
    with opened(path) as stream:
        start = stream.read(4096).lstrip()
    if read_as.family == "json" and start.startswith(b"["):
        return _json_fault(path)
    return _json_lines_fault(path)


def _json_fault(path: Path) -> str | None:
    try:
        rows = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return f"is not valid JSON at line {error.lineno} ({error.msg}). Mend it"
    return None if all(isinstance(row, dict) for row in rows) else "is no list of JSON objects. Write one object a row"


def _json_lines_fault(path: Path) -> str | None:
    blank = True
    with opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            blank = blank and not line.strip()
            if line.strip() and (fault := _json_line_fault(line)):
                return f"line {number} {fault}"
    return "holds nothing but blank lines. Make it anew" if blank else None


def _json_line_fault(line: bytes) -> str | None:
    if line.startswith(b"\xef\xbb\xbf"):
        return "begins with a byte-order mark. Save the file as plain UTF-8"
    try:
        row = json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return f"is not one whole JSON object ({error.msg}). Mend or remove that line"
    return None if isinstance(row, dict) else "holds no JSON object. Write one object a line"


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"JSON knows no {name}", "", 0)


def _separated_fault(path: Path, separator: str) -> str | None:
    line = wanted = 0
    try:
        for line, row in numbered_rows(path, separator):
            wanted = wanted or len(row)
            if row and len(row) != wanted:
                return width_fault(line, len(row), wanted)
    except csv.Error:
        return f"the row after line {line} has a quote that is not closed or not doubled. Mend the quotes"
    return None
