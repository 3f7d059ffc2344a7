"""The distinct texts of a corpus, and which of them are known to be right for an anchor.

Texts are the same when they are equal after normalisation (`pairforge.text`).
"""

from __future__ import annotations

import polars as pl

from pairforge.errors import FrameError
from pairforge.steps.forbidden_rows import ForbiddenRows, Rows
from pairforge.text import normalised

_ANCHOR = "__anchor"
_POSITIVE = "__positive"
_TEXT = "__text"


def distinct_texts(texts: pl.Series) -> pl.Series:
    """The first of all texts that are the same, in order."""
    frame = texts.alias("text").to_frame()
    return frame.unique(normalised("text"), keep="first", maintain_order=True)["text"]


def numbered(texts: pl.Series) -> tuple[pl.Series, Rows]:
    """The distinct texts, letter by letter, in order of their first appearance, and for each text its place there."""
    given = texts.alias("text").to_frame()
    distinct = given.unique(maintain_order=True)
    places = given.join(distinct.with_row_index("place"), on="text", how="left", maintain_order="left")["place"]
    return distinct["text"], places.cast(pl.Int64).to_numpy()


def known_positives(pairs: pl.DataFrame, texts: pl.Series, judged: pl.DataFrame | None) -> tuple[Rows, ForbiddenRows]:
    """Each pair's group, and for each group the texts that must never be its negatives.

    Pairs whose anchors are the same text are one group. Forbidden are the anchor itself, the positives of all its
    pairs, the anchors of all pairs of which it is the positive, and what `judged` names.

    Args:
        pairs: anchor, positive.
        texts: The corpus' distinct texts.
        judged: What `judged_positives` found, if there are relevance judgements.
    """
    stated = pairs.select(normalised("anchor").alias(_ANCHOR), normalised("positive").alias(_POSITIVE))
    anchors, groups = numbered(stated[_ANCHOR])
    known = [
        stated.select(_ANCHOR, pl.col(_POSITIVE).alias(_TEXT)),
        stated.select(pl.col(_POSITIVE).alias(_ANCHOR), pl.col(_ANCHOR).alias(_TEXT)),
        stated.select(_ANCHOR, pl.col(_ANCHOR).alias(_TEXT)),
        *([] if judged is None else [judged]),
    ]
    corpus = texts.alias("text").to_frame().select(normalised("text").alias(_TEXT)).with_row_index("row")
    named = (
        pl.concat(known)
        .unique()
        .join(anchors.alias(_ANCHOR).to_frame().with_row_index("group"), on=_ANCHOR)
        .join(corpus, on=_TEXT)
    )
    return groups, ForbiddenRows.of(named["group"], named["row"], len(texts))


def judged_positives(pairs: pl.DataFrame, corpus: pl.DataFrame | None, qrels: pl.DataFrame) -> pl.DataFrame:
    """The texts that relevance judgements call relevant (above 0) to an anchor, by its `query_id`; normalised.

    Raises:
        FrameError: `query_id` or `doc_id` is missing, or no judgement fits any pair and document.
    """
    if "query_id" not in pairs.columns:
        raise FrameError(
            "pairs: column 'query_id' is needed beside qrels, but is missing. Add it or leave out --qrels."
        )
    if corpus is None or "doc_id" not in corpus.columns:
        raise FrameError("corpus: column 'doc_id' is needed beside qrels, but is missing. Give it with --corpus.")
    asked = pairs.select(pl.col("query_id").cast(pl.String), normalised("anchor").alias(_ANCHOR)).unique()
    documents = corpus.select(pl.col("doc_id").cast(pl.String), normalised("text").alias(_TEXT))
    found = (
        qrels.filter(pl.col("relevance") > 0)
        .select(pl.col("query_id", "doc_id").cast(pl.String))
        .join(asked, on="query_id")
        .join(documents, on="doc_id")
    )
    if found.is_empty():
        raise FrameError(
            "qrels: not one relevant judgement names a query_id of the pairs and a doc_id of the corpus (they begin "
            f"with {_first(qrels, 'query_id')} and {_first(qrels, 'doc_id')}, pairs with {_first(asked, 'query_id')}, "
            f"the corpus with {_first(documents, 'doc_id')}). Give the files that belong together."
        )
    return found.select(_ANCHOR, _TEXT)


def _first(frame: pl.DataFrame, column: str) -> str:
    return repr(frame[column][0])
