"""Silver scores: what a cross-encoder holds of pairs that nobody scored, or of those that somebody did.

A cross-encoder reads both texts together; that is slow and exact, so it labels the pairs that a fast encoder is then
trained on. Source: Thakur et al. 2021 (Augmented SBERT).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from pairforge.engines.scores import ScoreStore
from pairforge.errors import FrameError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import Input, ModelRole, Step, StepContext
from pairforge.frames import SCORED_PAIR
from pairforge.models import Floats, ModelKind, PairScorer
from pairforge.steps.columns import extra_columns
from pairforge.steps.gold_agreement import Calibration, Gold, Reading, agreement, calibrated, check_calibration
from pairforge.steps.gold_pairs import GOLD, PAIRS_OF_ALL_KINDS, PAIRS_WITH_GOLD, named_pairs
from pairforge.steps.pair_scores import Head, HeadOptions, choose_head, pair_scores


class ScorePairsOptions(HeadOptions):
    """Options of score-pairs."""

    calibrate: Annotated[
        Calibration,
        Field(
            description="Fit the scores to gold, of --gold or of the rows that have it: by a slope and an offset "
            "(platt), by any non-decreasing function (isotonic; for some hundred rows or more), or by one number that "
            "makes them less or more sure (temperature)."
        ),
    ] = "none"
    prefer_gold: Annotated[
        bool,
        Field(description="Where a row has gold, train on that: its score is gold's, its silver_score the model's."),
    ] = False
    round_scores: Annotated[
        bool, Field(description="Train on classes: the score is 1 from a silver_score of .5 on, else 0.")
    ] = False


_DEFAULTS = ScorePairsOptions()


def score_pairs(
    pairs: pl.DataFrame,
    gold: pl.DataFrame | None = None,
    *,
    scorer: PairScorer,
    options: ScorePairsOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Add `silver_score` in [0, 1], and make it the `score` that a student is trained on.

    The scorer reads the texts in the row's order, each distinct ordered pair once; what it gave is kept, so that a run
    that was killed goes on, and another head or calibration scores nothing anew. How well it agrees with gold is noted.

    Args:
        pairs: sentence1 and sentence2 (or anchor and positive), with gold or without: a `score` in [0, 1] or a `label`
            of 0 or 1, or one that an earlier step kept as gold_score or gold_label; a row may lack it.
        gold: Scored or labelled pairs to calibrate on and to measure agreement by, instead of the rows' own gold.
        scorer: The cross-encoder.
        options: How its outputs are read, and whether they are calibrated.
        context: The cache of scores, and where what was found is noted.

    Returns:
        sentence1, sentence2, score, silver_score, uncalibrated_score (with a calibration), gold_score or gold_label
        (where the input has gold; null in a row without), and the other columns; rows in their order.

    Raises:
        FrameError: a column is wrong or in the way, or there is no gold to calibrate on.
        ModelError: the outputs cannot be read as asked, or hold NaN.
        OptionsError: the positive label is none of the model's.
    """
    context = context or StepContext()
    given = {"pairs": named_pairs(pairs, "pairs")} | ({} if gold is None else {"gold": named_pairs(gold, "gold")})
    written = ["score", "silver_score", *(["uncalibrated_score"] if options.calibrate != "none" else [])]
    extra = extra_columns(given["pairs"], ("sentence1", "sentence2", *GOLD), written, "pairs")
    head, known = choose_head(scorer, options), _gold(given)
    check_calibration(options.calibrate, known, head)
    context.ledger.note(head.sentence)
    logits = _logits(given, scorer, context)
    read = _reading(known, logits, head, options, context.ledger)
    silver = read(logits["pairs"])
    context.ledger.observe("silver_score", silver)
    trained_on = (silver >= 0.5).astype(silver.dtype) if options.round_scores else silver
    scores = {"score": trained_on, "silver_score": silver, "uncalibrated_score": pair_scores(logits["pairs"], head)}
    scored = given["pairs"].with_columns(pl.Series(name, scores[name]) for name in written)
    if options.prefer_gold:
        scored = scored.with_columns(score=_gold_first(scored))
    kept = [name for name in GOLD if name in scored.columns]
    return scored.select("sentence1", "sentence2", *written, *kept, *extra)


def _logits(given: Mapping[str, pl.DataFrame], scorer: PairScorer, context: StepContext) -> dict[str, Floats]:
    """What the scorer gives for all pairs, by role; scored together, so that their batches are planned together."""
    pairs = [pair for frame in given.values() for pair in frame.select("sentence1", "sentence2").rows()]
    context.ledger.count("distinct pairs", len(set(pairs)))
    logits = ScoreStore(context.cache / "scores").logits(scorer, pairs, context.progress)
    ends = np.cumsum([0, *(frame.height for frame in given.values())])
    return {role: logits[start:end] for role, (start, end) in zip(given, pairwise(ends), strict=True)}


def _gold(given: Mapping[str, pl.DataFrame]) -> Gold | None:
    """The gold by which silver is judged: that of `gold` if it was given, else that of the pairs themselves."""
    role = "gold" if "gold" in given else "pairs"
    pairs = given[role]
    column = next((name for name in GOLD if name in pairs.columns), None)
    known = pairs[column].is_not_null().arg_true().to_numpy() if column else ()
    if column is not None and len(known):
        values = pairs[column].drop_nulls().cast(pl.Float64).to_numpy()
        return Gold(role, np.asarray(known, dtype=np.int64), values, column == "gold_label")
    if role == "gold":
        raise FrameError(f"gold: holds no score and no label (columns: {', '.join(pairs.columns)}). Name another file.")
    return None


def _reading(
    gold: Gold | None, logits: Mapping[str, Floats], head: Head, options: ScorePairsOptions, ledger: Ledger
) -> Reading:
    """How outputs are read, once their agreement with gold is noted and they are calibrated as wanted."""
    if gold is None:
        return partial(pair_scores, head=head)
    known = logits[gold.role][gold.rows]
    ledger.note(agreement(gold, known, head))
    return calibrated(options.calibrate, gold, known, head, ledger)


def _gold_first(scored: pl.DataFrame) -> pl.Expr:
    gold = [pl.col(name).cast(pl.Float64) for name in GOLD if name in scored.columns]
    return pl.coalesce(*gold, pl.col("score"))


STEP = Step(
    name="score-pairs",
    run=score_pairs,
    options=ScorePairsOptions,
    inputs={
        "pairs": Input("Pairs, with gold scores or labels or without.", PAIRS_OF_ALL_KINDS),
        "gold": Input("Pairs with gold to calibrate on and to measure agreement by.", PAIRS_WITH_GOLD, required=False),
    },
    outputs=lambda options: {"corpus": SCORED_PAIR},
    models={"scorer": ModelRole("The cross-encoder that scores them.", ModelKind.SCORER, default=None)},
    suffix="silver",
)
