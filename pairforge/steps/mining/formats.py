"""The corpus shapes in which mined negatives leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pairforge.frames import LABELLED_LIST, LABELLED_PAIR, N_TUPLE, SCORED_LIST, TRIPLET, FrameContract
from pairforge.steps.forbidden_rows import NONE
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.mining.selection import Chosen

_POSITIVE = -2


@dataclass(frozen=True)
class Mined:
    """Some pairs and their negatives.

    Args:
        pairs: anchor, positive and what travels with them, a row for each line of `chosen`.
        texts: The corpus' distinct texts.
        chosen: The negatives.
    """

    pairs: pl.DataFrame
    texts: pl.Series
    chosen: Chosen

    def listed(self, *, with_positive: bool) -> pl.DataFrame:
        """A line for each negative, by pair: row (of `pairs`), text, label, similarity; the positive before them."""
        first = np.full((self.pairs.height, int(with_positive)), _POSITIVE)
        table = np.hstack((first, self.chosen.negatives))
        rows, places = np.nonzero(table != NONE)
        listed = table[rows, places]
        own = self.chosen.positive_similarities[:, None][:, : first.shape[1]]
        similarities = np.hstack((own, self.chosen.similarities))
        is_positive = pl.Series(listed == _POSITIVE)
        positives = self.pairs["positive"].gather(rows)
        return pl.DataFrame(
            {
                "row": rows,
                "text": positives.zip_with(is_positive, self.texts.gather(np.maximum(listed, 0))),
                "label": is_positive.cast(pl.Int64),
                "similarity": similarities[rows, places],
            }
        )


def contract_of(options: MineNegativesOptions) -> FrameContract:
    """The shape that these options make."""
    if options.output_format == "labelled-list":
        return SCORED_LIST if options.with_scores else LABELLED_LIST
    return {"triplet": TRIPLET, "n-tuple": N_TUPLE, "labelled-pair": LABELLED_PAIR}[options.output_format]


def columns_of(options: MineNegativesOptions) -> tuple[list[str], list[str]]:
    """The columns that stand before those that travel along, and those behind them."""
    numbers = range(1, options.num_negatives + 1)
    first, scores = {
        "triplet": (["anchor", "positive", "negative"], ["positive_similarity", "negative_similarity"]),
        "n-tuple": (
            ["anchor", "positive", *(f"negative_{number}" for number in numbers)],
            ["positive_similarity", "negative_similarities"],
        ),
        "labelled-pair": (["sentence1", "sentence2", "label"], ["similarity"]),
        "labelled-list": (["query", "documents", "scores" if options.with_scores else "labels"], []),
    }[options.output_format]
    return first, [*(scores if options.with_scores else []), *(["band"] if options.band else [])]


def in_format(mined: Mined, extra: Sequence[str], options: MineNegativesOptions) -> pl.DataFrame:
    """Pairs and negatives in the shape asked for, the columns that travel along after the shape's own.

    A format of several rows a pair keeps the pairs' order, and within a pair the negatives'.
    """
    first, last = columns_of(options)
    made = _FORMATS[options.output_format](mined)
    if options.band:
        bands = pl.Series(options.band).gather(mined.chosen.bands)
        made = made.with_columns(band=bands.gather(made["row"]))
    # Side by side, not joined: a column that travels may bear the name of one that is not written this time.
    parts = [made.select(first), mined.pairs[made["row"]].select(extra), made.select(last)]
    return pl.concat([part for part in parts if part.width], how="horizontal")


def _triplets(mined: Mined) -> pl.DataFrame:
    listed = mined.listed(with_positive=False)
    return listed.select(
        "row",
        mined.pairs["anchor"].gather(listed["row"]).alias("anchor"),
        mined.pairs["positive"].gather(listed["row"]).alias("positive"),
        pl.col("text").alias("negative"),
        pl.Series("positive_similarity", mined.chosen.positive_similarities).gather(listed["row"]),
        pl.col("similarity").alias("negative_similarity"),
    )


def _n_tuples(mined: Mined) -> pl.DataFrame:
    texts = {f"negative_{place + 1}": mined.texts.gather(rows) for place, rows in enumerate(mined.chosen.negatives.T)}
    return mined.pairs.select(
        pl.int_range(pl.len()).alias("row"),
        "anchor",
        "positive",
        **texts,
        positive_similarity=pl.Series(mined.chosen.positive_similarities),
        negative_similarities=pl.Series(mined.chosen.similarities).arr.to_list(),
    )


def _labelled_pairs(mined: Mined) -> pl.DataFrame:
    listed = mined.listed(with_positive=True)
    return listed.select(
        "row",
        mined.pairs["anchor"].gather(listed["row"]).alias("sentence1"),
        pl.col("text").alias("sentence2"),
        "label",
        "similarity",
    )


def _labelled_lists(mined: Mined) -> pl.DataFrame:
    lists = mined.listed(with_positive=True).group_by("row", maintain_order=True).agg("text", "label", "similarity")
    return lists.select(
        "row",
        mined.pairs["anchor"].alias("query"),
        pl.col("text").alias("documents"),
        pl.col("label").alias("labels"),
        pl.col("similarity").cast(pl.List(pl.Float64)).alias("scores"),
    )


_FORMATS: Mapping[str, Callable[[Mined], pl.DataFrame]] = {
    "triplet": _triplets,
    "n-tuple": _n_tuples,
    "labelled-pair": _labelled_pairs,
    "labelled-list": _labelled_lists,
}
