"""Vectors in fewer bits, as a search sees them: by NumPy alone.

Source: Jacob et al. 2018 (one affine scale a dimension for int8); Yamada et al. 2021 (binary codes searched first, what
they find rescored by the query's own numbers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairforge.models import Floats

Precision = Literal["float32", "int8", "binary"]
PRECISIONS: tuple[Precision, ...] = ("float32", "int8", "binary")

BITS = {"float32": 32, "int8": 8, "binary": 1}
"""Bits of one number of a vector."""

_STEPS = 255


@dataclass(frozen=True)
class Int8Scale:
    """An affine scale for each dimension, so that int8 spans what was seen there.

    Args:
        low: The least number of each dimension, shape (dimension,).
        step: What one step of int8 stands for, shape (dimension,).
    """

    low: Floats
    step: Floats

    @classmethod
    def of(cls, vectors: Floats) -> Int8Scale:
        """The scale that spans these vectors, shape (rows, dimension)."""
        low, high = vectors.min(axis=0), vectors.max(axis=0)
        step = (high - low) / np.float32(_STEPS)  # 0 also where a difference is too small to be divided
        return cls(low, np.where(step > 0, step, np.float32(1)))

    def codes(self, vectors: Floats) -> npt.NDArray[np.int8]:
        """The nearest int8 of each number; what lies outside the scale takes its end."""
        steps = np.clip(np.rint((vectors - self.low) / self.step), 0, _STEPS)
        codes: npt.NDArray[np.int8] = (steps - 128).astype(np.int8)
        return codes

    def numbers(self, codes: npt.NDArray[np.int8]) -> Floats:
        """What the codes stand for."""
        found: Floats = (codes.astype(np.float32) + np.float32(128)) * self.step + self.low
        return found


def as_seen(vectors: Floats, precision: Precision, scale: Int8Scale) -> Floats:
    """The numbers that a search compares when vectors are kept in this precision; binary ones are -1 and 1.

    Args:
        vectors: Shape (rows, dimension).
        precision: Of what is kept.
        scale: Of int8.
    """
    if precision == "float32":
        return vectors
    if precision == "int8":
        return scale.numbers(scale.codes(vectors))
    return np.where(vectors > 0, 1, -1).astype(np.float32)


def unit(vectors: Floats) -> Floats:
    """Each vector divided by its length; a zero vector stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
