"""Whether corpora can be compared, and what flatters one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelSpec
from pairforge.pipeline.comparison import Contest
from pairforge.pipeline.entrants import Part
from pairforge.pipeline.students import FRESH_STATIC, start_of
from pairforge.steps.decontaminate import DecontaminateOptions, clean_rows
from pairforge.training.choice import check_fit
from pairforge.training.kinds import BaseKind
from pairforge.training.lessons import Lesson, settle_lessons
from pairforge.training.options import TrainOptions
from pairforge.training.plan import plan_training

Shared = Mapping[str, Mapping[str, int]]
"""Task → corpus → its rows that share a text with the task."""


def check_fits(parts: Sequence[Part], contest: Contest, steps: int) -> dict[str, str]:
    """See that the student can learn from each corpus, and give each its loss.

    Raises:
        FrameError: a corpus fits no loss, or does not fill a batch.
        OptionsError, ModelError: the loss cannot train the student, or an option means nothing to it.
    """
    # A fresh student has no folder yet that a whole training could be planned from.
    fresh = contest.student == FRESH_STATIC
    base = None if fresh else resolve(start_of(contest.student), ModelKind.WEIGHTS)
    return {
        part.name: _lesson(part, base, contest.options(steps, contest.rates[0], 0, name=part.name).training()).loss.name
        for part in parts
    }


def _lesson(part: Part, base: ModelSpec | None, training: TrainOptions) -> Lesson:
    try:
        lesson = _settled(part.corpus, base, training)
    except (FrameError, OptionsError, ModelError) as error:
        raise type(error)(f"{part.name}: {str(error).removeprefix('corpus: ')}") from error
    if lesson.rows.height < training.batch_size:
        raise FrameError(
            f"{part.name}: has {lesson.rows.height:,} rows, fewer than one batch of {training.batch_size:,}; give more "
            "rows, or a smaller --batch-size to all."
        )
    return lesson


def _settled(corpus: pl.DataFrame, base: ModelSpec | None, training: TrainOptions) -> Lesson:
    if base is not None:
        return plan_training([corpus], None, base, training).lessons[0]
    (lesson,) = settle_lessons([corpus], training)
    check_fit(lesson.loss, BaseKind.STATIC, FRESH_STATIC, rows=lesson.rows.height, batch_size=training.batch_size)
    return lesson


def rows_shared(parts: Sequence[Part], texts: Mapping[str, pl.Series]) -> Shared:
    """How many rows of each corpus share a text with what a task asks about, by the measure of `decontaminate`.

    Args:
        parts: The corpora.
        texts: Task → its distinct texts, in their normal form; a task without texts is left out.
    """
    return {
        task: {part.name: shared for part in parts if (shared := _shared(part, asked)) is not None}
        for task, asked in texts.items()
        if len(asked)
    }


def warnings(parts: Sequence[Part], shared: Shared) -> Iterator[str]:
    """A sentence for each corpus that shares texts with a task."""
    for task, by_corpus in shared.items():
        for part in parts:
            if rows := by_corpus.get(part.name, 0):
                share = rows / part.corpus.height
                yield (
                    f"{part.name} shares texts with {task} in {rows:,} of {part.corpus.height:,} rows ({share:.1%}), "
                    "which flatters it; pairforge decontaminate takes them out."
                )


def _shared(part: Part, asked: pl.Series) -> int | None:
    try:
        kept = clean_rows(
            part.corpus, first_row=0, prepared=asked, options=DecontaminateOptions(), context=StepContext()
        )
    except FrameError:
        return None
    return part.corpus.height - kept.height
