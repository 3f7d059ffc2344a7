"""What scikit-learn makes of texts' vectors: a classifier learnt from few of them, and clusters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from pairforge.models import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Features: TypeAlias = "Floats | csr_array"
"""A row a text, shape (texts, dimension)."""
Codes = npt.NDArray[np.int64]

_LARGEST_ITERATIONS = 100
_CLUSTERED_AT_ONCE = 512


def classified(known: Features, classes: Codes, asked: Features) -> Codes:
    """The class of each of some texts, by a logistic regression as mteb's probes fit it: 100 iterations at most.

    Args:
        known: Vectors whose class is known.
        classes: Their classes, two or more, shape (rows of known,).
        asked: Vectors to be classified.
    """
    with _unfinished_allowed():
        learnt = LogisticRegression(max_iter=_LARGEST_ITERATIONS).fit(_readable(known), classes)
        found: Codes = learnt.predict(_readable(asked))
    return found


def clusters(vectors: Features, number: int, samples: Sequence[Sequence[int]], *, seed: int) -> Iterator[Codes]:
    """The clusters of some samples of rows, as mteb finds them: k-means by mini-batches of 512, started once.

    Args:
        vectors: Vectors of all rows.
        number: How many clusters.
        samples: Rows of each sample, at least `number`; a row may stand in it several times.
        seed: Decides the first centroids and the batches; each sample starts from it anew.

    Yields:
        Of each sample, the cluster of each of its rows, from 0.
    """
    model = MiniBatchKMeans(
        n_clusters=number, batch_size=_CLUSTERED_AT_ONCE, init="k-means++", n_init=1, random_state=seed
    )
    for sample in samples:
        with _unfinished_allowed():
            found: Codes = model.fit_predict(_readable(vectors[np.asarray(sample)])).astype(np.int64)
        yield found


def _readable(vectors: Features) -> Features:
    if isinstance(vectors, np.ndarray):
        return vectors
    # scikit-learn refuses places of 64 bits in sparse rows.
    places = [held.astype(np.int32) for held in (vectors.indices, vectors.indptr)]
    return type(vectors)((vectors.data, *places), shape=vectors.shape)


@contextmanager
def _unfinished_allowed() -> Iterator[None]:
    # mteb takes what 100 iterations give, and fewer clusters where vectors are alike.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
