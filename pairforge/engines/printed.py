"""Keeps what a library and the processes it starts print apart from what pairforge prints."""

from __future__ import annotations

import os
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STANDARD = (1, 2)


class Printed:
    """What was printed to stdout and stderr while it was gathered, and is printed for ever by processes begun then.

    stdout belongs to results; and where a process of the library fails, often only what it printed says why.
    """

    def __init__(self) -> None:
        self._number, path = tempfile.mkstemp(prefix="pairforge-")
        Path(path).unlink()
        weakref.finalize(self, os.close, self._number)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Send stdout and stderr, those of processes begun meanwhile too, to a file."""
        sys.stdout.flush()
        sys.stderr.flush()
        before = [os.dup(number) for number in _STANDARD]
        try:
            for number in _STANDARD:
                os.dup2(self._number, number)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip(_STANDARD, before, strict=True):
                os.dup2(copy, number)
                os.close(copy)

    def text(self, most: int = 20_000) -> str:
        """The last bytes of it."""
        # Not by seeking: the processes write where this file's one position is.
        size = os.fstat(self._number).st_size
        return os.pread(self._number, most, max(0, size - most)).decode("utf-8", "replace")
