"""What a training will do, settled and refused where it must be before torch is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import polars as pl

from pairforge.errors import OptionsError
from pairforge.frames import FrameContract, training_view
from pairforge.models import ModelSpec
from pairforge.training.bases import base_kind
from pairforge.training.choice import LossChoice, check_fit, choose_loss
from pairforge.training.dev import DevRows, settle_dev
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.options import TrainOptions
from pairforge.training.unrolling import unrolled

WARMUP_RATIOS = {BaseKind.TRANSFORMER: 0.1, BaseKind.STATIC: 0.0}
"""The share of warm-up where none is given; a static model loses by it (60 steps of mnr on NLI: -.003 on STSb)."""

_SCORES_IN_A_RUN = 10


@dataclass(frozen=True)
class TrainingPlan:
    """One training, settled.

    Args:
        rows: The columns the loss reads, in order.
        shape: Their shape; another than the loss chose where tuples or lists were unrolled.
        dev: The rows that choose the best step; None where there are none.
        base: The model to start from.
        base_kind: How that reads its tokens.
        choice: The loss and the shape it was chosen for.
        options: As the user gave them.
        steps: Batches to train at most.
    """

    rows: pl.DataFrame
    shape: FrameContract
    dev: DevRows | None
    base: ModelSpec
    base_kind: BaseKind
    choice: LossChoice
    options: TrainOptions
    steps: int

    @property
    def kind(self) -> TrainedKind:
        """What is trained."""
        return self.choice.loss.trains

    @property
    def num_labels(self) -> int | None:
        """Classes told apart; None where there are no classes."""
        classes = self.choice.loss.num_labels
        return None if classes is None else classes[self.shape.name]

    @property
    def max_length(self) -> int | None:
        """Tokens read of each text; None for the model's own limit."""
        return self.options.max_length or self.base.request.max_length

    @property
    def warmup_steps(self) -> int:
        """Steps until the peak."""
        if self.options.warmup_steps is not None:
            return self.options.warmup_steps
        ratio = self.options.warmup_ratio
        return math.ceil((WARMUP_RATIOS[self.base_kind] if ratio is None else ratio) * self.steps)

    @property
    def eval_steps(self) -> int:
        """Steps between two dev scores."""
        return self.options.eval_steps or max(1, self.steps // _SCORES_IN_A_RUN)

    @property
    def steps_an_epoch(self) -> int:
        """Batches that go through the corpus once."""
        return -(-self.rows.height // self.options.batch_size)

    @property
    def groups_by_length(self) -> bool:
        """Whether batches are of rows of like length; a static model pads nothing."""
        return self.options.group_by_length and self.choice.loss.row_by_row and self.base_kind is BaseKind.TRANSFORMER

    def with_seed(self, seed: int) -> TrainingPlan:
        """The same training with other random draws."""
        return replace(self, options=self.options.model_copy(update={"seed": seed}))


def plan_training(
    corpus: pl.DataFrame, dev: pl.DataFrame | None, base: ModelSpec, options: TrainOptions
) -> TrainingPlan:
    """Settle a training.

    Raises:
        FrameError: the corpus or the dev rows do not fit, or the corpus does not fill a batch.
        OptionsError: an option is at odds with the model or the loss.
        ModelError: this kind of model cannot start from it, or the loss cannot train it.
    """
    kind = TrainedKind(options.kind)
    of_base = base_kind(base, kind)
    choice = choose_loss(corpus, options.loss, kind)
    check_fit(choice.loss, of_base, base.name, corpus.height, options.batch_size)
    _check_options(options, base, of_base, choice, has_dev=dev is not None)
    checked = choice.shape.check(corpus, "corpus")
    rows, shape = _rows(checked, choice)
    classes = kind is TrainedKind.CROSS_ENCODER and choice.loss.num_labels is not None
    dev_rows = None if dev is None else settle_dev(dev, kind, tells_classes=classes)
    steps = options.max_steps or math.ceil(options.epochs * -(-rows.height // options.batch_size))
    return TrainingPlan(rows, shape, dev_rows, base, of_base, choice, options, steps)


def _rows(corpus: pl.DataFrame, choice: LossChoice) -> tuple[pl.DataFrame, FrameContract]:
    if choice.loss.trains is TrainedKind.CROSS_ENCODER:
        return unrolled(corpus, choice.shape)
    return training_view(corpus, choice.shape), choice.shape


def _check_options(
    options: TrainOptions, base: ModelSpec, kind: BaseKind, choice: LossChoice, *, has_dev: bool
) -> None:
    for option in choice.loss.without_effect(options):
        raise OptionsError(
            f"{option} is given, but the {choice.loss.name} loss, chosen for the shape {choice.shape.name}, "
            f"has no {option}; name a loss that has one with --loss."
        )
    for option, default in (("patience", None), ("restarts", 1)):
        if getattr(options, option) != default and not has_dev:
            raise OptionsError(f"{option} is given, but no dev rows to choose by; give them with --dev.")
    if kind is BaseKind.STATIC and (options.max_length or base.request.max_length):
        raise OptionsError(f"max_length is given, but {base.name} is a static model, which reads texts whole; omit it.")
    prompted = base.request.query_prompt or base.request.document_prompt
    if prompted and choice.loss.trains is TrainedKind.CROSS_ENCODER:
        raise OptionsError("a prompt is given, but a cross-encoder reads two texts at once, without any; omit it.")
    device = base.request.device or ""
    if ":" in device and device.split(":")[1] != "0":
        number = device.split(":")[1]
        raise OptionsError(
            f"the device is {device}, but training uses the first GPU it sees; "
            f"set CUDA_VISIBLE_DEVICES={number} and leave the device out."
        )
