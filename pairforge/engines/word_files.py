"""Text files of word vectors: a line for each word, the word and its numbers with blanks between.

GloVe writes nothing before the first word, word2vec and fastText a line with the number of words and the dimension.
Either may be compressed (.gz).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pairforge.engines.lexical import folded, words_of
from pairforge.errors import FileError, ModelError
from pairforge.models import Floats

_WORDS_AT_ONCE = 4096
_BYTES_AT_ONCE = 2**20
_UNREADABLE = (OSError, EOFError, zlib.error)

_Line = tuple[int, bytes]
"""Its number, from 1, and the line without its end."""


@dataclass(frozen=True)
class WordTable:
    """The vectors of words.

    Args:
        row_of: Word, in lower case → its row.
        vectors: float32, shape (rows, dimension).
    """

    row_of: dict[str, int]
    vectors: Floats


def read_dimension(file: Path) -> int:
    """Numbers in each vector of a file, from its first line.

    Raises:
        ModelError: it begins with something else, or is empty.
        FileError: it cannot be read.
    """
    with _opened(file) as lines:
        first = lines.readline()
    return _dimension(file, first.rstrip())


def read_words(file: Path) -> WordTable:
    """The words of a file that a text can have, and their vectors; other lines are checked and left out.

    A word in capitals stands for its lower case where the file has no such word itself, the first one if there are
    several. Of equal words the first counts.

    Raises:
        ModelError: a line has not as many numbers as the first, one that is none or not finite; the file has not the
            words that its first line promises, or none that a text could have.
        FileError: it cannot be read.
    """
    with _opened(file) as content:
        lines = sum(block.count(b"\n") for block in iter(lambda: content.read(_BYTES_AT_ONCE), b"")) + 1
    with _opened(file) as content:
        first = content.readline().rstrip()
        dimension, promised = _dimension(file, first), _promised(first)
        words = _Words(np.empty((lines, dimension), dtype=np.float32))
        content.seek(0)
        numbered = enumerate(content, start=1)
        if promised is not None:
            next(numbered)
        # A number beyond float32 becomes an infinity, which is told with its line.
        with np.errstate(over="ignore"):
            for batch in _batches(numbered):
                words.add(*_parsed(file, batch, dimension))
    if promised is not None and words.read != promised:
        raise ModelError(
            f"{file}: {promised:,} words were wanted, as its first line says, but it has {words.read:,}. Get it anew."
        )
    if not words.row_of:
        raise ModelError(f"{file}: has no word that a text could have ({words.read:,} lines). Name another file.")
    return WordTable(words.row_of, words.vectors[: words.kept])


class _Words:
    """Words as they are read, each in its row."""

    def __init__(self, vectors: Floats) -> None:
        self.vectors = vectors
        self.row_of: dict[str, int] = {}
        self.read = self.kept = 0
        self._as_written: set[str] = set()

    def add(self, words: Sequence[str], vectors: Floats) -> None:
        self.read += len(words)
        for word, lower, found, vector in zip(words, folded(words), words_of(words), vectors, strict=True):
            if found != [lower] or lower in self._as_written:
                continue
            if lower not in self.row_of:
                self.row_of[lower] = self.kept
                self.kept += 1
            elif word != lower:
                continue
            self.vectors[self.row_of[lower]] = vector
            if word == lower:
                self._as_written.add(lower)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as content:
            yield content  # type: ignore[misc] # a GzipFile is read as any binary file
    except _UNREADABLE as error:
        raise FileError(f"{file}: cannot be read to its end ({error}). Check the file, or get it anew.") from error


def _promised(first: bytes) -> int | None:
    """How many words the first line says there are; None where it is a word's own."""
    fields = first.split()
    return int(fields[0]) if len(fields) == 2 and all(field.isdigit() for field in fields) else None


def _dimension(file: Path, first: bytes) -> int:
    fields = first.split()
    dimension = int(fields[1]) if _promised(first) is not None else len(fields) - 1
    if dimension < 1:
        found = repr(first[:60].decode(errors="replace")) if first else "an empty line"
        raise ModelError(
            f"{file}, line 1: a word and its numbers were wanted, or the number of words and the dimension, but there "
            f"is {found}. Name a text file of word vectors."
        )
    return dimension


def _batches(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    batch: list[_Line] = []
    for number, line in lines:
        if stripped := line.rstrip():
            batch.append((number, stripped))
        if len(batch) == _WORDS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _parsed(file: Path, batch: Sequence[_Line], dimension: int) -> tuple[list[str], Floats]:
    """Words and their vectors, shape (len(batch), dimension)."""
    words, vectors = [], np.empty((len(batch), dimension), dtype=np.float32)
    for place, (number, line) in enumerate(batch):
        # From the right: some files have words with blanks in them.
        word, *numbers = line.rsplit(None, dimension)
        try:
            vectors[place] = np.array(numbers, dtype=np.float32)
        except ValueError:
            raise _malformed(file, number, line, dimension) from None
        if len(numbers) != dimension or (len(word.split()) > 1 and _is_number(word.split()[-1])):
            raise _malformed(file, number, line, dimension)
        words.append(word.decode(errors="replace"))
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise _malformed(file, *batch[int(np.argmin(finite))], dimension)
    return words, vectors


def _malformed(file: Path, number: int, line: bytes, dimension: int) -> ModelError:
    shown = line[:60].decode(errors="replace")
    return ModelError(
        f"{file}, line {number}: a word and {dimension} finite numbers were wanted, as the first line has them, but "
        f"there is {shown!r}{'…' if len(line) > 60 else ''} ({len(line.split())} fields). Mend the line, or get the "
        "file anew."
    )


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
