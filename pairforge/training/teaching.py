"""The vectors that a teacher gives the texts of a corpus, as the labels that its loss learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from pairforge.engines.vectors import VectorStore
from pairforge.models import Encoder, ModelKind, Side
from pairforge.progress import Progress, silent
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan

_VECTORS = "label"


def with_teachers_vectors(plan: TrainingPlan, store: VectorStore, progress: Progress = silent) -> TrainingPlan:
    """The plan, with the teacher's vectors as labels in every corpus whose loss learns them.

    The first text of a row is encoded as a query and the others as documents, each distinct text once; what other
    commands have encoded is taken from the store.

    Args:
        plan: A settled training.
        store: Where vectors are kept.
        progress: Shows texts encoded.

    Raises:
        ModelError: the teacher cannot be loaded.
    """
    if plan.companions.teacher is None:
        return plan
    from pairforge.engines.encoders import load_encoder  # noqa: PLC0415 - loads torch where a text has to be encoded

    teacher = load_encoder(plan.companions.teacher.model_copy(update={"kind": ModelKind.ENCODER}))
    lessons = tuple(
        _taught(lesson, teacher, store, progress) if "teacher" in lesson.loss.models else lesson
        for lesson in plan.lessons
    )
    return replace(plan, lessons=lessons)


def taught_dimension(rows: pl.DataFrame) -> int:
    """Numbers in a teacher's vector, of the rows of a lesson that has them."""
    return int(rows[_VECTORS].dtype.shape[-1])  # type: ignore[attr-defined] # it is an array


def _taught(lesson: Lesson, teacher: Encoder, store: VectorStore, progress: Progress) -> Lesson:
    rows = lesson.rows
    first, *others = (rows[name].to_list() for name in rows.columns)
    if lesson.loss.taught_by_first:
        others = []
    texts = {Side.QUERY: first, Side.DOCUMENT: [text for column in others for text in column]}
    tables = store.tables(teacher, texts, progress)
    vectors = tables[Side.QUERY].take(range(rows.height))
    if others:
        documents = tables[Side.DOCUMENT].take(range(rows.height * len(others)))
        by_column = documents.reshape(len(others), rows.height, -1)
        vectors = np.stack([vectors, *by_column], axis=1)
    return replace(lesson, rows=rows.with_columns(pl.Series(_VECTORS, vectors)))
