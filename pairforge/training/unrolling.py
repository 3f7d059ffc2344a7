"""Tuples and lists as what a cross-encoder reads: two texts, and a label or score."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from pairforge.errors import FrameError
from pairforge.frames import (
    LABELLED_LIST,
    LABELLED_PAIR,
    N_TUPLE,
    SCORED_LIST,
    SCORED_PAIR,
    TRIPLET,
    FrameContract,
    training_view,
)


def unrolled(corpus: pl.DataFrame, shape: FrameContract) -> tuple[pl.DataFrame, FrameContract]:
    """The corpus as rows of two texts and a label or score, and their shape; other shapes stay as they are.

    An anchor with its positive has label 1, with a negative label 0; each document of a list has its own label or
    score. Equal pairs become one: the first, a positive before a negative.

    Args:
        corpus: Rows that meet the contract of `shape`.
        shape: Their shape.

    Raises:
        FrameError: a list's labels are not as many as its documents, or not between 0 and 1.
    """
    if shape not in _UNROLLERS:
        return training_view(corpus, shape), shape
    unroll, made = _UNROLLERS[shape]
    pairs = unroll(training_view(corpus, shape)).unique(["sentence1", "sentence2"], keep="first", maintain_order=True)
    return training_view(made.check(pairs, "corpus"), made), made


def _from_tuples(tuples: pl.DataFrame) -> pl.DataFrame:
    anchor, positive, *negatives = tuples.columns
    return pl.concat(
        tuples.select(sentence1=anchor, sentence2=other, label=pl.lit(int(other == positive)))
        for other in (positive, *negatives)
    )


def _from_lists(lists: pl.DataFrame) -> pl.DataFrame:
    query, documents, truth = lists.columns
    uneven = (lists[documents].list.len() != lists[truth].list.len()).arg_true()
    if len(uneven):
        found = " and ".join(f"{len(lists[name][int(uneven[0])]):,} {name}" for name in (documents, truth))
        raise FrameError(f"corpus: row {int(uneven[0]) + 1} has {found}; give one for each.")
    pairs = lists.explode(documents, truth)
    return pairs.select(sentence1=query, sentence2=documents, **{truth.removesuffix("s"): truth})


_UNROLLERS: Mapping[FrameContract, tuple[Callable[[pl.DataFrame], pl.DataFrame], FrameContract]] = {
    N_TUPLE: (_from_tuples, LABELLED_PAIR),
    TRIPLET: (_from_tuples, LABELLED_PAIR),
    LABELLED_LIST: (_from_lists, LABELLED_PAIR),
    SCORED_LIST: (_from_lists, SCORED_PAIR),
}
