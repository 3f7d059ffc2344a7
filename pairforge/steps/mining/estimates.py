"""A share estimated from clusters, with an interval that does not take neighbours for independent witnesses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Share:
    """An estimated share with its interval, all in [0, 1]."""

    value: float
    low: float
    high: float


def clustered_share(hits: npt.ArrayLike, sizes: npt.ArrayLike, confidence: float) -> Share | None:
    """The share of hits among all members of clusters drawn at random; None if they have no member.

    The interval is Wilson's, for as many members as would, drawn each by itself, be as sure as these clusters are: by
    the linearised variance between clusters and Student's t (Korn and Graubard 1998). Where nothing varies, each
    cluster counts as one member.

    Args:
        hits: Hits in each cluster, shape (clusters,).
        sizes: Members of each cluster, of the same shape.
        confidence: How often such an interval holds the true share, below 1.
    """
    found, members = np.asarray(hits, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    found, members = found[members > 0], members[members > 0]
    num_clusters, total = len(members), float(members.sum())
    if not num_clusters:
        return None
    share = float(found.sum()) / total
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    if num_clusters == 1:
        return Share(share, *_wilson(share, 1.0, z))
    variance = num_clusters / (num_clusters - 1) * float(((found - share * members) ** 2).sum()) / total**2
    independent = share * (1 - share) / variance if variance > 0 else float(num_clusters)
    return Share(share, *_wilson(share, independent * (z / _student(z, num_clusters - 1)) ** 2, z))


def _wilson(share: float, members: float, z: float) -> tuple[float, float]:
    shrink = 1 + z * z / members
    middle = (share + z * z / (2 * members)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / members + z * z / (4 * members * members))
    return max(0.0, middle - half), min(1.0, middle + half)


def _student(z: float, freedom: int) -> float:
    """Student's quantile from the normal one, by the first terms of its expansion (Fisher and Cornish 1960)."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    correction: float = sum(term / freedom**power for power, term in enumerate(terms, start=1))
    return z + correction
