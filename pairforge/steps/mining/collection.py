"""The pairs and the distinct texts of a corpus, and which of these are known to be right for an anchor.

Texts are the same when they are equal after normalisation (`pairforge.text`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from pairforge.errors import FrameError
from pairforge.steps.forbidden_rows import ForbiddenRows, Rows
from pairforge.steps.mining.members import Members
from pairforge.text import normalised

_ANCHOR = "__anchor"
_POSITIVE = "__positive"
_TEXT = "__text"


@dataclass(frozen=True)
class Collection:
    """Pairs, the distinct texts that may serve them, and what is known of both.

    Args:
        pairs: anchor, positive and what else the user gave.
        corpus: text and what else the user gave; None where the pairs' positives are the corpus.
        texts: The corpus' distinct texts, of equal ones the first, in order.
        groups: Each pair's group: pairs whose anchors are the same text are one.
        forbidden: The texts that must never be a group's negatives: its anchor and what is right for it.
        forms: What the pairs' anchors and positives are after normalisation.
        text_forms: What the distinct texts are after normalisation.
        right: group, text (normalised): what is right for a group, whether the corpus has it or not.
    """

    pairs: pl.DataFrame
    corpus: pl.DataFrame | None
    texts: pl.Series
    groups: Rows
    forbidden: ForbiddenRows
    forms: pl.DataFrame
    text_forms: pl.Series
    right: pl.DataFrame

    @classmethod
    def of(cls, pairs: pl.DataFrame, corpus: pl.DataFrame | None, qrels: pl.DataFrame | None) -> Collection:
        """Close what is known: see `known` below; arguments as those of `mine_negatives`.

        Raises:
            FrameError: the relevance judgements fit nothing.
        """
        forms = pairs.select(normalised("anchor").alias(_ANCHOR), normalised("positive").alias(_POSITIVE))
        texts, text_forms = _distinct_texts(pairs, forms, corpus)
        judged = [] if qrels is None else [_judged_positives(pairs, forms, corpus, qrels)]
        anchors, groups = numbered(forms[_ANCHOR])
        group_of = anchors.alias(_ANCHOR).to_frame().with_row_index("group")
        right = pl.concat([*_right_for(forms), *judged]).join(group_of, on=_ANCHOR).select("group", _TEXT)
        itself = group_of.select("group", pl.col(_ANCHOR).alias(_TEXT))
        row_of = text_forms.alias(_TEXT).to_frame().with_row_index("row")
        named = pl.concat([right, itself]).join(row_of, on=_TEXT)
        forbidden = ForbiddenRows.of(named["group"], named["row"], len(texts))
        return cls(pairs, corpus, texts, groups, forbidden, forms, text_forms, right)

    @cached_property
    def anchors(self) -> tuple[pl.Series, Rows]:
        """The distinct anchors, letter by letter, and each pair's place among them."""
        return numbered(self.pairs["anchor"])

    @property
    def num_groups(self) -> int:
        """Distinct anchors."""
        return int(self.groups.max(initial=-1)) + 1

    def right_texts(self) -> tuple[pl.Series, Members]:
        """The distinct texts that are right for some group, and for each group its rows of them."""
        written = [
            pl.DataFrame({_TEXT: self.forms[_POSITIVE], "text": self.pairs["positive"]}),
            pl.DataFrame({_TEXT: self.forms[_ANCHOR], "text": self.pairs["anchor"]}),
            pl.DataFrame({_TEXT: self.text_forms, "text": self.texts}),
        ]
        first_written = pl.concat(written).unique(_TEXT, keep="first", maintain_order=True)
        distinct = self.right.select(_TEXT).unique(maintain_order=True)
        named = distinct.join(first_written, on=_TEXT, how="left", maintain_order="left").with_row_index("row")
        rows = self.right.join(named, on=_TEXT)
        return named["text"], Members.of(rows["group"], rows["row"], self.num_groups)

    def labels_of_texts(self, of_pairs: pl.Series, of_corpus: pl.Series | None) -> pl.DataFrame:
        """owner (row of `texts`) and label: those of all rows of the corpus, or of all positives, that hold a text."""
        if self.corpus is None or of_corpus is None:
            borne = pl.DataFrame({_TEXT: self.forms[_POSITIVE], "label": of_pairs})
        else:
            borne = self.corpus.select(normalised("text").alias(_TEXT), of_corpus.alias("label"))
        owners = self.text_forms.alias(_TEXT).to_frame().with_row_index("owner")
        return borne.join(owners, on=_TEXT).select("owner", "label")


def numbered(texts: pl.Series) -> tuple[pl.Series, Rows]:
    """The distinct texts, letter by letter, in order of their first appearance, and for each text its place there."""
    given = texts.alias("text").to_frame()
    distinct = given.unique(maintain_order=True)
    places = given.join(distinct.with_row_index("place"), on="text", how="left", maintain_order="left")["place"]
    return distinct["text"], places.cast(pl.Int64).to_numpy()


def _distinct_texts(
    pairs: pl.DataFrame, forms: pl.DataFrame, corpus: pl.DataFrame | None
) -> tuple[pl.Series, pl.Series]:
    if corpus is None:
        given = pl.DataFrame({"text": pairs["positive"], "form": forms[_POSITIVE]})
    else:
        given = corpus.select("text", normalised("text").alias("form"))
    distinct = given.unique("form", keep="first", maintain_order=True)
    return distinct["text"], distinct["form"]


def _right_for(forms: pl.DataFrame) -> list[pl.DataFrame]:
    """Anchors and what is right for them: the positives of their pairs, and the anchors of which they are positives."""
    return [
        forms.select(_ANCHOR, pl.col(_POSITIVE).alias(_TEXT)),
        forms.select(pl.col(_POSITIVE).alias(_ANCHOR), pl.col(_ANCHOR).alias(_TEXT)),
    ]


def _judged_positives(
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
    found = _relevant(qrels).join(asked, on="query_id").join(documents, on="doc_id")
    if found.is_empty():
        raise FrameError(
            "qrels: not one relevant judgement names a query_id of the pairs and a doc_id of the corpus (they begin "
            f"with {_first(qrels, 'query_id')} and {_first(qrels, 'doc_id')}, pairs with {_first(asked, 'query_id')}, "
            f"the corpus with {_first(documents, 'doc_id')}). Give the files that belong together."
        )
    return found.select(_ANCHOR, _TEXT)


def unknown_judgements(collection: Collection, qrels: pl.DataFrame | None) -> str | None:
    """A sentence about relevant judgements that protect nothing, for what they name is not there; None if all do.

    Args:
        collection: The pairs and the corpus.
        qrels: Relevance judgements that fit some of them.
    """
    if qrels is None or collection.corpus is None:
        return None
    relevant = _relevant(qrels)
    named = {"query_id": collection.pairs, "doc_id": collection.corpus}
    strange = {
        name: relevant.height - relevant.join(frame.select(pl.col(name).cast(pl.String)), on=name, how="semi").height
        for name, frame in named.items()
    }
    if not any(strange.values()):
        return None
    return (
        f"of {relevant.height:,} relevant judgements, {strange['query_id']:,} name a query_id that no pair has and "
        f"{strange['doc_id']:,} a doc_id that the corpus lacks; these protect nothing"
    )


def _relevant(qrels: pl.DataFrame) -> pl.DataFrame:
    return qrels.filter(pl.col("relevance") > 0).select(pl.col("query_id", "doc_id").cast(pl.String))


def _first(frame: pl.DataFrame, column: str) -> str:
    return repr(frame[column][0])
