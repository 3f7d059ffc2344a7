"""How close each model holds the texts of pairs to be."""

from __future__ import annotations

import polars as pl

from pairforge.agreement import Array
from pairforge.errors import ModelError
from pairforge.evaluation.sts import pair_similarities
from pairforge.execution.step import StepContext
from pairforge.models import Encoder, Side


def closeness(model: Encoder, pairs: pl.DataFrame, task: str, context: StepContext) -> dict[str, Array]:
    """By name, how close the model holds each pair to be, shape (rows,); the most usual way first.

    An encoder is asked for the cosine, the dot product, and the negative Euclidean and Manhattan distances of its
    vectors, both texts encoded on the query side. A way that gives all pairs the same number is left out and noted.

    Raises:
        ModelError: it gives NaN, or all pairs the same number in its most usual way.
    """
    found = _similarities(model, pairs, context)
    usual = next(iter(found))
    constant = [name for name, numbers in found.items() if numbers.min() == numbers.max()]
    if usual in constant:
        raise ModelError(f"{model.spec.name}: gives every pair of {task} the same {usual}; it tells no texts apart.")
    for name in constant:
        context.ledger.note(f"{model.spec.name}: gives every pair of {task} the same {name} similarity; left out.")
    return {name: numbers for name, numbers in found.items() if name not in constant}


def _similarities(encoder: Encoder, pairs: pl.DataFrame, context: StepContext) -> dict[str, Array]:
    from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - the record needs no engine

    texts = [*pairs["sentence1"], *pairs["sentence2"]]
    store = VectorStore(context.cache / "vectors")
    table = store.tables(encoder, {Side.QUERY: texts}, context.progress)[Side.QUERY]
    return pair_similarities(table, range(pairs.height), range(pairs.height, len(texts)))
