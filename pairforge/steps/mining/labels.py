"""The labels that a column of the user's gives to anchors and to texts of the corpus."""

from __future__ import annotations

import polars as pl

from pairforge.errors import FrameError
from pairforge.steps.mining.collection import Collection
from pairforge.steps.mining.members import Members
from pairforge.steps.mining.relations import SameLabel


def same_label(collection: Collection, column: str, option: str) -> SameLabel:
    """Which texts bear a label of which pairs' anchors.

    An anchor bears the labels of all pairs whose anchor it is, a text those of all rows of the corpus that hold it;
    without a corpus, a positive bears its pair's label. A null is no label.

    Args:
        collection: Pairs and corpus.
        column: Where both have their labels.
        option: The option that named it.

    Raises:
        FrameError: one of them has no such column, or nothing that could be a label in it.
    """
    of_pairs = _labels(collection.pairs, "pairs", column, option)
    of_corpus = None if collection.corpus is None else _labels(collection.corpus, "corpus", column, option)
    of_anchors = pl.DataFrame({"owner": collection.groups, "label": of_pairs})
    of_texts = collection.labels_of_texts(of_pairs, of_corpus)
    labels = pl.concat([of_anchors["label"], of_texts["label"]]).drop_nulls().unique(maintain_order=True)
    numbers = labels.to_frame().with_row_index("number")
    return SameLabel(
        collection.groups,
        _members(of_anchors, numbers, collection.num_groups),
        _members(of_texts, numbers, len(collection.texts)),
    )


def _labels(frame: pl.DataFrame, role: str, column: str, option: str) -> pl.Series:
    if column not in frame.columns:
        raise FrameError(
            f"{role}: column '{column}', named as {option}, is missing (found: {', '.join(frame.columns)}). "
            "Name one that pairs and corpus both have."
        )
    values = frame[column]
    empty = values.null_count() == len(values)
    if empty or values.dtype.is_nested():
        held = "nothing but nulls" if empty else f"values of type {values.dtype}"
        raise FrameError(
            f"{role}: column '{column}', named as {option}, should hold words or numbers, but it holds {held}. "
            "Name another one."
        )
    return values.cast(pl.String).alias("label")


def _members(borne: pl.DataFrame, numbers: pl.DataFrame, num_owners: int) -> Members:
    named = borne.join(numbers, on="label")
    return Members.of(named["owner"], named["number"], num_owners)
