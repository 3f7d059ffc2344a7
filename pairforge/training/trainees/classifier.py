"""Training an encoder with a classification head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import torch
from sentence_transformers.base.modules import Normalize

from pairforge.engines.classification_heads import ClassificationHead, has_head
from pairforge.engines.sentence_models import model_folder
from pairforge.training.dev import DevRows
from pairforge.training.kinds import BaseKind
from pairforge.training.lessons import Lesson
from pairforge.training.linear_head import LinearHead
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainees.encoder import ExactEncoderTrainer
from pairforge.training.trainees.encoder_models import load_encoder_model
from pairforge.training.trainees.prompts import prompts_of
from pairforge.training.trainees.rates import TRANSFORMER_RATE, static_rate

_HEAD_RATE = 1e-2
_UNIT_HEAD_RATE = 0.1
"""For vectors of length 1, whose numbers are small (frozen ones, 150 steps on Banking77: .822; at 1e-2 .670)."""


class ClassifierTrainee:
    """An encoder and a linear head over its vectors, which is saved beside it with the names of its classes.

    The head of a base that tells the same classes is trained on.
    """

    trainer_class = ExactEncoderTrainer

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        self.model, self.notes = load_encoder_model(plan)
        self._head = LinearHead(self.model, len(plan.classes))
        folder = model_folder(plan.base)
        if has_head(folder):
            self._take_over(ClassificationHead.load(folder))

    @property
    def learning_rate(self) -> float:
        """A rate that suits the weights of the encoder."""
        if self._plan.base_kind is BaseKind.TRANSFORMER:
            return TRANSFORMER_RATE
        return static_rate(self.model.parameters())

    def arguments(self, lessons: Sequence[Lesson]) -> dict[str, Any]:
        """A rate for the head: at that of a transformer it would hardly move."""
        rate = self._plan.options.learning_rate or self.learning_rate
        are_unit = isinstance(list(self.model.children())[-1], Normalize)
        return {"learning_rate_mapping": {r"^linear\.": max(rate, _UNIT_HEAD_RATE if are_unit else _HEAD_RATE)}}

    def rows(self, lesson: Lesson) -> pl.DataFrame:
        """A corpus, each class by its place."""
        places = {name: place for place, name in enumerate(self._plan.classes)}
        return lesson.rows.with_columns(pl.col("label").replace_strict(places, return_dtype=pl.Int64))

    def prompts(self, lesson: Lesson) -> dict[str, str]:
        """The query prompt goes before every text."""
        return prompts_of(self._plan, lesson)

    def loss(self, lesson: Lesson) -> torch.nn.Module:
        """Cross-entropy of the head."""
        return self._head

    def dev_score(self, dev: DevRows) -> float:
        """The share of texts whose class is found."""
        vectors = self.model.encode(dev.rows["text"].to_list(), prompt_name="query", show_progress_bar=False)
        found = self._as_saved().logits(vectors).argmax(axis=1)
        return dev.score([self._plan.classes[place] for place in found])

    def save(self, losses: Sequence[torch.nn.Module], folder: Path) -> None:
        """Save the encoder, and the head with its classes beside it."""
        self.model.save_pretrained(str(folder), create_model_card=False)
        self._as_saved().save(folder)

    def _as_saved(self) -> ClassificationHead:
        weight, bias = (tensor.detach().float().cpu().numpy() for tensor in self._head.linear.parameters())
        return ClassificationHead(self._plan.classes, weight, bias)

    def _take_over(self, head: ClassificationHead) -> None:
        if head.classes != self._plan.classes or head.weight.shape != self._head.linear.weight.shape:
            return
        with torch.no_grad():
            self._head.linear.weight.copy_(torch.from_numpy(head.weight))
            self._head.linear.bias.copy_(torch.from_numpy(head.bias))
