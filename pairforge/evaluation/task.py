"""What models are judged by, as `evaluate` sees it: any task that measures models on resampled rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pairforge.agreement import Array
from pairforge.execution.step import StepContext
from pairforge.models import Encoder, PairScorer
from pairforge.steps.pair_scores import HeadOptions

Model = Encoder | PairScorer


@dataclass(frozen=True)
class Means:
    """How models are judged, whatever the task.

    Args:
        samples: Resamples of the rows, the same for all models.
        seed: Decides the rows of each.
        head: How a cross-encoder's outputs become a score.
        context: Caches, ledger and progress.
    """

    samples: int
    seed: int
    head: HeadOptions
    context: StepContext


@dataclass(frozen=True)
class Measured:
    """One measure of one model.

    Args:
        value: On all rows.
        draws: On each resample, shape (samples,); NaN where it is not defined there.
    """

    value: float
    draws: Array


@dataclass(frozen=True)
class Judgement:
    """Everything that was measured of one model.

    Args:
        closeness: How the model says first of all that two texts are close ("cosine", "score").
        measured: `measure_closeness` (`spearman_cosine` …) → what was measured.
    """

    closeness: str
    measured: Mapping[str, Measured]

    def metric(self, measure: str) -> str:
        """The name of a measure of the model's first closeness."""
        return f"{measure}_{self.closeness}"


class Task(Protocol):
    """Rows to judge models by, read and checked."""

    @property
    def name(self) -> str:
        """As the user named it."""
        ...

    @property
    def source(self) -> str:
        """Where its rows came from."""
        ...

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that a table shows and models are compared by, the most telling first."""
        ...

    @property
    def guesses(self) -> tuple[str, ...]:
        """What was guessed in reading them, and what else the user should know of them."""
        ...

    def judge(self, models: Sequence[Model], means: Means) -> list[Judgement]:
        """Measure each model, in order, all on the same resamples.

        Raises:
            ModelError: a model gives NaN, or tells no rows apart.
        """
        ...
