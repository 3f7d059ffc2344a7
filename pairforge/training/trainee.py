"""What is trained, as the shared part of a training sees it: encoders and cross-encoders alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import polars as pl
import torch

from pairforge.training.dev import DevRows
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
    def rows(self) -> pl.DataFrame:
        """The corpus as the loss reads it."""
        ...

    @property
    def prompts(self) -> dict[str, str] | None:
        """Text column → what goes before its texts."""
        ...

    @property
    def learning_rate(self) -> float:
        """A peak rate that suits the weights."""
        ...

    def loss(self) -> torch.nn.Module:
        """The loss, built on the model."""
        ...

    def dev_score(self, dev: DevRows) -> float:
        """The score on the dev rows of the model as it is now."""
        ...

    def save(self, loss: torch.nn.Module, folder: Path) -> None:
        """Save the model, and what of the loss belongs to it."""
        ...
