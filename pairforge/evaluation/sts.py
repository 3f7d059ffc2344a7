"""Semantic textual similarity: scored pairs, and how close a model holds each pair to be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pairforge.agreement import Array
from pairforge.engines.tables import VectorTable
from pairforge.errors import FileError, FrameError
from pairforge.files import read_frame
from pairforge.frames import SCORED_PAIR, Adopted, adopt
from pairforge.models import Floats

STSB = "stsb"
STS_PREFIX = "sts:"
_STSB_SOURCE = "hub:sentence-transformers/stsb:test"

_BLOCK_ROWS = 4096


def source_of(task: str) -> str | None:
    """Where a task's rows come from; None if there is no such task."""
    if task == STSB:
        return _STSB_SOURCE
    return task.removeprefix(STS_PREFIX) or None if task.startswith(STS_PREFIX) else None


def read_scored_pairs(task: str, columns: Mapping[str, str], score_scale: float | None) -> Adopted:
    """A task's pairs, with their gold scores in [0, 1].

    Raises:
        FileError: the source cannot be read.
        FrameError: it holds no scored pairs, fewer than two, or scores that are all equal.
    """
    source = source_of(task) or task
    try:
        raw = read_frame(source)
    except FileError as error:
        if task != STSB:
            raise
        raise FileError(f"{error} Scored pairs of your own can take its place: sts:FILE instead of {STSB}.") from error
    adopted = adopt(raw, (SCORED_PAIR,), source, columns=columns, score_scale=score_scale)
    scores = adopted.frame["score"]
    if len(scores) < 2:
        raise FrameError(f"{source}: a correlation needs two rows or more, but there is only one.")
    if scores.n_unique() == 1:
        raise FrameError(f"{source}: all {len(scores):,} scores are equal; a correlation needs scores that differ.")
    return adopted


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
