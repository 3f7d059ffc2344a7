"""Opening a text file that is, or is to be, compressed."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed if its suffix is .gz or .zst."""
    ending = path.suffix.lower()
    if ending == ".gz":
        with gzip.open(path) as stream:
            yield cast("BinaryIO", stream)
    elif ending == ".zst":
        import pyarrow as pa  # noqa: PLC0415 - comes with datasets; a tenth of a second that few files need

        with io.BufferedReader(pa.input_stream(str(path), compression="zstd")) as stream:
            yield stream
    else:
        with path.open("rb") as stream:
            yield stream


@contextmanager
def opened_text(path: Path) -> Iterator[TextIO]:
    """The text of a UTF-8 file, with or without a byte-order mark; line ends as they stand."""
    with opened(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        yield text


@contextmanager
def opened_to_write(path: Path, compression: str) -> Iterator[BinaryIO]:
    """A new file whose bytes are compressed on their way: "", ".gz" or ".zst"; the same bytes for the same content."""
    if compression == ".zst":
        import pyarrow as pa  # noqa: PLC0415 - comes with datasets; a tenth of a second that few files need

        with pa.output_stream(str(path), compression="zstd") as stream:
            yield stream
    elif compression == ".gz":
        # Without the name and the second of writing, which gzip would keep.
        with path.open("wb") as file, gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as stream:
            yield cast("BinaryIO", stream)
    else:
        with path.open("wb") as file:
            yield file
