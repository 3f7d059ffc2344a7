"""What a training did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FEW_STEPS = 20
"""Steps whose mean stands for the beginning, or the end, of a run."""


def mean_loss(losses: Sequence[float]) -> float:
    """The mean of some steps' losses."""
    return sum(losses) / len(losses)


class TrainingOutcome(BaseModel):
    """What one training run did; kept beside its model, so that a finished restart is not trained again.

    Args:
        seed: Of its random draws.
        precision: The arithmetic used.
        learning_rate: The peak.
        steps: Batches trained.
        losses: The loss of each step.
        dev_scores: Step → score on the dev rows; step 0 is the start.
        best_step: The step whose weights were kept; None without dev rows.
        left_out: Rows of the last epoch that no batch had room for.
        resumed_at: The step that an earlier run had reached; None for a run in one go.
        notes: How the model was made ready, and what it was trained on where that was settled by itself.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    seed: int
    precision: str
    learning_rate: float
    steps: int
    losses: tuple[float, ...]
    dev_scores: dict[int, float]
    best_step: int | None
    left_out: int
    resumed_at: int | None
    notes: tuple[str, ...] = ()

    @property
    def first_loss(self) -> float:
        """Mean loss of the first steps, at most 20."""
        return mean_loss(self.losses[:FEW_STEPS])

    @property
    def final_loss(self) -> float:
        """Mean loss of the last steps, at most 20."""
        return mean_loss(self.losses[-FEW_STEPS:])

    @property
    def best_score(self) -> float | None:
        """The dev score of the weights that were kept; None without dev rows."""
        return None if self.best_step is None else self.dev_scores[self.best_step]


@dataclass(frozen=True)
class Trained:
    """A trained model and the trainings that it is the best of.

    Args:
        model: Its folder.
        restarts: What each training did.
        kept: The place of its own among them.
    """

    model: Path
    restarts: Sequence[TrainingOutcome]
    kept: int = 0

    @property
    def outcome(self) -> TrainingOutcome:
        """What its own training did."""
        return self.restarts[self.kept]
