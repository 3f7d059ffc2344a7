"""What sparse encoders and late-interaction models have in common: a similarity of queries to documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from pairforge.agreement import Array
from pairforge.frames import LABELLED_PAIR
from pairforge.training.dev import DevRows
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainees.prompts import prompts_of

_PAIRS_AT_ONCE = 256


class SearchTrainee:
    """A loaded model of sentence-transformers with `encode_query`, `encode_document` and `similarity_pairwise`.

    Args:
        plan: What is trained.
        model: The model.
        notes: What the user is told of how it was made ready.
    """

    def __init__(self, plan: TrainingPlan, model: Any, notes: Sequence[str]) -> None:
        self._plan = plan
        self.model = model
        self.notes = notes

    def arguments(self, lessons: Sequence[Lesson]) -> dict[str, Any]:
        """Nothing else."""
        return {}

    def rows(self, lesson: Lesson) -> pl.DataFrame:
        """A corpus, labels as scores."""
        return labels_as_scores(lesson)

    def prompts(self, lesson: Lesson) -> dict[str, str]:
        """The query prompt goes before the first text of a row, the document prompt before the others."""
        return prompts_of(self._plan, lesson)

    def dev_score(self, dev: DevRows) -> float:
        """The score of the model's own similarity of each row's first text, as a query, and its second, a document."""
        first, second = dev.texts
        blocks = [
            self._similarities(first[start : start + _PAIRS_AT_ONCE], second[start : start + _PAIRS_AT_ONCE])
            for start in range(0, len(first), _PAIRS_AT_ONCE)
        ]
        return dev.score(np.concatenate(blocks))

    def save(self, losses: Sequence[torch.nn.Module], folder: Path) -> None:
        """Save the model, which has all that is trained."""
        self.model.save_pretrained(str(folder), create_model_card=False)

    def _similarities(self, queries: list[str], documents: list[str]) -> Array:
        encoded = (
            self.model.encode_query(queries, show_progress_bar=False),
            self.model.encode_document(documents, show_progress_bar=False),
        )
        similarities: Array = self.model.similarity_pairwise(*encoded).double().cpu().numpy()
        return similarities


def labels_as_scores(lesson: Lesson) -> pl.DataFrame:
    """A corpus' rows, 0 and 1 as fractions where a loss compares them with similarities."""
    if lesson.shape is LABELLED_PAIR and lesson.num_labels is None:
        return lesson.rows.with_columns(pl.col("label").cast(pl.Float64))
    return lesson.rows
