"""The distinct texts of a corpus, and which of them are known to be right for an anchor.

Texts are the same when they are equal after normalisation (`pairforge.text`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pairforge.errors import FrameError
from pairforge.steps.forbidden_rows import ForbiddenRows, Rows
from pairforge.text import normalised

_ANCHOR = "__anchor"
_POSITIVE = "__positive"
_TEXT = "__text"


@dataclass(frozen=True)
class Texts:
    """A corpus' distinct texts.

    Args:
        texts: The first of all that are the same, in order.
        forms: What each is after normalisation.
    """

    texts: pl.Series
    forms: pl.Series

    @classmethod
    def of(cls, texts: pl.Series, forms: pl.Series) -> Texts:
        """The distinct ones of these texts with these normal forms."""
        frame = pl.DataFrame({"text": texts, "form": forms})
        distinct = frame.unique("form", keep="first", maintain_order=True)
        return cls(distinct["text"], distinct["form"])


def normal_forms(pairs: pl.DataFrame) -> pl.DataFrame:
    """Anchors and positives after normalisation, for the functions below."""
    return pairs.select(normalised("anchor").alias(_ANCHOR), normalised("positive").alias(_POSITIVE))


def distinct_texts(pairs: pl.DataFrame, forms: pl.DataFrame, corpus: pl.DataFrame | None) -> Texts:
    """The corpus' distinct texts; without a corpus, those of the pairs' positives."""
    if corpus is None:
        return Texts.of(pairs["positive"], forms[_POSITIVE])
    return Texts.of(corpus["text"], corpus.select(normalised("text"))["text"])


def numbered(texts: pl.Series) -> tuple[pl.Series, Rows]:
    """The distinct texts, letter by letter, in order of their first appearance, and for each text its place there."""
    given = texts.alias("text").to_frame()
    distinct = given.unique(maintain_order=True)
    places = given.join(distinct.with_row_index("place"), on="text", how="left", maintain_order="left")["place"]
    return distinct["text"], places.cast(pl.Int64).to_numpy()


def known_positives(forms: pl.DataFrame, texts: Texts, judged: pl.DataFrame | None) -> tuple[Rows, ForbiddenRows]:
    """Each pair's group, and for each group the texts that must never be its negatives.

    Pairs whose anchors are the same text are one group. Forbidden are the anchor itself, the positives of all its
    pairs, the anchors of all pairs of which it is the positive, and what `judged` names.

    Args:
        forms: The pairs' normal forms.
        texts: The corpus' distinct texts.
        judged: What `judged_positives` found, if there are relevance judgements.
    """
    anchors, groups = numbered(forms[_ANCHOR])
    known = [
        forms.select(_ANCHOR, pl.col(_POSITIVE).alias(_TEXT)),
        forms.select(pl.col(_POSITIVE).alias(_ANCHOR), pl.col(_ANCHOR).alias(_TEXT)),
        forms.select(_ANCHOR, pl.col(_ANCHOR).alias(_TEXT)),
        *([] if judged is None else [judged]),
    ]
    named = (
        pl.concat(known)
        .join(anchors.alias(_ANCHOR).to_frame().with_row_index("group"), on=_ANCHOR)
        .join(texts.forms.alias(_TEXT).to_frame().with_row_index("row"), on=_TEXT)
    )
    return groups, ForbiddenRows.of(named["group"], named["row"], len(texts.texts))


def judged_positives(
    pairs: pl.DataFrame, forms: pl.DataFrame, corpus: pl.DataFrame | None, qrels: pl.DataFrame
) -> pl.DataFrame:
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
    asked = pairs.select(pl.col("query_id").cast(pl.String), forms[_ANCHOR]).unique(maintain_order=True)
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
