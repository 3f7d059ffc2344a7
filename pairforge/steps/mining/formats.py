"""The corpus shapes in which mined negatives leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from pairforge.frames import LABELLED_LIST, LABELLED_PAIR, N_TUPLE, SCORED_LIST, TRIPLET, FrameContract
from pairforge.steps.forbidden_rows import NONE
from pairforge.steps.mining.chosen import Chosen
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.mining.retrieval import finder_words

_POSITIVE = -2
_GIVEN = 255


@dataclass(frozen=True)
class Mined:
    """Some pairs and their negatives.

    Args:
        pairs: anchor, positive and what travels with them, a row for each line of `chosen`.
        texts: The corpus' distinct texts.
        chosen: The negatives.
        retrievers: The names of the retrievers that looked for them.
    """

    pairs: pl.DataFrame
    texts: pl.Series
    chosen: Chosen
    retrievers: Sequence[str]

    def finders(self, numbers: npt.NDArray[np.uint8]) -> pl.Series:
        """Who found texts, by these numbers of theirs, in words: "dense", "dense+bm25", "random" …"""
        words = pl.Series([*finder_words(self.retrievers), "given"])
        return words.gather(np.minimum(numbers, len(words) - 1))

    def listed(self, *, with_positive: bool) -> pl.DataFrame:
        """A line for each negative, by pair, the positive before them if wanted.

        Columns: row (of `pairs`), text, label, similarity, retrievers ("given" for the positive).
        """
        first = np.full((self.pairs.height, int(with_positive)), _POSITIVE)
        table = np.hstack((first, self.chosen.negatives))
        rows, places = np.nonzero(table != NONE)
        listed = table[rows, places]
        own = self.chosen.positive_similarities[:, None][:, : first.shape[1]]
        finders = np.hstack((np.full(first.shape, _GIVEN, dtype=np.uint8), self.chosen.finders))
        similarities = np.hstack((own, self.chosen.similarities))
        is_positive = pl.Series(listed == _POSITIVE)
        positives = self.pairs["positive"].gather(rows)
        return pl.DataFrame(
            {
                "row": rows,
                "text": positives.zip_with(is_positive, self.texts.gather(np.maximum(listed, 0))),
                "label": is_positive.cast(pl.Int64),
                "similarity": similarities[rows, places],
                "retrievers": self.finders(finders[rows, places]),
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
    wanted = {"retrievers": options.with_retrievers, "band": bool(options.band)}
    return first, [*(scores if options.with_scores else []), *(name for name in wanted if wanted[name])]


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
        "retrievers",
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
        retrievers=pl.concat_list([mined.finders(numbers) for numbers in mined.chosen.finders.T]),
    )


def _labelled_pairs(mined: Mined) -> pl.DataFrame:
    listed = mined.listed(with_positive=True)
    return listed.select(
        "row",
        mined.pairs["anchor"].gather(listed["row"]).alias("sentence1"),
        pl.col("text").alias("sentence2"),
        "label",
        "similarity",
        "retrievers",
    )


def _labelled_lists(mined: Mined) -> pl.DataFrame:
    lists = (
        mined.listed(with_positive=True)
        .group_by("row", maintain_order=True)
        .agg("text", "label", "similarity", "retrievers")
    )
    return lists.select(
        "row",
        "retrievers",
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
