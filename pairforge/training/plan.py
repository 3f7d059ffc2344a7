"""What a training will do, settled and refused where it must be before torch is loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder
from pairforge.errors import ModelError
from pairforge.models import ModelSpec
from pairforge.training.choice import check_fit
from pairforge.training.classes import settle_classes
from pairforge.training.companions import NO_COMPANIONS, Companions
from pairforge.training.dev import DevRows, settle_dev
from pairforge.training.extras import check_extras
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.lessons import Lesson, settle_lessons
from pairforge.training.objections import check_objectives
from pairforge.training.options import TrainOptions
from pairforge.training.plan_checks import check_companions, check_options, check_together
from pairforge.training.pooling import settle_pooling
from pairforge.training.practice import check_practice
from pairforge.training.sides import check_sides, settle_sides
from pairforge.training.turns import steps_of, turns_an_epoch

WARMUP_RATIOS = {BaseKind.TRANSFORMER: 0.1, BaseKind.STATIC: 0.0}
"""The share of warm-up where none is given; a static model loses by it (60 steps of mnr on NLI: -.003 on STSb)."""

_SCORES_IN_A_RUN = 10


@dataclass(frozen=True)
class Asked:
    """What a training was asked for: enough to plan it again in another process.

    Args:
        corpora: The corpora as they were given.
        dev: The dev rows as they were given.
    """

    corpora: tuple[pl.DataFrame, ...]
    dev: pl.DataFrame | None


@dataclass(frozen=True)
class TrainingPlan:
    """One training, settled.

    Args:
        lessons: What is trained on, and by which losses.
        dev: The rows that choose the best step; None where there are none.
        base: The model to start from.
        base_kind: How that reads its tokens.
        options: As the user gave them.
        steps: Steps to train at most.
        asked: The frames that it was planned from.
        companions: The further models.
        document_base: What the encoder of documents starts from; None where it starts from the base too, or there is
            one encoder.
        trains_sides: Whether queries and documents have encoders of their own.
        classes: The names that a classifier tells apart, in the order of its outputs.
        pooling: How a plain transformer's token vectors are pooled; None for the library's way.
        runs: Where a tracker's files go; among the checkpoints if None.
    """

    lessons: tuple[Lesson, ...]
    dev: DevRows | None
    base: ModelSpec
    base_kind: BaseKind
    options: TrainOptions
    steps: int
    asked: Asked
    companions: Companions = NO_COMPANIONS
    document_base: ModelSpec | None = None
    trains_sides: bool = False
    classes: tuple[str, ...] = ()
    pooling: str | None = None
    runs: Path | None = None

    @property
    def kind(self) -> TrainedKind:
        """What is trained."""
        return self.options.trained_kind

    @property
    def num_labels(self) -> int | None:
        """Classes that the model itself tells apart (a cross-encoder's outputs); None where there are no classes."""
        return self.lessons[0].num_labels

    @property
    def num_rows(self) -> int:
        """Rows of all corpora."""
        return sum(lesson.rows.height for lesson in self.lessons)

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
    def turns(self) -> tuple[int, ...]:
        """Batches of each corpus in an epoch."""
        return _turns(self.lessons, self.options)

    @property
    def steps_an_epoch(self) -> int:
        """Steps in an epoch: once through all corpora, unless they are mixed otherwise."""
        return steps_of(self.turns, self.options.accumulate)

    @property
    def takes_distinct_batches(self) -> bool:
        """Whether some corpus' batches hold no two rows that share a text of their own."""
        return self.options.distinct_batches and any(lesson.loss.in_batch for lesson in self.lessons)

    def groups_by_length(self, lesson: Lesson) -> bool:
        """Whether a corpus' batches are of rows of like length; a static model pads nothing."""
        return self.options.group_by_length and lesson.loss.row_by_row and self.base_kind is BaseKind.TRANSFORMER

    def with_seed(self, seed: int) -> TrainingPlan:
        """The same training with other random draws."""
        runs = None if self.runs is None else self.runs / f"seed-{seed}"
        return replace(self, options=self.options.model_copy(update={"seed": seed}), runs=runs)


def plan_training(
    corpora: Sequence[pl.DataFrame],
    dev: pl.DataFrame | None,
    base: ModelSpec,
    options: TrainOptions,
    companions: Companions = NO_COMPANIONS,
    *,
    document_base: ModelSpec | None = None,
) -> TrainingPlan:
    """Settle a training.

    Raises:
        FrameError: a corpus or the dev rows do not fit, or a corpus does not fill a batch.
        OptionsError: an option is at odds with the model or the losses.
        ModelError: this kind of model cannot start from it, or a loss cannot train it.
    """
    kind = options.trained_kind
    sides = settle_sides(base, document_base, options)
    of_base = sides.base_kind
    lessons = settle_lessons(corpora, options)
    for lesson in lessons:
        for name, of_side in sides.kinds:
            check_fit(
                lesson.loss,
                of_side,
                name,
                rows=lesson.rows.height,
                batch_size=options.batch_size,
                place=lesson.name,
            )
    check_sides(lessons, two=sides.two)
    check_options(options, base, of_base, lessons, has_dev=dev is not None)
    check_practice(options, base, of_base, len(lessons))
    check_extras(options)
    check_together(lessons, kind)
    check_companions(lessons, companions)
    pooling = _check_base(lessons, base, of_base, companions, options)
    check_objectives(lessons, options, base, of_base)
    classes = kind is TrainedKind.CROSS_ENCODER and any(lesson.num_labels for lesson in lessons)
    dev_rows = None if dev is None else settle_dev(dev, kind, tells_classes=classes)
    epoch = steps_of(_turns(lessons, options), options.accumulate)
    steps = options.max_steps or math.ceil(options.epochs * epoch)
    return TrainingPlan(
        lessons,
        dev_rows,
        base,
        of_base,
        options,
        steps,
        Asked(tuple(corpora), dev),
        companions,
        document_base,
        trains_sides=sides.two,
        pooling=pooling,
        classes=settle_classes(lessons, dev_rows) if kind is TrainedKind.CLASSIFIER else (),
    )


def _turns(lessons: Sequence[Lesson], options: TrainOptions) -> tuple[int, ...]:
    return turns_an_epoch([lesson.batches(options.batch_size) for lesson in lessons], options)


def _check_base(
    lessons: Sequence[Lesson], base: ModelSpec, kind: BaseKind, companions: Companions, options: TrainOptions
) -> str | None:
    """The pooling that is set on a transformer."""
    if kind is BaseKind.STATIC:
        return None
    configuration = ModelConfiguration(model_folder(base))
    for loss in (lesson.loss for lesson in lessons if lesson.loss.base_fault):
        fault = loss.base_fault and loss.base_fault(configuration, companions)
        if fault:
            raise ModelError(f"{base.name}: the {loss.name} loss cannot train it: {fault}.")
    return settle_pooling([lesson.loss for lesson in lessons], base.name, configuration, options.pooling)
