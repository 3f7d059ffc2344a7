"""How close a model holds the texts of pairs to be, from its vectors."""

from __future__ import annotations

import numpy as np

from pairforge.agreement import Array
from pairforge.engines.tables import VectorTable
from pairforge.models import Floats

_BLOCK_ROWS = 4096


def pair_similarities(vectors: VectorTable, first: range, second: range) -> dict[str, Array]:
    """How close each of some rows is to the one beside it; higher is closer. A block of rows at a time is in memory.

    Args:
        vectors: A table of vectors as the model gives them.
        first: Its rows of the pairs' first texts, at least one.
        second: Its rows of their second texts, as many.

    Returns:
        By name, shape (rows,): the cosine (0 where a vector is zero), the dot product, and the negative Euclidean and
        Manhattan distances, all of the vectors as they are, not normalised.
    """
    blocks = [
        _block_similarities(*(vectors.take(rows[start : start + _BLOCK_ROWS]) for rows in (first, second)))
        for start in range(0, len(first), _BLOCK_ROWS)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _block_similarities(first: Floats, second: Floats) -> dict[str, Array]:
    ours, theirs = first.astype(np.float64), second.astype(np.float64)
    dot = np.einsum("rd,rd->r", ours, theirs)
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    apart = ours - theirs
    return {
        "cosine": np.divide(dot, lengths, out=np.zeros_like(dot), where=lengths > 0),
        "dot": dot,
        "euclidean": -np.linalg.norm(apart, axis=1),
        "manhattan": -np.abs(apart).sum(axis=1),
    }
