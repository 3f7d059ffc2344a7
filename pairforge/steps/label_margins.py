"""Margins for margin-MSE: how much more a cross-encoder holds of each positive than of its negative.

A student that learns the margin needs no negative to be truly wrong: where it is as right as the positive, the margin
says so. Sources: Hofstätter et al. 2020 (margin-MSE), Wang et al. 2022 (GPL).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pairforge.engines.search import Doubles
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import Input, ModelRole, Step, StepContext
from pairforge.frames import MARGIN, N_TUPLE, TRIPLET, detect_shape
from pairforge.models import ModelKind, PairScorer
from pairforge.steps.columns import extra_columns
from pairforge.steps.pair_scores import OutputOptions
from pairforge.steps.teachers import QueryTexts, teacher_logits

_SHAPES = (N_TUPLE, TRIPLET)


class LabelMarginsOptions(OutputOptions):
    """Options of label-margins."""


_DEFAULTS = LabelMarginsOptions()


def label_margins(
    triplets: pl.DataFrame,
    *,
    scorer: PairScorer,
    options: LabelMarginsOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Label each negative with the cross-encoder's score of (query, positive) less that of (query, negative).

    Scores are logits before any activation (of several classes, the log-odds of the one that means relevant), so that
    margins have no bounds; below 0 the negative is held to be the better answer. Each distinct pair is scored once.

    Args:
        triplets: anchor, positive and negative, or negative_1 … negative_n.
        scorer: The cross-encoder.
        options: Which of its outputs is read.
        context: The cache of scores, and where margins are counted.

    Returns:
        query, positive, negative, score (the margin) and the other columns: a row for each negative, in the order of
        the rows and of their negatives.

    Raises:
        FrameError: a column is missing or in the way.
        ModelError: the model gives NaN, or it is not known which of its outputs is meant.
        OptionsError: the positive label is none of the model's.
    """
    context = context or StepContext()
    shape = detect_shape(triplets, "triplets", _SHAPES)
    given = shape.check(triplets, "triplets")
    negatives = shape.columns[2].names_in(given.columns)
    written = [column.name for column in MARGIN.columns]
    extra = extra_columns(given, ("anchor", "positive", *negatives), written, "triplets")
    asked = QueryTexts.of_columns(given, "anchor", ["positive", *negatives])
    scores = teacher_logits(asked, scorer, options, context).reshape(given.height, -1)
    margins = scores[:, :1] - scores[:, 1:]
    _tell(margins, context.ledger)
    rows = given.select(
        pl.col("anchor").alias("query"), "positive", pl.concat_list(*negatives).alias("negative"), *extra
    ).with_columns(score=pl.Series(margins, dtype=pl.Array(pl.Float64, len(negatives))).arr.to_list())
    return rows.explode("negative", "score").select(*written, *extra)


def _tell(margins: Doubles, ledger: Ledger) -> None:
    low, middle, high = np.quantile(margins, (0.05, 0.5, 0.95))
    ledger.note(f"margins: {low:.3g} at 5%, {middle:.3g} at 50%, {high:.3g} at 95%")
    ledger.count("margins: below 0, the negative scored higher", int((margins < 0).sum()))


STEP = Step(
    name="label-margins",
    run=label_margins,
    options=LabelMarginsOptions,
    inputs={"triplets": Input("Anchors, positives and negatives.", _SHAPES)},
    outputs=lambda options: {"corpus": MARGIN},
    models={"scorer": ModelRole("The cross-encoder that scores them.", ModelKind.SCORER, default=None)},
    suffix="margins",
)
