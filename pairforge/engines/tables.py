"""A table of vectors, read in pieces from wherever they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pairforge.models import Floats

_ROWS_AT_ONCE = 16_384


class VectorTable:
    """Vectors by row, of which only those asked for are in memory.

    Args:
        read: Gives a copy of the vectors at some locations, shape (len(locations), dimension).
        locations: Where each row's vector lies.
        dimension: Numbers in one vector.
        lengths: What each row is divided by on reading; nothing if not given.
    """

    def __init__(
        self,
        read: Callable[[npt.NDArray[np.int64]], Floats],
        locations: npt.NDArray[np.int64],
        dimension: int,
        lengths: Floats | None = None,
    ) -> None:
        self.dimension = dimension
        self._read = read
        self._locations = locations
        self._lengths = lengths

    @classmethod
    def of(cls, vectors: npt.ArrayLike) -> VectorTable:
        """A table over vectors that are in memory, shape (rows, dimension)."""
        held = np.asarray(vectors, dtype=np.float32)
        return cls(lambda rows: held[rows], np.arange(len(held), dtype=np.int64), held.shape[1])

    def __len__(self) -> int:
        return len(self._locations)

    def take(self, rows: npt.ArrayLike | range) -> Floats:
        """The vectors of these rows, in their order, shape (len(rows), dimension).

        Raises:
            IndexError: a row is none of the table's; unlike NumPy's, a negative one is none.
        """
        chosen = np.asarray(rows, dtype=np.int64)
        if not len(chosen):
            return np.empty((0, self.dimension), dtype=np.float32)
        if chosen.min() < 0:
            raise IndexError(f"row {chosen.min()} is none of a table's")
        vectors = self._read(self._locations[chosen])
        if self._lengths is not None:
            vectors /= self._lengths[chosen, None]
        return vectors

    def rows(self, rows: npt.NDArray[np.int64]) -> VectorTable:
        """A table of these rows alone, in this order."""
        lengths = None if self._lengths is None else self._lengths[rows]
        return VectorTable(self._read, self._locations[rows], self.dimension, lengths)

    def unit(self) -> VectorTable:
        """The same rows, each divided by its length on reading; a zero vector stays zero.

        Dot products of its rows are cosines. The lengths are computed here, in one pass.
        """
        lengths = np.concatenate([np.empty(0, dtype=np.float32), *self._row_lengths()])
        return VectorTable(self._read, self._locations, self.dimension, np.where(lengths > 0, lengths, np.float32(1)))

    @cached_property
    def longest(self) -> float:
        """A length that no row exceeds."""
        longest = max((float(lengths.max()) for lengths in self._row_lengths()), default=0.0)
        return longest * (1 + 1e-6)

    def _row_lengths(self) -> Iterator[Floats]:
        for start in range(0, len(self), _ROWS_AT_ONCE):
            vectors = self.take(range(start, min(start + _ROWS_AT_ONCE, len(self)))).astype(np.float64)
            yield np.sqrt(np.vecdot(vectors, vectors)).astype(np.float32)
