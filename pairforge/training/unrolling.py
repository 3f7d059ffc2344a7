"""Tuples and lists as the losses of cross-encoders read them: as pairs, or all as lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from pairforge.errors import FrameError
from pairforge.frames import (
    LABELLED_LIST,
    LABELLED_PAIR,
    N_TUPLE,
    SCORED_LIST,
    SCORED_N_TUPLE,
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
    _refuse_grades(pairs.to_series(2))
    return training_view(made.check(pairs, "corpus"), made), made


def listed(corpus: pl.DataFrame, shape: FrameContract) -> tuple[pl.DataFrame, FrameContract]:
    """The corpus as queries with lists of documents and of scores, and their shape.

    An anchor's positive has the score 1 and its negatives 0, unless a teacher's scores stand beside them.

    Args:
        corpus: Lists with labels or scores, n-tuples with or without scores, or triplets.
        shape: Their shape.

    Raises:
        FrameError: a list's labels or scores are not as many as its documents, or a list is empty.
    """
    rows = training_view(corpus, shape)
    if shape in (LABELLED_LIST, SCORED_LIST):
        query, documents, truth = rows.columns
        _refuse_uneven(rows, documents, truth)
        return _as_list(rows, query, pl.col(documents), pl.col(truth).cast(pl.List(pl.Float64))), SCORED_LIST
    if shape is SCORED_N_TUPLE:
        rows, _ = scored_tuples(corpus, shape)
        anchor, *candidates, scores = rows.columns
        return _as_list(rows, anchor, pl.concat_list(candidates), pl.col(scores)), SCORED_LIST
    anchor, *candidates = rows.columns
    scored = pl.lit([1.0] + [0.0] * (len(candidates) - 1))
    return _as_list(rows, anchor, pl.concat_list(candidates), scored), SCORED_LIST


def scored_tuples(corpus: pl.DataFrame, shape: FrameContract) -> tuple[pl.DataFrame, FrameContract]:
    """The shape's own columns, of n-tuples with a score for the positive and for each negative.

    Args:
        corpus: N-tuples with scores; other shapes have nothing to be looked at.
        shape: Their shape.

    Raises:
        FrameError: a row's scores are not as many as its texts after the anchor.
    """
    rows = training_view(corpus, shape)
    if shape is SCORED_N_TUPLE:
        wanted = len(rows.columns) - 2
        uneven = (rows["scores"].list.len() != wanted).arg_true()
        if len(uneven):
            row = int(uneven[0])
            raise FrameError(
                f"corpus: row {row + 1} has {len(rows['scores'][row]):,} scores; give {wanted}, of the positive and "
                "of each negative in their order, as distil-scores --to n-tuple does."
            )
    return rows, shape


def _as_list(rows: pl.DataFrame, query: str, documents: pl.Expr, scores: pl.Expr) -> pl.DataFrame:
    return rows.select(pl.col(query).alias("query"), documents.alias("documents"), scores.alias("scores"))


def _refuse_grades(truth: pl.Series) -> None:
    low, high = float(truth.min() or 0), float(truth.max() or 0)  # type: ignore[arg-type] # of numbers
    if low < 0 or high > 1:
        raise FrameError(
            f"corpus: its {truth.name}s run from {low:g} to {high:g}, but one output's sigmoid lies between 0 and 1; "
            "scale them, or name a loss that reads grades, as --loss lambda."
        )


def _refuse_uneven(lists: pl.DataFrame, documents: str, truth: str) -> None:
    lengths = lists[documents].list.len()
    uneven = ((lengths != lists[truth].list.len()) | (lengths == 0)).arg_true()
    if len(uneven):
        row = int(uneven[0])
        found = " and ".join(f"{len(lists[name][row]):,} {name}" for name in (documents, truth))
        raise FrameError(f"corpus: row {row + 1} has {found}; give one for each, and one at least.")


def _from_tuples(tuples: pl.DataFrame) -> pl.DataFrame:
    anchor, positive, *negatives = tuples.columns
    return pl.concat(
        tuples.select(sentence1=anchor, sentence2=other, label=pl.lit(int(other == positive)))
        for other in (positive, *negatives)
    )


def _from_lists(lists: pl.DataFrame) -> pl.DataFrame:
    query, documents, truth = lists.columns
    _refuse_uneven(lists, documents, truth)
    pairs = lists.explode(documents, truth)
    return pairs.select(sentence1=query, sentence2=documents, **{truth.removesuffix("s"): truth})


_UNROLLERS: Mapping[FrameContract, tuple[Callable[[pl.DataFrame], pl.DataFrame], FrameContract]] = {
    N_TUPLE: (_from_tuples, LABELLED_PAIR),
    TRIPLET: (_from_tuples, LABELLED_PAIR),
    LABELLED_LIST: (_from_lists, LABELLED_PAIR),
    SCORED_LIST: (_from_lists, SCORED_PAIR),
}
