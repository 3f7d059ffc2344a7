"""Score models by how well they agree with people's judgement, with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from pairforge.errors import OptionsError, StageError
from pairforge.evaluation.cost import measure_speed, weights_bytes
from pairforge.evaluation.judged import Judged, JudgedOptions, Model, judged
from pairforge.evaluation.leaderboard import LEADERBOARD, add_results
from pairforge.evaluation.pair_tasks import Reading
from pairforge.evaluation.result_tables import results_csv, results_markdown
from pairforge.evaluation.results import (
    Difference,
    Evaluation,
    ModelFacts,
    ModelScores,
    Score,
    TaskResults,
)
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.evaluation.shrinking.forms import Form
from pairforge.evaluation.statistics import Estimate, interval
from pairforge.evaluation.task import Judgement, Means, Measured, Task
from pairforge.evaluation.tasks import (
    KINDS,
    NAMED,
    canonical,
    files_of,
    mend_of,
    nearest_tasks,
    read_tasks,
    source_of,
)
from pairforge.execution.step import Artifact, ModelRole, SeededOptions, Step, StepContext
from pairforge.files import write_json
from pairforge.models import ModelKind
from pairforge.option_faults import nearest_names

_DECIMALS = 6
_TASKS = ", ".join([*(f"{word}:{kind.source} ({kind.holds})" for word, kind in KINDS.items()), *NAMED])
_MTEB = "mteb:"
_COLUMNS = ("sentence1", "sentence2", "score", "label", "text", "anchor", "positive", "negative")

_ColumnName = Annotated[str | None, Field(min_length=1)]


class TaskOptions(SeededOptions, RetrievalOptions):
    """What to judge by, how that is read, and how sure to be."""

    task: Annotated[
        tuple[str, ...],
        Field(min_length=1, description=f"What to judge by: {_TASKS}. Those without a colon come from the hub."),
    ]
    task_data: Annotated[
        tuple[str, ...],
        Field(description="NAME=PATH: the file or folder that holds a task's rows, in place of the hub."),
    ] = ()
    bootstrap_samples: Annotated[
        int, Field(ge=100, le=1_000_000, description="Resamples of the items behind each interval.")
    ] = 10_000
    confidence: Annotated[float, Field(gt=0, lt=1, description="Share of the resamples an interval holds.")] = 0.95
    score_scale: Annotated[
        float | None, Field(gt=0, description="Score that means 'the same'; 5 is guessed for scores above 1, up to 5.")
    ] = None
    sentence1_column: Annotated[_ColumnName, Field(description="The files' column of first sentences.")] = None
    sentence2_column: Annotated[_ColumnName, Field(description="The files' column of second sentences.")] = None
    score_column: Annotated[_ColumnName, Field(description="The files' column of gold scores.")] = None
    label_column: Annotated[_ColumnName, Field(description="The files' column of labels, or of classes.")] = None
    text_column: Annotated[_ColumnName, Field(description="The files' column of single texts.")] = None
    anchor_column: Annotated[_ColumnName, Field(description="The files' column of anchors.")] = None
    positive_column: Annotated[_ColumnName, Field(description="The files' column of positives.")] = None
    negative_column: Annotated[_ColumnName, Field(description="The files' column of negatives.")] = None

    @field_validator("task")
    @classmethod
    def _known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        for task in tasks:
            if source_of(task) is None:
                raise ValueError(f"there is no task '{task}'; {nearest_tasks(task)}")
            if [canonical(other) for other in tasks].count(canonical(task)) > 1:
                raise ValueError(f"task '{task}' is given twice")
        return tasks

    @field_validator("task_data")
    @classmethod
    def _named_paths(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        names = []
        for text in given:
            name, _, path = text.partition("=")
            if not (name and path):
                raise ValueError(f"should be NAME=PATH, as sts12=FILE, but it is '{text}'")
            if canonical(name) in names:
                raise ValueError(f"names two paths for {name}")
            names.append(canonical(name))
        return given

    @model_validator(mode="after")
    def _data_of_tasks(self) -> Self:
        if any(task.startswith(_MTEB) for task in self.tasks_read):
            return self  # A benchmark's tasks are known only when it is read.
        asked = [canonical(task) for task in self.tasks_read if canonical(task) in NAMED]
        for name in self.data_by_task:
            if name not in asked:
                raise ValueError(
                    f"task_data: no task '{name}' that lies on the hub is asked for; {nearest_names(name, asked)}"
                )
        return self

    @property
    def tasks_read(self) -> tuple[str, ...]:
        """Every task that is read."""
        return self.task

    @property
    def data_by_task(self) -> dict[str, str]:
        """Task → what holds its rows."""
        parts = [text.partition("=") for text in self.task_data]
        return {canonical(name): path for name, _, path in parts}

    @property
    def reading(self) -> Reading:
        """How the tasks' files are to be read."""
        named = {column: getattr(self, f"{column}_column") for column in _COLUMNS}
        columns = {column: name for column, name in named.items() if name is not None}
        return Reading(columns, self.score_scale, self.data_by_task, retrieval=self)


class EvaluateOptions(TaskOptions, JudgedOptions):
    """What to evaluate on, and how sure to be."""

    latency: Annotated[
        bool, Field(description="Also time each model on this machine: one query, and passages a second.")
    ] = False
    also: Annotated[
        tuple[Literal["markdown", "csv"], ...],
        Field(description="Also write the table as Markdown, or every value as a row of a CSV file."),
    ] = ()
    leaderboard: Annotated[
        str | None,
        Field(min_length=1, description="JSON lines file to which the results are added; leaderboard.jsonl beside the "
                                        "output if not given."),
    ] = None  # fmt: skip


def evaluate(models: Sequence[Model], *, options: EvaluateOptions, context: StepContext | None = None) -> Evaluation:
    """Measure how well each model agrees with people on each task.

    By retrieval: nDCG, MRR, MAP, recall and precision at each `cutoff` of the documents ranked for each query, equal to
    trec_eval's, ties included; a cross-encoder reads the documents that BM25 finds first. On scored pairs: Pearson's
    and Spearman's coefficients of its similarities with the scores (Spearman's of the cosine is the figure commonly
    reported for STS). On labelled pairs: average precision, area under the ROC curve, F1 and accuracy at the best
    threshold of each (chosen on the same pairs), and accuracy at .5. On triplets: the share of negatives that are
    farther than the positive. On texts with classes: accuracy and macro F1 of classifiers learnt from a few texts a
    class; on texts with labels: the V-measure of clusters. An encoder's similarities are the cosine, the dot product,
    and the negative Euclidean and Manhattan distances of the vectors as the model gives them, both texts encoded alike,
    on the query side; labelled pairs and retrieval are judged by the cosine alone. A cross-encoder's is its score. Each
    measure comes with a bootstrap percentile interval over the items; all models meet the same resamples, so that the
    difference between any two is paired.

    Args:
        models: One or more models.
        options: Tasks and the bootstrap's settings.
        context: Caches, ledger and progress; the user's cache and silence if not given.

    Raises:
        OptionsError: no model is given.
        FileError, FrameError: a task cannot be read, or holds no two rows that differ.
        ModelError: a model gives NaN, tells no items apart, or cannot do what a task asks.
    """
    if not models:
        raise OptionsError("There is no model to evaluate: name one or more.")
    within = context or StepContext()
    tasks = [task for name in options.task for task in read_tasks(name, options.reading)]
    _refuse_data_of_others(options, tasks)
    for task in tasks:
        for guess in task.guesses:
            within.ledger.note(guess)
    every = [one for model in models for one in judged(model, options)]
    return Evaluation(
        confidence=options.confidence,
        bootstrap_samples=options.bootstrap_samples,
        seed=options.seed,
        models=tuple(_facts(every, options)),
        tasks=tuple(_results(task, every, options, within) for task in tasks),
    )


def _refuse_data_of_others(options: EvaluateOptions, tasks: Sequence[Task]) -> None:
    asked = {canonical(task.name.removeprefix(_MTEB)) for task in tasks}
    for name in options.data_by_task:
        if canonical(name.removeprefix(_MTEB)) not in asked:
            raise OptionsError(f"task_data: no task '{name}' is asked for; {nearest_names(name, sorted(asked))}.")


def _results(task: Task, models: Sequence[Judged], options: EvaluateOptions, context: StepContext) -> TaskResults:
    means = Means(options.bootstrap_samples, options.seed, context)
    judgements = task.measure([task.predict(model, means) for model in models], means)
    context.ledger.count(f"{task.items} evaluated", task.rows)
    return TaskResults(
        task=task.name,
        source=task.source,
        rows=task.rows,
        items=task.items,
        measures=task.measures,
        models=tuple(
            ModelScores(
                model=model.name,
                identity=model.identity,
                closeness=judgement.closeness,
                metrics={name: _score(measured, options.confidence) for name, measured in judgement.measured.items()},
            )
            for model, judgement in zip(models, judgements, strict=True)
        ),
        differences=tuple(_differences(task, [model.name for model in models], judgements, options.confidence)),
    )


def _facts(models: Sequence[Judged], options: EvaluateOptions) -> Iterator[ModelFacts]:
    loaded = {model.spec.identity: model.model for model in models} if options.latency else {}
    speeds = {identity: measure_speed(model) for identity, model in loaded.items()}
    for model in models:
        speed, form = speeds.get(model.spec.identity), model.form
        yield ModelFacts(
            model=model.name,
            identity=model.identity,
            weights_bytes=weights_bytes(model.spec.path),
            **({} if form is None else _form_facts(form)),
            **({} if speed is None else asdict(speed)),
        )


def _form_facts(form: Form) -> dict[str, Any]:
    return {"dimension": form.dimension, "precision": form.precision, "vector_bytes": form.bytes}


def _score(measured: Measured, confidence: float) -> Score:
    if measured.draws is None:
        return Score(value=round(measured.value, _DECIMALS))
    return Score(**_rounded(interval(measured.value, measured.draws, confidence)))


def _differences(
    task: Task, names: Sequence[str], judgements: Sequence[Judgement], confidence: float
) -> Iterator[Difference]:
    for (baseline, first), (name, later) in combinations(zip(names, judgements, strict=True), 2):
        for measure in task.measures:
            ours, theirs = later.measured[later.metric(measure)], first.measured[first.metric(measure)]
            if ours.draws is None or theirs.draws is None:
                continue
            estimate = interval(ours.value - theirs.value, ours.draws - theirs.draws, confidence)
            yield Difference(
                model=name,
                baseline=baseline,
                metric=later.metric(measure),
                **_rounded(estimate),
                excludes_zero=estimate.excludes_zero,
            )


def _rounded(estimate: Estimate) -> dict[str, float]:
    return {name: round(number, _DECIMALS) for name, number in asdict(estimate).items()}


def _evaluate_to_files(models: Sequence[Model], *, options: EvaluateOptions, context: StepContext) -> dict[str, Path]:
    if context.workspace is None:
        raise StageError("evaluate writes its results in a stage's workspace; call evaluate() for them outside one.")
    results = evaluate(models, options=options, context=context)
    paths = {name: context.workspace / f"{name}{output.suffix}" for name, output in _outputs(options).items()}
    write_json(results.to_json(), paths["results"])
    if "table" in paths:
        paths["table"].write_text(results_markdown(results), encoding="utf-8")
    if "scores" in paths:
        paths["scores"].write_text(results_csv(results), encoding="utf-8")
    if options.leaderboard is not None or context.output is not None:
        beside = (context.output or Path()).parent / LEADERBOARD
        add_results(results, beside if options.leaderboard is None else Path(options.leaderboard).expanduser())
    return paths


def _outputs(options: EvaluateOptions) -> dict[str, Artifact]:
    """The results; with `also`, a table in Markdown, and scores as CSV."""
    outputs = {"results": Artifact(".json")}
    if "markdown" in options.also:
        outputs["table"] = Artifact(".md")
    if "csv" in options.also:
        outputs["scores"] = Artifact(".csv")
    return outputs


def task_files(options: TaskOptions) -> list[str]:
    """The files that the tasks are read from."""
    files = [file for task in options.task for file in files_of(task, options.data_by_task)]
    folders = [path for name, path in options.data_by_task.items() if path not in files]
    return [*files, *folders, *options.documents]


STEP = Step(
    name="evaluate",
    run=_evaluate_to_files,
    options=EvaluateOptions,
    inputs={},
    outputs=_outputs,
    models={
        "models": ModelRole(
            help="Encoders and cross-encoders to judge; later ones are compared with the first.",
            kind=ModelKind.JUDGED,
            flag="models",
            default=None,
            many=True,
        )
    },
    suffix="results",
    version=4,
    files_in_options=task_files,
    mend_of_file=mend_of,
)
