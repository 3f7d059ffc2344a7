"""How close each model holds the texts of pairs to be: an encoder by its vectors, a cross-encoder by its scores."""

from __future__ import annotations

import polars as pl

from pairforge.agreement import Array
from pairforge.errors import ModelError
from pairforge.evaluation.sts import pair_similarities
from pairforge.execution.step import StepContext
from pairforge.models import Encoder, PairScorer, Side
from pairforge.steps.pair_scores import HeadOptions, choose_head, pair_scores


def closeness(
    model: Encoder | PairScorer, pairs: pl.DataFrame, *, task: str, head: HeadOptions, context: StepContext
) -> dict[str, Array]:
    """By name, how close the model holds each pair to be, shape (rows,); the most usual way first.

    An encoder is asked for the cosine, the dot product, and the negative Euclidean and Manhattan distances of its
    vectors, both texts encoded on the query side; a cross-encoder for its score in [0, 1]. A way that gives all pairs
    the same number is left out and noted.

    Args:
        model: The model.
        pairs: sentence1 and sentence2.
        task: What the pairs are called, for errors and notes.
        head: How a cross-encoder's outputs become a score.
        context: Caches, ledger and progress.

    Raises:
        ModelError: it gives NaN, or all pairs the same number in its most usual way, or its head cannot be read.
    """
    found = (
        _scores(model, pairs, head, context) if isinstance(model, PairScorer) else _similarities(model, pairs, context)
    )
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


def _scores(scorer: PairScorer, pairs: pl.DataFrame, options: HeadOptions, context: StepContext) -> dict[str, Array]:
    from pairforge.engines.scores import ScoreStore  # noqa: PLC0415 - the record needs no engine

    head = choose_head(scorer, options)
    context.ledger.note(f"{scorer.spec.name}: {head.sentence}")
    texts = list(zip(pairs["sentence1"], pairs["sentence2"], strict=True))
    logits = ScoreStore(context.cache / "scores").logits(scorer, texts, context.progress)
    return {"score": pair_scores(logits, head)}
