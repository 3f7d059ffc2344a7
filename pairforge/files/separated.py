"""Reading csv and tsv: what polars leaves silent there (short lines, blank lines, stray quotes) is seen to here."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from pairforge.errors import FileError
from pairforge.files.compressed import opened_text

_WHOLE = r"^-?(0|[1-9]\d{0,17})$"
_NUMBER = r"^(-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|NaN|-?inf)$"
_NAME_IN_DIGITS = r"^-?(0\d|\d{19})"  # a leading zero, or more digits than a number holds
_CLOSED_QUOTE = r'^"([^"]|"")*"$'


def read_separated(path: Path, rows: int | None, *, separator: str) -> pl.DataFrame:
    """Read the first rows, or all, of a csv or tsv file with a header; types are told from the fields of a column.

    A column is numbers (or booleans) only if all of its fields are; `007` and twenty digits are none, but names.
    An empty field is null, a quoted empty one an empty text; blank lines are passed over. A tsv whose lines hold
    together without regard to quotes is read so: most of them quote nothing and use quotes as any other character.

    Raises:
        FileError: two columns bear one name, there is no row, or a line is shorter than the header.
        polars.exceptions.PolarsError: anything else is wrong.
    """
    texts = _tsv_texts(path, rows) if separator == "\t" else _texts(path, rows, separator)
    _check_header(texts, path)
    if texts.to_series(-1).null_count():
        texts = _without_blank_lines(texts, path, separator)
    if texts.is_empty():
        raise FileError(f"{path}: has a header, but no rows. Was it written to its end?")
    return texts.select(_typed(column) for column in texts.iter_columns())


def numbered_rows(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The fields of each row as the csv module sees them, from the header on, with the line it starts on, from 1."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        with opened_text(path) as text:
            rows = csv.reader(text, delimiter=separator, strict=True)
            line, seen = 1, False
            for row in rows:
                seen = seen or bool(row)
                if seen:
                    yield line, row
                line = rows.line_num + 1
    finally:
        csv.field_size_limit(limit)


def width_fault(line: int, width: int, wanted: int) -> str:
    """What is said of a line with too few or too many fields."""
    fields = "1 field" if width == 1 else f"{width} fields"
    return f"line {line} has {fields}, but the header names {wanted}. Mend that line"


def _texts(path: Path, rows: int | None, separator: str, quote: str | None = '"') -> pl.DataFrame:
    scan = pl.scan_csv(path, separator=separator, quote_char=quote, n_rows=rows, glob=False, infer_schema=False)
    return scan.collect()


def _tsv_texts(path: Path, rows: int | None) -> pl.DataFrame:
    try:
        literal = _texts(path, rows, "\t", quote=None)
    except pl.exceptions.PolarsError:
        return _texts(path, rows, "\t")
    fields = [*literal.iter_columns(), pl.Series(literal.columns)]
    opening = [field.filter(field.str.starts_with('"')) for field in fields]
    if all(field.str.contains(_CLOSED_QUOTE).all() for field in opening):
        return _unquoted(literal)
    return _texts(path, rows, "\t") if literal.to_series(-1).null_count() else literal


def _unquoted(literal: pl.DataFrame) -> pl.DataFrame:
    field = pl.all()
    inner = field.str.strip_prefix('"').str.strip_suffix('"').str.replace_all('""', '"', literal=True)
    names = {name: name[1:-1].replace('""', '"') for name in literal.columns if name.startswith('"')}
    return literal.with_columns(pl.when(field.str.starts_with('"')).then(inner).otherwise(field)).rename(names)


def _check_header(texts: pl.DataFrame, path: Path) -> None:
    # polars renames the second of two equal names.
    renamed = (re.fullmatch(r"(.*)_duplicated_\d+", name) for name in texts.columns)
    twice = [match[1] for match in renamed if match and match[1] in texts.columns]
    if twice:
        raise FileError(f"{path}: column '{twice[0]}' stands twice in its header. Rename one of them.")


def _without_blank_lines(texts: pl.DataFrame, path: Path, separator: str) -> pl.DataFrame:
    """polars fills a short line with nulls, and takes a blank one for a row of them."""
    blank = []
    for ordinal, (line, row) in enumerate(islice(numbered_rows(path, separator), texts.height + 1), start=-1):
        if not row and texts.width > 1:
            blank.append(ordinal)
        elif row and len(row) != texts.width:
            raise FileError(f"{path}: {width_fault(line, len(row), texts.width)}.")
    return texts.with_row_index("__row").filter(~pl.col("__row").is_in(blank)).drop("__row") if blank else texts


def _typed(texts: pl.Series) -> pl.Series:
    given = texts.drop_nulls()
    if given.is_empty():
        return texts
    if given.str.contains(_WHOLE).all():
        return texts.cast(pl.Int64)
    if given.str.contains(_NUMBER).all() and not given.str.contains(_NAME_IN_DIGITS).any():
        return texts.cast(pl.Float64)
    if given.str.to_lowercase().is_in(["true", "false"]).all():
        return texts.str.to_lowercase() == "true"
    return texts
