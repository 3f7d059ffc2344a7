"""The first documents for each query, in trec_eval's order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairforge.models import Floats

Columns = npt.NDArray[np.int64]

NOT_FOUND = -1
"""Stands in a ranking where there is no further document."""


def ranked(scores: Floats, depth: int) -> Columns:
    """The first documents for each query: by score descending, equal scores by column, the lower first.

    trec_eval puts the higher document id first among equal scores, compared byte by byte; so does this ranking where
    the columns stand in descending order of the ids.

    Args:
        scores: Shape (queries, documents), without NaN; -inf for a document that was not found.
        depth: How many documents are wanted for each query, 1 or more.

    Returns:
        Columns of the documents, the best first, shape (queries, min(depth, documents)); NOT_FOUND after the last one
        that was found.
    """
    # trec_eval keeps scores as float32: what is equal there is a tie.
    kept = np.asarray(scores, dtype=np.float32)
    columns = _contenders(kept, depth)
    of_these = np.take_along_axis(kept, columns, axis=1)
    # The columns ascend, so that a stable sort leaves equal scores in their order.
    order = np.argsort(-of_these, axis=1, kind="stable")
    found = np.take_along_axis(of_these, order, axis=1) > -np.inf
    return np.where(found, np.take_along_axis(columns, order, axis=1), NOT_FOUND)


def _contenders(scores: Floats, depth: int) -> Columns:
    """The columns of the `depth` first documents, ascending."""
    queries, documents = scores.shape
    if depth >= documents:
        return np.broadcast_to(np.arange(documents), scores.shape)
    last = documents - depth
    lowest = np.partition(scores, last, axis=1)[:, last, None]
    kept = scores >= lowest
    crowded = np.flatnonzero(np.count_nonzero(kept, axis=1) > depth)
    kept[crowded] = _without_late_ties(scores[crowded], lowest[crowded], depth)
    return np.nonzero(kept)[1].reshape(queries, depth)


def _without_late_ties(scores: Floats, lowest: Floats, depth: int) -> npt.NDArray[np.bool_]:
    higher, tied = scores > lowest, scores == lowest
    room = depth - np.count_nonzero(higher, axis=1)[:, None]
    kept: npt.NDArray[np.bool_] = higher | (tied & (np.cumsum(tied, axis=1) <= room))
    return kept
