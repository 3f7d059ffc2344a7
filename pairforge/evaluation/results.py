"""What an evaluation found: the records of its JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pairforge.errors import FileError
from pairforge.evaluation.task import metric_name
from pairforge.files import read_json


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(_Record):
    """What was measured, with the interval that holds the truth at the chosen confidence.

    Args:
        value: On all items.
        low: Lower end of the interval; None where the task knows no predictions of single items.
        high: Upper end of the interval; None there too.
    """

    value: float
    low: float | None = None
    high: float | None = None


class ModelScores(_Record):
    """One model's scores on one task.

    Args:
        model: The name it was asked for by.
        identity: Digest of everything that decides its output.
        closeness: How it says first of all that two texts are close ("cosine", "score"); empty where the task's
            measures do not depend on it.
        metrics: Metric (`spearman_cosine` …) → value and interval, each in [-1, 1]; thresholds (`f1_threshold_cosine`)
            on the scale of the model's closeness.
    """

    model: str
    identity: str
    closeness: str
    metrics: dict[str, Score]

    def metric(self, measure: str) -> str:
        """The metric that stands for a measure: that of its first closeness."""
        return metric_name(measure, self.closeness)


class Difference(_Record):
    """How far a model is ahead of one that stands before it, on the same resampled items.

    Args:
        model: The model.
        baseline: The earlier model.
        metric: The model's metric that is compared.
        value: The model's value less the baseline's, on all items.
        low: Lower end of the interval.
        high: Upper end of the interval.
        excludes_zero: Whether zero lies outside the interval.
    """

    model: str
    baseline: str
    metric: str
    value: float
    low: float
    high: float
    excludes_zero: bool


class TaskResults(_Record):
    """All models' scores on one task.

    Args:
        task: The task as it was named.
        source: Where its rows came from.
        rows: Items evaluated.
        items: What an item is, in the plural.
        data: Digest of what the items were read from and how, by which results of the same items know each other.
        measures: The measures that a table shows and models are compared by, the most telling first.
        models: Scores by model, in the order given.
        differences: Every model against each one before it, by each of the measures, the comparisons with the first
            model before the others; none where no intervals are known.
    """

    task: str
    source: str
    rows: int
    items: str
    data: str = ""
    measures: tuple[str, ...]
    models: tuple[ModelScores, ...]
    differences: tuple[Difference, ...] = ()


class ModelFacts(_Record):
    """What a model costs.

    Args:
        model: What tables call it: its name, and the form of its vectors where that is not its own.
        identity: Digest of everything that decides its output.
        dimension: Numbers of a text's vector; None for a model that gives none.
        precision: How each is kept.
        vector_bytes: Bytes of a text's vector.
        weights_bytes: Bytes of its weights' files; None where it has none.
        query_milliseconds: Median time of one short query on this machine; None where it was not measured.
        texts_per_second: Passages of 100 words that it reads in a second; None where it was not measured.
    """

    model: str
    identity: str
    dimension: int | None = None
    precision: str | None = None
    vector_bytes: int | None = None
    weights_bytes: int | None = None
    query_milliseconds: float | None = None
    texts_per_second: float | None = None


class Evaluation(_Record):
    """Everything one evaluation found; numbers are rounded to six decimals.

    Args:
        confidence: Share of the resamples that each interval holds.
        bootstrap_samples: Resamples drawn.
        seed: Seed of the resamples.
        models: What each model costs, in the order of every task's.
        tasks: Results by task, in the order given.
    """

    confidence: float
    bootstrap_samples: int
    seed: int
    models: tuple[ModelFacts, ...]
    tasks: tuple[TaskResults, ...]

    def to_json(self) -> dict[str, Any]:
        """The value that is written to the results file."""
        return self.model_dump(mode="json")


def read_results(path: Path) -> Evaluation:
    """Read a results file.

    Raises:
        FileError: it cannot be read, or holds no results.
    """
    value = read_json(path)
    try:
        return Evaluation.model_validate(value)
    except ValidationError:
        raise FileError(f"{path}: holds no results of an evaluation; make it anew with pairforge evaluate.") from None
