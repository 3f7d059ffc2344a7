"""What is trained, as the shared part of a training sees it: encoders and cross-encoders alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import torch

from pairforge.training.dev import DevRows
from pairforge.training.lessons import Lesson
from pairforge.training.trainer import ExactTrainer


class Trainee(Protocol):
    """A loaded model with what the training of its kind needs."""

    @property
    def model(self) -> Any:
        """A sentence-transformers model, in fp32."""
        ...

    @property
    def trainer_class(self) -> type[ExactTrainer]:
        """What trains it."""
        ...

    @property
    def learning_rate(self) -> float:
        """A peak rate that suits the weights."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What the user is told of how the model was made ready."""
        ...

    def arguments(self, lessons: Sequence[Lesson]) -> dict[str, Any]:
        """What else the library's trainer has to be told."""
        ...

    def rows(self, lesson: Lesson) -> pl.DataFrame:
        """A corpus as its loss reads it."""
        ...

    def prompts(self, lesson: Lesson) -> dict[str, str]:
        """Text column of a corpus → what goes before its texts."""
        ...

    def loss(self, lesson: Lesson) -> torch.nn.Module:
        """The loss of a corpus, built on the model."""
        ...

    def dev_score(self, dev: DevRows) -> float:
        """The score on the dev rows of the model as it is now."""
        ...

    def save(self, losses: Sequence[torch.nn.Module], folder: Path) -> None:
        """Save the model, and what of the losses, one for each corpus, belongs to it."""
        ...
