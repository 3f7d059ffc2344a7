"""What a teacher holds of queries and the texts beside them: one number for each text, on the teacher's own scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from pairforge.engines.scores import ScoreStore
from pairforge.engines.search import Doubles, similarities
from pairforge.engines.vectors import VectorStore
from pairforge.execution.step import StepContext
from pairforge.models import Encoder, PairScorer, Side
from pairforge.steps.pair_scores import OutputOptions, log_odds, positive_output

Similarity = Literal["cosine", "dot"]


@dataclass(frozen=True)
class QueryTexts:
    """Rows of a query and some texts, one text after another.

    Args:
        queries: The query of each text, (texts,).
        texts: The texts, row by row, (texts,).
        counts: How many of them each row has, (rows,).
    """

    queries: pl.Series
    texts: pl.Series
    counts: npt.NDArray[np.int64]

    @classmethod
    def of_lists(cls, rows: pl.DataFrame, query: str, texts: str) -> QueryTexts:
        """Rows whose texts stand in a column of lists, none of them empty."""
        each = rows.select(pl.col(query).alias("query"), pl.col(texts).alias("text")).explode("text")
        return cls(each["query"], each["text"], rows[texts].list.len().cast(pl.Int64).to_numpy())

    @classmethod
    def of_columns(cls, rows: pl.DataFrame, query: str, texts: Sequence[str]) -> QueryTexts:
        """Rows whose texts stand in columns of their own."""
        return cls.of_lists(
            rows.select(pl.col(query).alias("query"), pl.concat_list(*texts).alias("texts")), "query", "texts"
        )

    def by_row(self, values: Doubles) -> pl.Series:
        """A value for each text, as a list for each row."""
        each = pl.DataFrame({"row": np.repeat(np.arange(len(self.counts)), self.counts), "value": values})
        return each.group_by("row", maintain_order=True).agg("value")["value"]


def teacher_logits(asked: QueryTexts, scorer: PairScorer, options: OutputOptions, context: StepContext) -> Doubles:
    """A cross-encoder's log-odds for each text, read after its query, (texts,); of one output, its logit itself.

    Raises:
        ModelError: the model gives NaN, or it is not known which of its outputs is meant.
        OptionsError: the positive label is none of the model's.
    """
    output = positive_output(scorer, options)
    single = len(scorer.labels) == 1
    scale = "logits, the one output" if single else f"log-odds of '{scorer.labels[output]}'"
    context.ledger.note(f"teacher's scores are {scale} of {scorer.spec.name} before any activation, without bounds")
    pairs = list(zip(asked.queries, asked.texts, strict=True))
    context.ledger.count("distinct pairs", len(set(pairs)))
    return log_odds(ScoreStore(context.cache / "scores").logits(scorer, pairs, context.progress), output)


def teacher_similarities(
    asked: QueryTexts, encoder: Encoder, similarity: Similarity, context: StepContext, *, alike: bool = False
) -> Doubles:
    """An encoder's similarity of each text with its query, (texts,): cosines in [-1, 1], or dot products.

    Args:
        asked: Queries and texts.
        encoder: The teacher.
        similarity: Which of the two.
        context: The cache of vectors.
        alike: Whether texts are encoded as queries are: two sentences without a direction.
    """
    number = len(asked.texts)
    wanted = {Side.QUERY: asked.queries.to_list(), Side.DOCUMENT: asked.texts.to_list()}
    if alike:
        wanted = {Side.QUERY: [*asked.queries, *asked.texts]}
    tables = VectorStore(context.cache / "vectors").tables(encoder, wanted, context.progress)
    vectors = {side: table.unit() if similarity == "cosine" else table for side, table in tables.items()}
    first, own = np.arange(number), vectors[Side.QUERY]
    if alike:
        return similarities(own, first, own, first + number).astype(np.float64)
    return similarities(own, first, vectors[Side.DOCUMENT], first).astype(np.float64)
