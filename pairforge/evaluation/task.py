"""What models are judged by, as `evaluate` and `compare` see it: any task that predicts for items and measures that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from pairforge.agreement import Array
from pairforge.evaluation.judged import Judged
from pairforge.execution.step import StepContext


@dataclass(frozen=True)
class Means:
    """How models are judged, whatever the task.

    Args:
        samples: Resamples of the items, the same for all models.
        seed: Decides the items of each, and whatever a task draws.
        context: Caches, ledger and progress.
    """

    samples: int
    seed: int
    context: StepContext


@dataclass(frozen=True)
class Measured:
    """One measure of one model.

    Args:
        value: On all items.
        draws: On each resample, shape (samples,), NaN where it is not defined there; None where the task knows no
            predictions of single items.
    """

    value: float
    draws: Array | None


@dataclass(frozen=True)
class Judgement:
    """Everything that was measured of one model.

    Args:
        closeness: How the model says first of all that two texts are close ("cosine", "score"); empty where measures
            do not depend on it.
        measured: `measure_closeness` (`spearman_cosine` …), or `measure` alone → what was measured.
    """

    closeness: str
    measured: Mapping[str, Measured]

    def metric(self, measure: str) -> str:
        """The name of a measure of the model's first closeness."""
        return metric_name(measure, self.closeness)


def metric_name(measure: str, closeness: str) -> str:
    """What a measure is called by this closeness."""
    return f"{measure}_{closeness}" if closeness else measure


class Task(Protocol):
    """Items to judge models by, read and checked."""

    @property
    def name(self) -> str:
        """As the user named it."""
        ...

    @property
    def source(self) -> str:
        """Where its items came from."""
        ...

    @property
    def rows(self) -> int:
        """How many items there are."""
        ...

    @property
    def items(self) -> str:
        """What an item is, in the plural ("pairs", "queries")."""
        ...

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that a table shows and models are compared by, the most telling first."""
        ...

    @property
    def guesses(self) -> tuple[str, ...]:
        """What was guessed in reading them, and what else the user should know of them."""
        ...

    def predict(self, model: Judged, means: Means) -> pl.DataFrame:
        """What a model says of each item: one row an item, in the task's order; the columns are the task's own.

        This is what costs; kept as a file it can be measured later beside other models.

        Raises:
            ModelError: the model gives NaN, tells no items apart, or cannot do what the task asks.
        """
        ...

    def measure(self, predictions: Sequence[pl.DataFrame], means: Means) -> list[Judgement]:
        """Measure what each model said, in order, all on the same resamples of the items."""
        ...
