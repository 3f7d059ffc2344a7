"""What an evaluation found: models of its JSON file, and the table that a terminal shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pairforge.errors import FileError
from pairforge.evaluation.task import metric_name
from pairforge.files import read_json

_ABBREVIATIONS = {"auc": "AUC", "ndcg": "nDCG", "mrr": "MRR", "map": "MAP", "f1": "F1"}


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
        metrics: Metric (`spearman_cosine` …) → value and interval, each in [-1, 1].
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
        measures: The measures that a table shows and models are compared by, the most telling first.
        models: Scores by model, in the order given.
        differences: Every model against each one before it, by each of the measures, the comparisons with the first
            model before the others; none where no intervals are known.
    """

    task: str
    source: str
    rows: int
    items: str
    measures: tuple[str, ...]
    models: tuple[ModelScores, ...]
    differences: tuple[Difference, ...] = ()


class Evaluation(_Record):
    """Everything one evaluation found; numbers are rounded to six decimals.

    Args:
        confidence: Share of the resamples that each interval holds.
        bootstrap_samples: Resamples drawn.
        seed: Seed of the resamples.
        tasks: Results by task, in the order given.
    """

    confidence: float
    bootstrap_samples: int
    seed: int
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


def results_table(results: Evaluation) -> list[dict[str, str]]:
    """One row a task and model: heading → text; the last column stands only where models are compared."""
    return [_table_row(task, place) for task in results.tasks for place in range(len(task.models))]


def _table_row(task: TaskResults, place: int) -> dict[str, str]:
    scores = task.models[place]
    row = {"Task": task.task, "Items": f"{task.rows:,} {task.items}", "Model": scores.model}
    row |= {_heading(measure): _shown(scores.metrics[scores.metric(measure)]) for measure in task.measures}
    compared = f"Against the first ({_heading(task.measures[0])})"
    return row | {compared: _difference(task, place)} if task.differences else row


def _heading(measure: str) -> str:
    name, at, depth = measure.partition("@")
    words = [_ABBREVIATIONS.get(word, word) for word in name.split("_")]
    if words[0].islower():
        words[0] = words[0].capitalize()
    return " ".join(words) + at + depth


def _shown(score: Score) -> str:
    within = "" if score.low is None else f" ({score.low:.4f} to {score.high:.4f})"
    return f"{score.value:.4f}{within}"


def _difference(task: TaskResults, place: int) -> str:
    if place == 0:
        return "–"
    # By place, for names need not differ; the comparisons with the first model stand first.
    found = task.differences[(place - 1) * len(task.measures)]
    clear = "" if found.excludes_zero else ", unclear"
    return f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f}{clear})"
