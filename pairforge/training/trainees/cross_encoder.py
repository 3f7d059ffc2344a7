"""Training a cross-encoder: a sentence-transformers model that reads two texts at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from sentence_transformers import CrossEncoder, CrossEncoderTrainer
from sentence_transformers.cross_encoder import losses as library

from pairforge.agreement import Array
from pairforge.engines.sentence_models import load_cross_encoder
from pairforge.training.building import build_loss
from pairforge.training.dev import DevRows
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainer import ExactTrainer

_RATE = 2e-5
_NLI_CLASSES = ("entailment", "neutral", "contradiction")


class ExactCrossEncoderTrainer(ExactTrainer, CrossEncoderTrainer):  # type: ignore[misc] # its base is untyped
    """Trains a cross-encoder."""


class CrossEncoderTrainee:
    """A cross-encoder: one output with a sigmoid, or an output for each NLI class.

    A base that tells the NLI classes in another order keeps it; the labels are turned to it for training.
    """

    trainer_class = ExactCrossEncoderTrainer
    learning_rate = _RATE
    notes = ()

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        self.model = load_cross_encoder(
            plan.base, dtype="float32", max_length=plan.max_length, num_labels=plan.num_labels or 1
        )
        self.model.activation_fn = torch.nn.Identity() if plan.num_labels else torch.nn.Sigmoid()
        self._outputs = _name_classes(self.model) if plan.num_labels else []

    def arguments(self, lessons: Sequence[Lesson]) -> dict[str, Any]:
        """Nothing else."""
        return {}

    def rows(self, lesson: Lesson) -> pl.DataFrame:
        """A corpus, each class by the output that stands for it."""
        if not lesson.num_labels:
            return lesson.rows
        output_of = dict(enumerate(self._outputs))
        return lesson.rows.with_columns(pl.col("label").replace_strict(output_of, return_dtype=pl.Int64))

    def prompts(self, lesson: Lesson) -> dict[str, str]:
        """None: it reads two texts at once."""
        return {}

    def loss(self, lesson: Lesson) -> torch.nn.Module:
        """The loss of sentence-transformers."""
        return build_loss(library, self.model, lesson, self._plan)

    def dev_score(self, dev: DevRows) -> float:
        """The score of its classes, or of its scores in [0, 1]: one output's sigmoid, or entailment's probability."""
        scores = self._predict(*dev.texts)
        if not self._outputs:
            return dev.score(scores)
        by_class = scores[:, self._outputs]
        return dev.score(by_class.argmax(axis=1) if dev.measure.of_classes else by_class[:, 0])

    def save(self, losses: Sequence[torch.nn.Module], folder: Path) -> None:
        """Save the model; its head is part of it."""
        self.model.save_pretrained(str(folder), create_model_card=False)

    def _predict(self, first: list[str], second: list[str]) -> Array:
        pairs = list(zip(first, second, strict=True))
        scores: Any = self.model.predict(pairs, apply_softmax=bool(self._outputs), show_progress_bar=False)
        predicted: Array = scores.astype(np.float64)
        return predicted


def _name_classes(model: CrossEncoder) -> list[int]:
    """The outputs of entailment, neutral and contradiction; a head without these names is given them in this order."""
    outputs = {str(name).lower(): int(output) for output, name in model.config.id2label.items()}
    if set(outputs) != set(_NLI_CLASSES):
        outputs = {name: output for output, name in enumerate(_NLI_CLASSES)}
        model.config.id2label = {output: name for name, output in outputs.items()}
        model.config.label2id = outputs
    return [outputs[name] for name in _NLI_CLASSES]
