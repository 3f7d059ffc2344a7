"""Cut a corpus into sides that share no text, so that what is judged on one was never seen on another.

Rows that share a text hang together, and with them all that hang together with these; such a group goes to one side as
a whole. Rows of the same entity or source do so too, where a column names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from pairforge.engines.search import Rows
from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import Input, Outputs, SeededOptions, Step, StepContext
from pairforge.frames import ANY_CORPUS, TEXT_BEARING_SHAPES
from pairforge.randomness import row_uniforms
from pairforge.steps.row_texts import normalised_texts

_NEAR_ENOUGH = 0.9
"""The share of a side's wanted rows from which nothing is said."""


class SplitCorpusOptions(SeededOptions):
    """Options of split-corpus."""

    dev: Annotated[float, Field(ge=0, lt=1, description="Share of the rows for dev; 0 makes no such side.")] = 0.1
    test: Annotated[float, Field(ge=0, lt=1, description="Share of the rows for test; 0 makes no such side.")] = 0.0
    group_column: Annotated[
        str | None,
        Field(min_length=1, description="Column whose equal values stay on one side too (an entity, a source)."),
    ] = None

    @model_validator(mode="after")
    def _leave_something_to_train(self) -> SplitCorpusOptions:
        if not self.shares:
            raise OptionsError("dev=0 and test=0 leave nothing to split off. Give one of them a share.")
        if sum(self.shares.values()) >= 1:
            raise OptionsError(f"dev={self.dev:g} and test={self.test:g} leave no rows to train on. Lower them.")
        return self

    @property
    def shares(self) -> Mapping[str, float]:
        """Side → share of the rows, of those beside train that are to be made."""
        return {side: share for side, share in (("dev", self.dev), ("test", self.test)) if share}


_DEFAULTS = SplitCorpusOptions()


def split_corpus(
    corpus: pl.DataFrame, *, options: SplitCorpusOptions = _DEFAULTS, context: StepContext | None = None
) -> dict[str, pl.DataFrame]:
    """Cut a corpus into train, dev and, if wanted, test, of which no two share a text.

    Texts are equal if they are after normalisation; the empty text ties nothing together. With a group column its equal
    values tie rows together as well, null none. Groups of rows that are tied together are gone through in random order,
    and each goes to the first side that has room for all of it; what fits nowhere is train's. So a giant group is
    trained on, and the other sides come as near to their share as groups allow.

    Args:
        corpus: A corpus of any shape; all columns travel, rows keep their order.
        options: The sides' shares, and the seed of the groups' order.
        context: Where the groups are counted.

    Returns:
        Side → rows: "train", "dev" and, if its share is above 0, "test".

    Raises:
        FrameError: the columns fit no shape, the group column is missing, or no group is small enough for a side.
    """
    ledger = (context or StepContext()).ledger
    texts = normalised_texts(corpus, "corpus")
    groups = connected_rows(*_ties(corpus, texts, options.group_column), corpus.height)
    firsts, sizes = np.unique(groups, return_counts=True)
    ledger.count("groups of rows that share texts", len(sizes))
    ledger.count("rows in the largest group", int(sizes.max(initial=0)))
    wanted = {side: max(1, round(share * corpus.height)) for side, share in options.shares.items()}
    order = np.argsort(row_uniforms(options.seed, firsts, 0), kind="stable")
    side_of_group = dict(zip(firsts[order].tolist(), _sides(sizes[order].tolist(), wanted), strict=True))
    side_of_row = pl.Series([side_of_group[group] for group in groups.tolist()], dtype=pl.String)
    sides = {side: corpus.filter(side_of_row == side) for side in ("train", *wanted)}
    _check_sides({side: rows.height for side, rows in sides.items()}, wanted, sizes, ledger)
    return sides


def _ties(corpus: pl.DataFrame, texts: pl.DataFrame, group_column: str | None) -> tuple[Rows, Rows]:
    """Ordinals of rows, and the number of what each shares with others: a text or a group."""
    rows, ties = texts["row"].to_numpy(), _numbered(texts["text"])
    if group_column is None:
        return rows, ties
    if group_column not in corpus.columns:
        raise FrameError(
            f"corpus: column '{group_column}' is missing (found: {', '.join(corpus.columns)}). Name another with "
            "--group-column."
        )
    named = corpus.select(pl.int_range(pl.len()).alias("row"), pl.col(group_column).alias("group")).drop_nulls()
    groups = _numbered(named["group"]) + int(ties.max(initial=-1)) + 1
    return np.concatenate([rows, named["row"].to_numpy()]), np.concatenate([ties, groups])


def _sides(sizes: Sequence[int], wanted: Mapping[str, int]) -> Iterator[str]:
    """The side of each group, whose sizes come in the order in which they are dealt out."""
    room = dict(wanted)
    for size in sizes:
        side = next((side for side, rows in room.items() if size <= rows), "train")
        if side in room:
            room[side] -= size
        yield side


def connected_rows(rows: Rows, texts: Rows, num_rows: int) -> Rows:
    """For each row the first row that it hangs together with, by shared texts and through any number of others.

    Args:
        rows: Ordinals of rows, each with
        texts: the number of a text that it holds; both shape (n,), texts from 0.
        num_rows: Rows there are; one that is not named hangs together with itself alone.
    """
    first = np.arange(num_rows)
    while True:
        lowest = np.full(int(texts.max(initial=-1)) + 1, num_rows)
        np.minimum.at(lowest, texts, first[rows])
        closer = first.copy()
        np.minimum.at(closer, rows, lowest[texts])
        # What a row has learnt, the row it pointed to learns too: so a long chain takes few rounds.
        np.minimum.at(closer, first, closer)
        closer = closer[closer]
        if (closer == first).all():
            return first
        first = closer


def _numbered(texts: pl.Series) -> Rows:
    return (texts.rank("dense").cast(pl.Int64) - 1).to_numpy()


def _check_sides(got: Mapping[str, int], wanted: Mapping[str, int], sizes: Rows, ledger: Ledger) -> None:
    tied = f"rows that share a text stay together, {int(sizes.max(initial=0)):,} of them in the largest group"
    for side, rows in got.items():
        if not rows:
            raise FrameError(
                f"corpus: {side} would get none of {int(sizes.sum()):,} rows, for {tied}. Change the shares (--dev, "
                "--test), or give more rows or such as share fewer texts."
            )
    for side, rows in wanted.items():
        if got[side] < _NEAR_ENOUGH * rows:
            ledger.note(f"{side} got {got[side]:,} rows in place of {rows:,}: {tied}")


def _outputs(options: SplitCorpusOptions) -> Outputs:
    return dict.fromkeys(("train", *options.shares), ANY_CORPUS)


STEP = Step(
    name="split-corpus",
    run=split_corpus,
    options=SplitCorpusOptions,
    inputs={"corpus": Input("The corpus, of any shape.", TEXT_BEARING_SHAPES)},
    outputs=_outputs,
    suffix="split",
)
