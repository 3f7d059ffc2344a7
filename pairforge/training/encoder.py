"""Training an encoder: a sentence-transformers model that gives each text a vector."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.sentence_transformer import losses as library

from pairforge.engines.sentence_models import load_sentence_model
from pairforge.frames import LABELLED_PAIR, ColumnKind
from pairforge.training.dev import DevRows
from pairforge.training.kinds import BaseKind
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainer import ExactTrainer, head_tensors

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
        self.prompts = _prompts(plan)

    @property
    def rows(self) -> pl.DataFrame:
        """The corpus, labels as scores for a loss that tells no classes."""
        if self._plan.shape is LABELLED_PAIR and self._plan.num_labels is None:
            return self._plan.rows.with_columns(pl.col("label").cast(pl.Float64))
        return self._plan.rows

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

    def loss(self) -> torch.nn.Module:
        """The loss of sentence-transformers, with a head where it tells classes."""
        loss = self._plan.choice.loss
        keywords: dict[str, Any] = dict(loss.settings(self._plan.options))
        if self._plan.num_labels is not None:
            keywords["num_labels"] = self._plan.num_labels
            keywords["embedding_dimension"] = self.model.get_embedding_dimension()
        built: torch.nn.Module = getattr(library, loss.class_name)(self.model, **keywords)
        return built

    def dev_score(self, dev: DevRows) -> float:
        """The score of the cosines, with the query prompt before both texts, as `evaluate` judges the model."""
        first, second = (
            self.model.encode(texts, prompt_name="query", normalize_embeddings=True, show_progress_bar=False)
            for texts in dev.texts
        )
        return dev.score(np.einsum("rd,rd->r", first.astype(np.float64), second.astype(np.float64)))

    def save(self, loss: torch.nn.Module, folder: Path) -> None:
        """Save the model, and a head beside it."""
        self.model.save_pretrained(str(folder), create_model_card=False)
        head = head_tensors(loss)
        if head:
            save_file(head, folder / SOFTMAX_HEAD)


def _load(plan: TrainingPlan) -> SentenceTransformer:
    request = plan.base.request
    model = load_sentence_model(plan.base, dtype="float32", max_length=plan.max_length)
    for name, prompt in (("query", request.query_prompt), ("document", request.document_prompt)):
        if prompt is not None:
            model.prompts[name] = prompt
    return model


def _prompts(plan: TrainingPlan) -> dict[str, str] | None:
    """The query prompt goes before the first text of a row, the document prompt before the others."""
    query, document = plan.base.request.query_prompt, plan.base.request.document_prompt
    texts = [
        name
        for column in plan.shape.columns
        if column.kind is ColumnKind.TEXT
        for name in column.names_in(plan.rows.columns)
    ]
    prompts = {name: prompt for name, prompt in zip(texts, [query] + [document] * len(texts), strict=False) if prompt}
    return prompts or None
