"""What a training will do, settled and refused where it must be before torch is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from pairforge.errors import OptionsError
from pairforge.frames import SCORED_PAIR, training_view
from pairforge.models import ModelSpec
from pairforge.training.bases import base_kind
from pairforge.training.losses import BaseKind, LossChoice, check_fit, choose_loss
from pairforge.training.options import TrainOptions

WARMUP_RATIOS = {BaseKind.TRANSFORMER: 0.1, BaseKind.STATIC: 0.0}
"""The share of warm-up where none is given; a static model loses by it (60 steps of mnr on NLI: -.003 on STSb)."""

_SCORES_IN_A_RUN = 10


@dataclass(frozen=True)
class TrainingPlan:
    """One training, settled.

    Args:
        rows: The columns the loss reads, in order.
        dev: Scored pairs that choose the best step; None where there are none.
        base: The model to start from.
        kind: How it turns tokens into a vector.
        choice: The loss and the shape it reads.
        options: As the user gave them.
        steps: Batches to train.
    """

    rows: pl.DataFrame
    dev: pl.DataFrame | None
    base: ModelSpec
    kind: BaseKind
    choice: LossChoice
    options: TrainOptions
    steps: int

    @property
    def warmup_steps(self) -> int:
        """Steps until the peak."""
        if self.options.warmup_steps is not None:
            return self.options.warmup_steps
        ratio = self.options.warmup_ratio
        return math.ceil((WARMUP_RATIOS[self.kind] if ratio is None else ratio) * self.steps)

    @property
    def eval_steps(self) -> int:
        """Steps between two dev scores."""
        return self.options.eval_steps or max(1, self.steps // _SCORES_IN_A_RUN)

    @property
    def epochs(self) -> float:
        """Times the corpus is gone through."""
        return self.steps / -(-self.rows.height // self.options.batch_size)


def plan_training(
    corpus: pl.DataFrame, dev: pl.DataFrame | None, base: ModelSpec, options: TrainOptions
) -> TrainingPlan:
    """Settle a training.

    Raises:
        FrameError: the corpus or the dev pairs do not fit, or the corpus does not fill a batch.
        OptionsError: an option is at odds with the model or the loss.
        ModelError: the model is no sentence encoder, or the loss cannot train it.
    """
    kind = base_kind(base)
    choice = choose_loss(corpus, options.loss)
    check_fit(choice.loss, kind, base.name, corpus.height, options.batch_size)
    _check_options(options, base, kind, choice)
    rows = training_view(choice.shape.check(corpus, "corpus"), choice.shape)
    steps = options.max_steps or math.ceil(options.epochs * -(-rows.height // options.batch_size))
    checked_dev = None if dev is None else SCORED_PAIR.check(dev, "dev")
    return TrainingPlan(rows, checked_dev, base, kind, choice, options, steps)


def _check_options(options: TrainOptions, base: ModelSpec, kind: BaseKind, choice: LossChoice) -> None:
    for option in choice.loss.without_effect(options):
        raise OptionsError(
            f"{option} is given, but the {choice.loss.name} loss, chosen for the shape {choice.shape.name}, "
            f"has no {option}; name a loss that has one with --loss."
        )
    if kind is BaseKind.STATIC and (options.max_length or base.request.max_length):
        raise OptionsError(f"max_length is given, but {base.name} is a static model, which reads texts whole; omit it.")
    device = base.request.device or ""
    if ":" in device and device.split(":")[1] != "0":
        number = device.split(":")[1]
        raise OptionsError(
            f"the device is {device}, but training uses the first GPU it sees; "
            f"set CUDA_VISIBLE_DEVICES={number} and leave the device out."
        )
