"""Pairs that people scored, on whatever scale or by label, as scored pairs in [0, 1]: how `augment` begins."""

from __future__ import annotations

import polars as pl

from pairforge.execution.inputs import FileInput
from pairforge.execution.step import Input, Step, StepContext, StepOptions
from pairforge.files import read_frame
from pairforge.frames import LABELLED_PAIR, RAW_NLI, SCORED_PAIR, adopt
from pairforge.steps.convert_nli import ConvertNliOptions, convert_nli

GOLD_SHAPES = (SCORED_PAIR, LABELLED_PAIR, RAW_NLI)
"""The shapes that gold pairs may have."""

_SCORED = ConvertNliOptions(to="scored")


def read_gold(pairs: pl.DataFrame, *, options: StepOptions, context: StepContext) -> pl.DataFrame:
    """The pairs with a score: a label 0 or 1 is one, and entailment is 1, neutral and contradiction 0."""
    if not RAW_NLI.missing(pairs.columns):
        return convert_nli(pairs, options=_SCORED, context=context)
    if SCORED_PAIR.missing(pairs.columns):
        return pairs.with_columns(pl.col("label").cast(pl.Float64).alias("score")).drop("label")
    return pairs


def scores_in(source: str, reading: FileInput) -> pl.DataFrame:
    """The scored pairs that a file of gold holds.

    Args:
        source: The file.
        reading: The names of its columns and its scale, as far as they were given; a name that it has not is passed by.

    Raises:
        FileError, FrameError: it cannot be read, or is of no wanted shape.
    """
    raw = read_frame(source)
    columns = {name: column for name, column in reading.columns.items() if column in raw.columns}
    adopted = adopt(raw, GOLD_SHAPES, source, columns=columns, score_scale=reading.score_scale)
    return read_gold(adopted.frame, options=StepOptions(), context=StepContext())


STEP = Step(
    name="read-gold",
    run=read_gold,
    options=StepOptions,
    inputs={"pairs": Input("Scored or labelled pairs, or NLI.", GOLD_SHAPES)},
    outputs=lambda options: {"pairs": SCORED_PAIR},
)
