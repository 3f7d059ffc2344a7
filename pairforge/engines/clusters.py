"""Clusters of vectors by k-means on the sphere (Dhillon and Modha 2001), the same whatever the threads.

Every vector goes to the centroid of the highest cosine, by the exact search of `engines.search`, and a centroid's
members are added up in float64 in their order: no sum depends on how the work was cut.
"""

from __future__ import annotations

import numpy as np

from pairforge.engines.search import Rows, nearest
from pairforge.engines.tables import VectorTable
from pairforge.models import Floats
from pairforge.progress import Progress, silent
from pairforge.randomness import row_uniforms

_POINTS_A_CLUSTER = 256
_ROUNDS = 25
_POINTS_AT_ONCE = 4096


def k_means(vectors: VectorTable, num_clusters: int, *, seed: int, progress: Progress = silent) -> VectorTable:
    """The centroids of vectors of unit length, themselves of unit length; as many, shape (num_clusters, dimension).

    Learnt from 256 vectors a cluster at most, drawn by the seed, as are the first centroids. A centroid that loses all
    its members stays where it is.

    Args:
        vectors: At least `num_clusters` of them.
        num_clusters: How many.
        seed: Decides the draws.
        progress: Shows rounds done; rounds end when no vector changes its cluster, after 25 at most.
    """
    drawn = np.argsort(row_uniforms(seed, np.arange(len(vectors)), 0), kind="stable")
    centroids = vectors.take(drawn[:num_clusters])
    points = vectors.rows(np.sort(drawn[: _POINTS_A_CLUSTER * num_clusters]))
    members = np.full(len(points), -1)
    with progress("clustering", _ROUNDS, "rounds") as advance:
        for _ in range(_ROUNDS):
            before, members = members, assigned(points, VectorTable.of(centroids))
            if (members == before).all():
                break
            centroids = _means(points, members, centroids)
            advance(1)
    return VectorTable.of(centroids)


def assigned(vectors: VectorTable, centroids: VectorTable) -> Rows:
    """The row of the centroid of the highest cosine for each vector of unit length, int64; ties to the lower row."""
    found = [block.corpus_rows[:, 0] for block in nearest(vectors, centroids, 1)]
    return np.concatenate([np.empty(0, dtype=np.int64), *found])


def _means(points: VectorTable, members: Rows, before: Floats) -> Floats:
    sums = np.zeros(before.shape, dtype=np.float64)
    for start in range(0, len(points), _POINTS_AT_ONCE):
        block = range(start, min(start + _POINTS_AT_ONCE, len(points)))
        np.add.at(sums, members[block], points.take(block).astype(np.float64))
    lengths = np.sqrt(np.vecdot(sums, sums))[:, None]
    means: Floats = np.divide(sums, lengths, out=before.astype(np.float64), where=lengths > 0).astype(np.float32)
    return means
