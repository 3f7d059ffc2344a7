"""Score encoders by how well their similarities agree with people's, with intervals and paired differences."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from pairforge.agreement import COEFFICIENTS, Array, correlation
from pairforge.errors import ModelError, OptionsError, StageError
from pairforge.evaluation.results import SHOWN_METRICS, Difference, Evaluation, ModelScores, TaskResults
from pairforge.evaluation.statistics import Estimate, bootstrap_correlations, interval
from pairforge.evaluation.sts import STSB, pair_similarities, read_scored_pairs, source_of
from pairforge.execution.step import Artifact, ModelRole, SeededOptions, Step, StepContext
from pairforge.files import write_json
from pairforge.models import Encoder, ModelKind, Side

_DECIMALS = 6

_ColumnName = Annotated[str | None, Field(min_length=1)]


class EvaluateOptions(SeededOptions):
    """What to evaluate on, and how sure to be."""

    task: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="Scored pairs to judge by: sts:FILE, or stsb (its test split, from the hub)."),
    ]
    bootstrap_samples: Annotated[
        int, Field(ge=100, le=1_000_000, description="Resamples of the rows behind each interval.")
    ] = 10_000
    confidence: Annotated[float, Field(gt=0, lt=1, description="Share of the resamples an interval holds.")] = 0.95
    score_scale: Annotated[
        float | None, Field(gt=0, description="Score that means 'the same'; 5 is guessed for scores above 1, up to 5.")
    ] = None
    sentence1_column: Annotated[_ColumnName, Field(description="The files' column of first sentences.")] = None
    sentence2_column: Annotated[_ColumnName, Field(description="The files' column of second sentences.")] = None
    score_column: Annotated[_ColumnName, Field(description="The files' column of gold scores.")] = None

    @field_validator("task")
    @classmethod
    def _known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        for task in tasks:
            if source_of(task) is None:
                raise ValueError(f"there is no task '{task}': give sts:FILE or {STSB}")
            if tasks.count(task) > 1:
                raise ValueError(f"task '{task}' is given twice")
        return tasks

    @property
    def columns(self) -> Mapping[str, str]:
        """Contract column → the files' own name, where one is given."""
        named = {
            "sentence1": self.sentence1_column,
            "sentence2": self.sentence2_column,
            "score": self.score_column,
        }
        return {column: name for column, name in named.items() if name is not None}


def evaluate(models: Sequence[Encoder], *, options: EvaluateOptions, context: StepContext | None = None) -> Evaluation:
    """Correlate each model's similarities with gold scores, by Pearson and Spearman.

    Both sentences of a pair are encoded alike, on the query side. Similarities are the cosine, the dot product, and
    the negative Euclidean and Manhattan distances of the vectors as the model gives them. Each metric comes with a
    bootstrap percentile interval over the pairs; all models meet the same resamples, so that every later model's
    difference to the first is paired. (Spearman's coefficient of the cosine is the figure commonly reported for STS.)

    Args:
        models: One or more encoders.
        options: Tasks and the bootstrap's settings.
        context: Caches, ledger and progress; the user's cache and silence if not given.

    Raises:
        OptionsError: no model is given.
        FileError, FrameError: a task cannot be read, or holds no two differing scores.
        ModelError: a model gives NaN, or the same cosine for all pairs.
    """
    if not models:
        raise OptionsError("There is no model to evaluate: name one or more.")
    within = context or StepContext()
    corpora = {task: _read(task, options, within) for task in options.task}
    return Evaluation(
        confidence=options.confidence,
        bootstrap_samples=options.bootstrap_samples,
        seed=options.seed,
        tasks=tuple(_evaluate_task(task, pairs, models, options, within) for task, pairs in corpora.items()),
    )


def _read(task: str, options: EvaluateOptions, context: StepContext) -> pl.DataFrame:
    adopted = read_scored_pairs(task, options.columns, options.score_scale)
    for guess in adopted.guesses:
        context.ledger.note(guess)
    context.ledger.count("pairs evaluated", adopted.frame.height)
    return adopted.frame


def _evaluate_task(
    task: str, pairs: pl.DataFrame, models: Sequence[Encoder], options: EvaluateOptions, context: StepContext
) -> TaskResults:
    similarities = [_similarities(model, pairs, task, context) for model in models]
    values, draws = _metrics(similarities, pairs["score"].to_numpy(), options, context)
    scores = (
        {name: _rounded(interval(value, drawn[name], options.confidence)) for name, value in by_name.items()}
        for by_name, drawn in zip(values, draws, strict=True)
    )
    return TaskResults(
        task=task,
        source=source_of(task) or task,
        rows=pairs.height,
        models=tuple(
            ModelScores(model=model.spec.name, identity=model.spec.identity, metrics=metrics)
            for model, metrics in zip(models, scores, strict=True)
        ),
        differences=_differences([model.spec.name for model in models], values, draws, options.confidence),
    )


def _similarities(model: Encoder, pairs: pl.DataFrame, task: str, context: StepContext) -> dict[str, Array]:
    from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - the record needs no engine

    texts = [*pairs["sentence1"], *pairs["sentence2"]]
    store = VectorStore(context.cache / "vectors")
    table = store.tables(model, {Side.QUERY: texts}, context.progress)[Side.QUERY]
    similarities = pair_similarities(table, range(pairs.height), range(pairs.height, len(texts)))
    constant = [name for name, values in similarities.items() if values.min() == values.max()]
    if "cosine" in constant:
        raise ModelError(f"{model.spec.name}: gives every pair of {task} the same cosine; it tells no texts apart.")
    for name in constant:
        context.ledger.note(f"{model.spec.name}: gives every pair of {task} the same {name} similarity; left out.")
    return {name: values for name, values in similarities.items() if name not in constant}


def _metrics(
    similarities: Sequence[Mapping[str, Array]], gold: Array, options: EvaluateOptions, context: StepContext
) -> tuple[list[dict[str, float]], list[dict[str, Array]]]:
    """For each model, by metric: the value on all rows, and the values on the resamples."""
    columns = np.stack([column for by_name in similarities for column in by_name.values()])
    with context.progress("resampling", options.bootstrap_samples, "resamples") as advance:
        drawn = bootstrap_correlations(
            columns, gold, samples=options.bootstrap_samples, seed=options.seed, advance=advance
        )
    values: list[dict[str, float]] = [{} for _ in similarities]
    draws: list[dict[str, Array]] = [{} for _ in similarities]
    for coefficient in COEFFICIENTS:
        rows = iter(drawn[coefficient])
        for place, by_name in enumerate(similarities):
            for name, column in by_name.items():
                values[place][f"{coefficient}_{name}"] = correlation(coefficient, column, gold)
                draws[place][f"{coefficient}_{name}"] = next(rows)
    return values, draws


def _differences(
    names: Sequence[str],
    values: Sequence[Mapping[str, float]],
    draws: Sequence[Mapping[str, Array]],
    confidence: float,
) -> tuple[Difference, ...]:
    found = []
    for place, metric in itertools.product(range(1, len(names)), SHOWN_METRICS):
        ahead = values[place][metric] - values[0][metric]
        estimate = interval(ahead, draws[place][metric] - draws[0][metric], confidence)
        found.append(
            Difference(
                model=names[place],
                baseline=names[0],
                metric=metric,
                **asdict(_rounded(estimate)),
                excludes_zero=estimate.excludes_zero,
            )
        )
    return tuple(found)


def _rounded(estimate: Estimate) -> Estimate:
    return Estimate(*(round(number, _DECIMALS) for number in (estimate.value, estimate.low, estimate.high)))


def _evaluate_to_file(models: Sequence[Encoder], *, options: EvaluateOptions, context: StepContext) -> Path:
    if context.workspace is None:
        raise StageError("evaluate writes its results in a stage's workspace; call evaluate() for them outside one.")
    path = context.workspace / "results.json"
    write_json(evaluate(models, options=options, context=context).to_json(), path)
    return path


def _task_files(options: EvaluateOptions) -> list[str]:
    return [source for task in options.task if (source := source_of(task))]


STEP = Step(
    name="evaluate",
    run=_evaluate_to_file,
    options=EvaluateOptions,
    inputs={},
    outputs=lambda options: {"results": Artifact(".json")},
    models={
        "models": ModelRole(
            help="Models to score; later ones are compared with the first.",
            kind=ModelKind.ENCODER,
            flag="models",
            default=None,
            many=True,
        )
    },
    suffix="results",
    files_in_options=_task_files,
)
