"""What is refused of losses, their settings and their wrappers, by the rows and the model at hand."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.frames import PAIR, ColumnKind
from pairforge.models import ModelSpec
from pairforge.training.bases import begins_with_transformer, vector_size
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.lessons import Lesson
from pairforge.training.options import TrainOptions

WIDEST_COSINE_MARGIN = 2
"""How far the cosines of two pairs can lie apart."""


def check_objectives(lessons: Sequence[Lesson], options: TrainOptions, base: ModelSpec, kind: BaseKind) -> None:
    """Refuse what a loss cannot learn with these options, from these rows, on this model.

    Raises:
        FrameError: a teacher's margins are larger than cosines can differ.
        OptionsError: a wrapper cannot stand around a loss, or a setting has no effect on these rows.
        ModelError: adaptive layers are asked of a model without layers.
    """
    _check_wrappers(lessons, options, base)
    for lesson in lessons:
        _check_settings(lesson, options, base, kind)


def _check_settings(lesson: Lesson, options: TrainOptions, base: ModelSpec, kind: BaseKind) -> None:
    if options.hardness == "own" and lesson.loss.has("hardness") and lesson.shape is PAIR:
        raise OptionsError(
            f"hardness='own' is given, but {lesson.name} holds pairs without negatives of their own, so that it has no "
            "effect; choose in-batch, or give triplets."
        )
    if options.mini_batch_size and kind is BaseKind.STATIC and lesson.loss.short == "mega-batch":
        raise OptionsError(
            f"mini_batch_size={options.mini_batch_size} is given, but {base.name} is a static model, whose batches are "
            "never cut; omit it."
        )
    if options.similarity == "cosine" and lesson.loss.name == "margin-mse":
        _check_margins(lesson)


def _check_wrappers(lessons: Sequence[Lesson], options: TrainOptions, base: ModelSpec) -> None:
    for wrapper in options.wrappers:
        given = f"{wrapper}={max(options.matryoshka) if wrapper == 'matryoshka' else True}"
        if options.trained_kind is not TrainedKind.ENCODER:
            raise OptionsError(f"{given} is given, but a {options.kind} has no vectors to cut; omit it.")
        for lesson in lessons:
            why = (lesson.loss.unwrapped or {}).get(wrapper)
            if why is not None:
                raise OptionsError(f"{given} cannot stand around the {lesson.loss.name} loss: {why}; omit it.")
    if options.adaptive_layers and not begins_with_transformer(base):
        raise ModelError(
            f"{base.name}: does not begin with a transformer, so that there are no layers to leave out; omit "
            "--adaptive-layers, or train another model."
        )
    size = vector_size(base)
    if options.matryoshka and size is not None and max(options.matryoshka) > size:
        raise OptionsError(
            f"matryoshka={max(options.matryoshka)} is more than the {size:,} dimensions of {base.name}; give smaller "
            "numbers."
        )


def margin_reach(lesson: Lesson) -> float:
    """The largest margin, either way, that margin-mse learns from the rows of a lesson."""
    column = lesson.shape.columns[-1]
    scores = lesson.rows[column.name]
    if column.kind is ColumnKind.SCORES:
        scores = scores.list.eval((pl.element().first() - pl.element()).abs()).list.max()
    return float(scores.abs().max())  # type: ignore[arg-type] # of numbers


def _check_margins(lesson: Lesson) -> None:
    reach = margin_reach(lesson)
    if reach > WIDEST_COSINE_MARGIN:
        raise FrameError(
            f"{lesson.name}: its margins reach {reach:.3g}, but cosines differ by {WIDEST_COSINE_MARGIN} at most; "
            "omit --similarity, for dot products."
        )
