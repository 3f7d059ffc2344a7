"""Training an encoder: a sentence-transformers model that gives each text a vector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.sentence_transformer import losses as library

from pairforge.engines.sentence_models import load_sentence_model
from pairforge.frames import LABELLED_PAIR, ColumnKind
from pairforge.training.building import build_loss
from pairforge.training.dev import DevRows
from pairforge.training.heads import head_tensors
from pairforge.training.kinds import BaseKind
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainer import ExactTrainer

_TRANSFORMER_RATE = 2e-5
_FRESH_STATIC_RATE = 0.1
SOFTMAX_HEAD = "softmax_head.safetensors"


class ExactEncoderTrainer(ExactTrainer, SentenceTransformerTrainer):  # type: ignore[misc] # its base is untyped
    """Trains an encoder."""


class EncoderTrainee:
    """An encoder, loaded with the prompts and the length that its training gives it."""

    trainer_class = ExactEncoderTrainer

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        self.model = _load(plan)

    def rows(self, lesson: Lesson) -> pl.DataFrame:
        """A corpus, labels as scores for a loss that tells no classes."""
        if lesson.shape is LABELLED_PAIR and lesson.num_labels is None:
            return lesson.rows.with_columns(pl.col("label").cast(pl.Float64))
        return lesson.rows

    def prompts(self, lesson: Lesson) -> dict[str, str]:
        """The query prompt goes before the first text of a row, the document prompt before the others."""
        query, document = self._plan.base.request.query_prompt, self._plan.base.request.document_prompt
        texts = [
            name
            for column in lesson.shape.columns
            if column.kind is ColumnKind.TEXT
            for name in column.names_in(lesson.rows.columns)
        ]
        given = zip(texts, [query] + [document] * len(texts), strict=False)
        return {name: prompt for name, prompt in given if prompt}

    @property
    def learning_rate(self) -> float:
        """A rate that suits the weights.

        AdamW moves each weight by about the rate, whatever its size: 0.1 suits a table of normal-distributed vectors
        and ruins a distilled one, whose weights are seven times smaller (measured: STSb .743 → .605, with 0.01 .744).
        """
        if self._plan.base_kind is BaseKind.TRANSFORMER:
            return _TRANSFORMER_RATE
        weights = torch.cat([weights.detach().flatten() for weights in self.model.parameters()])
        size = float(weights.square().mean().sqrt())
        return float(f"{size / 10:.0e}") if math.isfinite(size) and size > 0 else _FRESH_STATIC_RATE

    def loss(self, lesson: Lesson) -> torch.nn.Module:
        """The loss of sentence-transformers, with a head where it tells classes."""
        return build_loss(library, self.model, lesson, self._plan)

    def dev_score(self, dev: DevRows) -> float:
        """The score of the cosines, with the query prompt before both texts, as `evaluate` judges the model.

        Where texts are searched for, the document prompt stands before them.
        """
        if dev.measure.of_ranks:
            return self._rank_score(dev)
        first, second = (
            self.model.encode(texts, prompt_name="query", normalize_embeddings=True, show_progress_bar=False)
            for texts in dev.texts
        )
        return dev.score(np.einsum("rd,rd->r", first.astype(np.float64), second.astype(np.float64)))

    def _rank_score(self, dev: DevRows) -> float:
        queries, documents = (
            self.model.encode(texts, prompt_name=side, normalize_embeddings=True, show_progress_bar=False)
            for texts, side in zip(dev.searched, ("query", "document"), strict=True)
        )
        return dev.rank_score(lambda some: queries[some] @ documents.T)

    def save(self, losses: Sequence[torch.nn.Module], folder: Path) -> None:
        """Save the model, and the heads of softmax losses beside it."""
        self.model.save_pretrained(str(folder), create_model_card=False)
        heads = [head for head in map(head_tensors, losses) if head]
        for number, head in enumerate(heads):
            save_file(head, folder / (SOFTMAX_HEAD if len(heads) == 1 else f"{number + 1}_{SOFTMAX_HEAD}"))


def _load(plan: TrainingPlan) -> SentenceTransformer:
    request = plan.base.request
    model = load_sentence_model(plan.base, dtype="float32", max_length=plan.max_length)
    for name, prompt in (("query", request.query_prompt), ("document", request.document_prompt)):
        if prompt is not None:
            model.prompts[name] = prompt
    return model
