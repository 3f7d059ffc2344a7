"""Gold and silver pairs in one corpus, gold first: what people scored is never overruled by a model."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field

from pairforge.errors import FrameError
from pairforge.execution.ledger import DROP_REASON
from pairforge.execution.step import Input, Step, StepContext, StepOptions
from pairforge.frames import SCORED_PAIR
from pairforge.steps.columns import extra_columns
from pairforge.steps.sentence_pairs import FIRST, SECOND, with_keys


class MergeSilverOptions(StepOptions):
    """Options of merge-silver."""

    keep_gold: Annotated[
        bool, Field(description="Put the gold pairs in; without, they are only kept out of the silver ones.")
    ] = True


_DEFAULTS = MergeSilverOptions()


def merge_silver(
    gold: pl.DataFrame,
    silver: pl.DataFrame,
    *,
    options: MergeSilverOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Put silver pairs below the gold ones, each pair once, whichever way round it stands.

    Sentences are equal if they are after normalisation. Of equal pairs the first is kept, and a gold one before any
    silver one.

    Args:
        gold: Scored pairs, scores in [0, 1].
        silver: Scored pairs on the same scale.
        options: Whether gold pairs are put in.
        context: Where dropped rows are counted.

    Returns:
        sentence1, sentence2, score, `origin` ("gold" or "silver") and the other columns of both, null where a side has
        no such column.

    Raises:
        FrameError: a side is not scored in [0, 1], no type holds a column of both, or one is in the way of one that is
            written.
    """
    ledger = (context or StepContext()).ledger
    stacked = with_keys(_stacked(_side(gold, "gold"), _side(silver, "silver")))
    repeated, in_gold = ~pl.struct(FIRST, SECOND).is_first_distinct(), pl.first("origin").over(FIRST, SECOND) == "gold"
    reason = (
        pl.when(pl.col("origin") == "gold").then(pl.lit("repeated_gold"))
        .when(in_gold).then(pl.lit("silver_of_a_gold_pair"))
        .otherwise(pl.lit("repeated_silver"))
    )  # fmt: skip
    flagged = stacked.with_columns(pl.when(repeated).then(reason).alias(DROP_REASON))
    merged = ledger.keep_unflagged(flagged).drop(FIRST, SECOND)
    if not options.keep_gold:
        ledger.drop("gold", merged.filter(pl.col("origin") == "gold").height)
        merged = merged.filter(pl.col("origin") == "silver")
    for origin, rows in merged["origin"].value_counts().sort("origin").iter_rows():
        ledger.count(f"{origin} pairs", rows)
    return merged


def _side(pairs: pl.DataFrame, origin: str) -> pl.DataFrame:
    own = ("sentence1", "sentence2", "score")
    extra = extra_columns(pairs, own, ("origin", DROP_REASON), origin)
    return SCORED_PAIR.check(pairs, origin).select(*own, pl.lit(origin).alias("origin"), *extra)


def _stacked(gold: pl.DataFrame, silver: pl.DataFrame) -> pl.DataFrame:
    try:
        return pl.concat([gold, silver], how="diagonal_relaxed")
    except pl.exceptions.PolarsError:
        column = next(
            name for name in gold.columns if name in silver.columns and gold[name].dtype != silver[name].dtype
        )
        raise FrameError(
            f"silver: its column '{column}' is of type {silver[column].dtype}, but gold's is of type "
            f"{gold[column].dtype}; convert or remove one of them."
        ) from None


STEP = Step(
    name="merge-silver",
    run=merge_silver,
    options=MergeSilverOptions,
    inputs={
        "gold": Input("Pairs that people scored.", (SCORED_PAIR,)),
        "silver": Input("Pairs that a model scored.", (SCORED_PAIR,)),
    },
    outputs=lambda options: {"corpus": SCORED_PAIR},
    suffix="augmented",
)
