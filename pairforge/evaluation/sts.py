"""How close a model holds texts to be, from its vectors: of pairs, and of queries and documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from pairforge.agreement import Array
from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder
from pairforge.engines.tables import VectorTable
from pairforge.evaluation.shrinking.quantised import unit
from pairforge.models import Floats, ModelSpec

Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]
SIMILARITIES: tuple[Similarity, ...] = ("cosine", "dot", "euclidean", "manhattan")

_BLOCK_ROWS = 4096


def own_similarity(spec: ModelSpec) -> Similarity:
    """How the model's files say that its vectors are to be compared; the cosine where they do not say."""
    if spec.path is None or not spec.path.is_dir() or spec.method is not None:
        return "cosine"
    named = ModelConfiguration(model_folder(spec)).similarity
    return next((similarity for similarity in SIMILARITIES if similarity == named), "cosine")


def similarity_to(documents: Floats, similarity: Similarity) -> Callable[[Floats], Floats]:
    """What compares queries with these documents; higher is closer.

    Args:
        documents: Their vectors as the model gives them, shape (documents, dimension).
        similarity: How.

    Returns:
        Vectors of queries, shape (queries, dimension) → float32, shape (queries, documents).
    """
    if similarity == "cosine":
        targets = unit(documents)
        return lambda queries: unit(queries) @ targets.T
    if similarity == "dot":
        return lambda queries: queries @ documents.T
    metric = {"euclidean": "euclidean", "manhattan": "cityblock"}[similarity]

    def distances(queries: Floats) -> Floats:
        from scipy.spatial.distance import cdist  # noqa: PLC0415 - few models want it

        found: Floats = -cdist(queries, documents, metric).astype(np.float32)
        return found

    return distances


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
