"""Pair queries with the documents that are judged relevant to them: training data from a retrieval set."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field

from pairforge.errors import FrameError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import Input, Step, StepContext, StepOptions
from pairforge.frames import CORPUS, PAIR, QRELS, QUERIES


class PairJudgedOptions(StepOptions):
    """Options of pair-judged."""

    split: Annotated[
        str | None,
        Field(min_length=1, description="Only judgements of this split, by the column 'split' of the judgements."),
    ] = None
    min_relevance: Annotated[int, Field(ge=1, description="Least relevance of a positive.")] = 1
    with_title: Annotated[
        bool, Field(description="Put a document's title before its text, as BEIR does, where the corpus has titles.")
    ] = True


_DEFAULTS = PairJudgedOptions()


def pair_judged(
    qrels: pl.DataFrame,
    queries: pl.DataFrame,
    corpus: pl.DataFrame,
    *,
    options: PairJudgedOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """A pair for each judgement that calls a document relevant to a query, in the order of the judgements.

    Args:
        qrels: query_id, doc_id, relevance; split where a split is asked for.
        queries: query_id, text.
        corpus: doc_id, text, and title where there are titles.
        options: Which judgements count.
        context: Where judgements that make no pair are counted.

    Returns:
        anchor, positive, query_id, doc_id, relevance.

    Raises:
        FrameError: a column is missing, there is no such split, ids stand twice, or no judgement is left.
    """
    ledger = (context or StepContext()).ledger
    judged = _of_split(qrels, options.split, ledger)
    relevant = judged.filter(pl.col("relevance") >= options.min_relevance)
    ledger.drop("judged_less_relevant", judged.height - relevant.height)
    asked = _by_id(queries, "query_id", "queries", pl.col("text")).rename({"text": "anchor"})
    held = _by_id(corpus, "doc_id", "corpus", _document(corpus, options.with_title)).rename({"text": "positive"})
    known = relevant.select(pl.col("query_id", "doc_id").cast(pl.String), "relevance")
    with_query = known.join(asked, on="query_id", maintain_order="left")
    pairs = with_query.join(held, on="doc_id", maintain_order="left")
    ledger.drop("unknown_query", known.height - with_query.height)
    ledger.drop("unknown_document", with_query.height - pairs.height)
    if pairs.is_empty():
        raise FrameError(
            f"qrels: not one of {judged.height:,} judgements names a query of the queries and a document of the corpus "
            f"with a relevance of {options.min_relevance} or more. Give the files that belong together, or lower "
            "--min-relevance."
        )
    return pairs.select("anchor", "positive", "query_id", "doc_id", "relevance")


def _of_split(qrels: pl.DataFrame, split: str | None, ledger: Ledger) -> pl.DataFrame:
    if split is None:
        return qrels
    if "split" not in qrels.columns:
        raise FrameError(f"qrels: column 'split' is needed for --split {split}, but is missing. Leave --split out.")
    chosen = qrels.filter(pl.col("split").cast(pl.String) == split)
    if chosen.is_empty():
        found = ", ".join(sorted({str(name) for name in qrels["split"]})[:5])
        raise FrameError(f"qrels: has no split '{split}' (found: {found}). Name one of these with --split.")
    ledger.drop("other_split", qrels.height - chosen.height)
    return chosen


def _document(corpus: pl.DataFrame, with_title: bool) -> pl.Expr:
    if not with_title or "title" not in corpus.columns:
        return pl.col("text")
    return (pl.col("title").fill_null("") + " " + pl.col("text")).str.strip_chars().alias("text")


def _by_id(frame: pl.DataFrame, name: str, place: str, text: pl.Expr) -> pl.DataFrame:
    if name not in frame.columns:
        raise FrameError(f"{place}: column '{name}' is missing (found: {', '.join(frame.columns)}). Add it.")
    found = frame.select(pl.col(name).cast(pl.String), text)
    if found[name].is_duplicated().any():
        twice = found.filter(found[name].is_duplicated())[name][0]
        raise FrameError(f"{place}: {name} {twice!r} stands in more than one row. Give each text an id of its own.")
    return found


STEP = Step(
    name="pair-judged",
    run=pair_judged,
    options=PairJudgedOptions,
    inputs={
        "qrels": Input("Relevance judgements.", (QRELS,)),
        "queries": Input("The queries that they name.", (QUERIES,)),
        "corpus": Input("The documents that they name.", (CORPUS,)),
    },
    outputs=lambda options: {"pairs": PAIR},
    suffix="pairs",
)
