"""Try learning rates that rise from step to step, and suggest one by how the loss answers.

Source: Smith 2017 (cyclical learning rates: the learning-rate range test).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from pairforge.engines.vectors import VectorStore
from pairforge.errors import ModelError
from pairforge.execution.step import Step, StepContext
from pairforge.frames import Column, ColumnKind, FrameContract
from pairforge.models import ModelSpec
from pairforge.training.companions import Companions
from pairforge.training.options import FindLearningRateOptions
from pairforge.training.plan import plan_training
from pairforge.training.practice import refuse_torchrun
from pairforge.training.summary import announce
from pairforge.training.teaching import with_teachers_vectors
from pairforge.training.train import STEP as TRAIN

RATES = FrameContract(
    "losses by learning rate",
    (
        Column("learning_rate", ColumnKind.SCORE, 0),
        Column("loss", ColumnKind.SCORE),
        Column("smoothed_loss", ColumnKind.SCORE),
    ),
)
"""A row a step, in order."""

SMOOTHING = 0.9
"""Of the earlier losses' mean, what each step keeps; the first steps' want of history is made good."""


def find_learning_rate(
    corpus: pl.DataFrame | Sequence[pl.DataFrame],
    *,
    base: ModelSpec,
    guide: ModelSpec | None = None,
    teacher: ModelSpec | None = None,
    decoder: ModelSpec | None = None,
    document_model: ModelSpec | None = None,
    options: FindLearningRateOptions | None = None,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Train `base` for a step at each of the rates; the model is not kept.

    Args:
        corpus: As `train` takes it.
        base: The model that is to be trained.
        guide, teacher, decoder, document_model: As `train` takes them.
        options: The rates, and what of a training matters for them.
        context: Its ledger gets a note of the suggestion.

    Returns:
        learning_rate, loss and smoothed_loss (mean of the losses so far, the last counting most), a row a step; up to
        the rate at which the smoothed loss is four times its least, or no number.

    Raises:
        FrameError, OptionsError, ModelError: as `train`; ModelError too where the first step's loss is no number.
    """
    options, context = options or FindLearningRateOptions(), context or StepContext()
    corpora = [corpus] if isinstance(corpus, pl.DataFrame) else corpus
    refuse_torchrun()
    companions = Companions(guide, teacher, decoder)
    plan = plan_training(corpora, None, base, options.training(), companions, document_base=document_model)
    plan = with_teachers_vectors(plan, VectorStore(context.cache / "vectors"), context.progress)
    announce(context.ledger, plan)
    from pairforge.training.rates import try_rates  # noqa: PLC0415 - loads torch

    with tempfile.TemporaryDirectory(prefix="pairforge-rates-") as folder:
        tried = try_rates(plan, options, Path(folder), context.progress)
    if not tried:
        raise ModelError(f"{base.name}: the loss is no number at the first step already; look at model and corpus.")
    table = pl.DataFrame(tried, schema=["learning_rate", "loss"], orient="row").with_columns(
        smoothed_loss=pl.Series(smoothed([loss for _, loss in tried]))
    )
    context.ledger.note(suggestion(table))
    return table


def smoothed(losses: Sequence[float]) -> list[float]:
    """The mean of the losses up to each, the last counting most."""
    means, mean = [], 0.0
    for step, loss in enumerate(losses, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        means.append(mean / (1 - SMOOTHING**step))
    return means


def suggestion(table: pl.DataFrame) -> str:
    """A rate to train at: where the smoothed loss falls fastest by the ratio of rates, before its least."""
    rates, losses = table["learning_rate"].to_numpy(), table["smoothed_loss"].to_numpy()
    least = int(losses.argmin())
    slopes = np.gradient(losses, np.log(rates))[:least] if len(losses) > 1 else np.empty(0)
    if not len(slopes) or slopes.min() >= 0:
        return f"the loss fell at no rate from {rates[0]:.2g} to {rates[-1]:.2g}; try others, or larger batches"
    fastest = float(rates[int(slopes.argmin())])
    return (
        f"the loss falls fastest at a rate of {fastest:.2g}, and is least at {float(rates[least]):.2g}: "
        f"train with --learning-rate {_round(fastest)}"
    )


def _round(rate: float) -> str:
    digits = -math.floor(math.log10(rate))
    return f"{round(rate, digits):g}"


STEP = Step(
    name="find-learning-rate",
    run=find_learning_rate,
    options=FindLearningRateOptions,
    inputs={"corpus": TRAIN.inputs["corpus"]},
    outputs=lambda options: {"rates": RATES},
    models=TRAIN.models,
    suffix="rates",
)
