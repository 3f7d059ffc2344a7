"""Training an encoder: a sentence-transformers model that gives each text a vector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformerTrainer
from sentence_transformers.sentence_transformer import losses as library

from pairforge.training.building import build_loss
from pairforge.training.dev import DevRows
from pairforge.training.heads import head_tensors
from pairforge.training.kinds import BaseKind
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainees.encoder_models import load_encoder_model, side_arguments
from pairforge.training.trainees.prompts import prompts_of
from pairforge.training.trainees.rates import TRANSFORMER_RATE, static_rate
from pairforge.training.trainees.search_model import labels_as_scores
from pairforge.training.trainer import ExactTrainer

_OF_WRAPPED = "loss."


class ExactEncoderTrainer(ExactTrainer, SentenceTransformerTrainer):  # type: ignore[misc] # its base is untyped
    """Trains an encoder."""


class EncoderTrainee:
    """An encoder, loaded with the prompts and the length that its training gives it."""

    trainer_class = ExactEncoderTrainer

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        self.model, self.notes = load_encoder_model(plan)

    def arguments(self, lessons: Sequence[Lesson]) -> dict[str, Any]:
        """Which side a column stands on, and a rate of its own for a static side beside a transformer."""
        return side_arguments(self.model, self._plan)

    def rows(self, lesson: Lesson) -> pl.DataFrame:
        """A corpus, labels as scores for a loss that tells no classes."""
        return labels_as_scores(lesson)

    def prompts(self, lesson: Lesson) -> dict[str, str]:
        """The query prompt goes before the first text of a row, the document prompt before the others."""
        return prompts_of(self._plan, lesson)

    @property
    def learning_rate(self) -> float:
        """A rate that suits the weights."""
        if self._plan.base_kind is BaseKind.TRANSFORMER:
            return TRANSFORMER_RATE
        return static_rate(self.model.parameters())

    def loss(self, lesson: Lesson) -> torch.nn.Module:
        """The loss of sentence-transformers, with a head where it tells classes."""
        return build_loss(library, self.model, lesson, self._plan)

    def dev_score(self, dev: DevRows) -> float:
        """The score of the cosines, with the query prompt before both texts, as `evaluate` judges the model.

        Of a model with two sides, the first text is the query and the second the document. Where texts are searched
        for, the document prompt stands before them.
        """
        if dev.measure.of_ranks:
            return self._rank_score(dev)
        first, second = (
            self.model.encode(texts, normalize_embeddings=True, show_progress_bar=False, **side)
            for texts, side in zip(dev.texts, _sides(self._plan), strict=True)
        )
        return dev.score(np.einsum("rd,rd->r", first.astype(np.float64), second.astype(np.float64)))

    def _rank_score(self, dev: DevRows) -> float:
        queries, documents = (
            self.model.encode(texts, prompt_name=side, task=side, normalize_embeddings=True, show_progress_bar=False)
            for texts, side in zip(dev.searched, ("query", "document"), strict=True)
        )
        return dev.rank_score(lambda some: queries[some] @ documents.T)

    def save(self, losses: Sequence[torch.nn.Module], folder: Path) -> None:
        """Save the model, and beside it the heads and projections that losses learnt along with it."""
        self.model.save_pretrained(str(folder), create_model_card=False)
        names = [lesson.loss.head for lesson in self._plan.lessons]
        for number, (name, loss) in enumerate(zip(names, losses, strict=True)):
            head = {tensor.removeprefix(_OF_WRAPPED): weights for tensor, weights in head_tensors(loss).items()}
            if name is not None and head:
                save_file(head, folder / (name if names.count(name) == 1 else f"{number + 1}_{name}"))


def _sides(plan: TrainingPlan) -> tuple[dict[str, str], dict[str, str]]:
    if plan.trains_sides:
        return {"prompt_name": "query", "task": "query"}, {"prompt_name": "document", "task": "document"}
    return {"prompt_name": "query"}, {"prompt_name": "query"}
