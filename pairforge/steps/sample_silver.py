"""Choose silver pairs so that their scores are spread as those of the gold pairs are.

Most pairs that anything proposes are unlike; trained on all of them, a student learns mostly that. Source: Thakur et
al. 2021 (Augmented SBERT), kernel density estimation.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from pairforge.engines.search import Rows
from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import Input, SeededOptions, Step, StepContext
from pairforge.frames import SCORED_PAIR
from pairforge.randomness import row_uniforms
from pairforge.steps.score_density import Array, density, scott_bandwidth

_SMALLEST = np.finfo(np.float64).tiny


Spread = Annotated[
    Literal["kde", "uniform", "all"],
    Field(description="How scores are to be spread: as gold's (kde), evenly (uniform), or as they come (all)."),
]
NumSilver = Annotated[
    int | None,
    Field(ge=1, description="Silver pairs to keep; if not given, as many as follow the spread, or all of all."),
]


class SampleSilverOptions(SeededOptions):
    """Options of sample-silver."""

    by: Spread = "kde"
    num_silver: NumSilver = None


_DEFAULTS = SampleSilverOptions()


def sample_silver(
    silver: pl.DataFrame,
    gold: pl.DataFrame | None = None,
    *,
    options: SampleSilverOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Keep a random choice of the silver pairs whose scores are spread as wanted.

    With q = f_wanted(s) / f_silver(s), the ratio of two kernel density estimates of one bandwidth at the pair's score
    s, a pair is kept if a uniform draw u of its row is below q: with probability min(1, q), as in the paper. With a
    number N, the N pairs of the lowest u / q are kept, which are those below c × q for the one c that gives N. Where
    gold knows only the scores 0 and 1, the two classes (silver: from 0.5) take the place of densities, and q is divided
    by the larger of its two values: the class that silver has too few of is kept whole, the other in gold's ratio.

    Args:
        silver: Scored pairs, scores in [0, 1]; all columns travel, rows keep their order.
        gold: Scored pairs whose spread is followed, for `by="kde"`.
        options: The wanted spread and number.
        context: Where left-out rows are counted.

    Raises:
        OptionsError: `by` and `gold` do not go together.
        FrameError: scores do not lie in [0, 1], or gold's are all equal.
    """
    ledger = (context or StepContext()).ledger
    if gold is None and options.by == "kde":
        raise OptionsError("Sampling by kde follows gold pairs, and there are none. Name them with --gold.")
    if gold is not None and options.by != "kde":
        raise OptionsError(f"Gold pairs are given, but sampling by {options.by} follows none. Leave out --gold.")
    silver = SCORED_PAIR.check(silver, "silver")
    gold = None if gold is None else SCORED_PAIR.check(gold, "gold")
    scores = silver["score"].to_numpy()
    draws = row_uniforms(options.seed, np.arange(len(scores)), 0)
    kept = _lowest(draws / np.maximum(_ratios(scores, gold, options, ledger), _SMALLEST), options.num_silver)
    ledger.drop("left_out_by_sampling", silver.height - len(kept))
    if options.num_silver and len(kept) < options.num_silver:
        ledger.note(f"all {len(kept):,} pairs were kept, for there are no {options.num_silver:,}")
    if gold is not None:
        ledger.observe("gold score", gold["score"])
    ledger.observe("silver score", scores)
    ledger.observe("kept score", scores[kept])
    return silver[kept]


def _lowest(keys: Array, number: int | None) -> Rows:
    """The rows of the lowest keys in their order; of those below 1, where no number is given."""
    return np.flatnonzero(keys < 1) if number is None else np.sort(np.argsort(keys, kind="stable")[:number])


def _ratios(scores: Array, gold: pl.DataFrame | None, options: SampleSilverOptions, ledger: Ledger) -> Array:
    """How many times as dense the scores are wanted as they are, at each of them."""
    if options.by == "all":
        return np.ones_like(scores)
    if gold is None:
        return 1 / density(scores, scores, scott_bandwidth(scores))
    wanted = gold["score"].to_numpy()
    if wanted.min() == wanted.max():
        raise FrameError(f"gold: all scores are {wanted[0]:g}; a spread needs scores that differ. Sample by all.")
    if np.isin(wanted, (0, 1)).all():
        return _class_ratios(scores >= 0.5, wanted, ledger)
    bandwidth = scott_bandwidth(wanted)
    return density(wanted, scores, bandwidth) / density(scores, scores, bandwidth)


def _class_ratios(positive: npt.NDArray[np.bool_], gold: Array, ledger: Ledger) -> Array:
    share, wanted = float(positive.mean()), float(gold.mean())
    if share in (0, 1):
        ledger.note(
            f"all silver scores are {'from' if share else 'below'} 0.5, so no class has too many to follow gold"
        )
        return np.ones(len(positive))
    ratios = np.where(positive, wanted / share, (1 - wanted) / (1 - share))
    largest: float = ratios.max()
    return ratios / largest


STEP = Step(
    name="sample-silver",
    run=sample_silver,
    options=SampleSilverOptions,
    inputs={
        "silver": Input("Pairs that a model scored.", (SCORED_PAIR,)),
        "gold": Input("Pairs whose spread of scores is followed, with --by kde.", (SCORED_PAIR,), required=False),
    },
    outputs=lambda options: {"silver": SCORED_PAIR},
    suffix="sampled",
)
