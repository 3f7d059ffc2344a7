"""Score models by tasks, with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from pairforge.errors import OptionsError, StageError
from pairforge.evaluation.cost import measure_speed, weights_bytes
from pairforge.evaluation.judged import Judged, Model
from pairforge.evaluation.judged_models import judged
from pairforge.evaluation.leaderboard import LEADERBOARD, add_results
from pairforge.evaluation.options import MTEB, EvaluateOptions, data_digest, task_files
from pairforge.evaluation.result_tables import results_csv, results_markdown
from pairforge.evaluation.results import (
    Difference,
    Evaluation,
    ModelFacts,
    ModelScores,
    Score,
    TaskResults,
)
from pairforge.evaluation.shrinking.forms import Form
from pairforge.evaluation.statistics import Estimate, interval
from pairforge.evaluation.task import Judgement, Means, Measured, Task
from pairforge.evaluation.tasks import canonical, mend_of, read_tasks
from pairforge.execution.step import Artifact, ModelRole, Step, StepContext
from pairforge.files import write_json
from pairforge.models import ModelKind
from pairforge.option_faults import nearest_names

_DECIMALS = 6


def evaluate(models: Sequence[Model], *, options: EvaluateOptions, context: StepContext | None = None) -> Evaluation:
    """Measure how well each model does each task.

    On scored pairs: Pearson's and Spearman's coefficients of its similarities with the scores (Spearman's of the cosine
    is the figure commonly reported for STS). On labelled pairs: average precision, area under the ROC curve, F1 and
    accuracy at the best threshold of each (chosen on the same pairs), and accuracy at .5. On triplets: the share of
    negatives that are farther than the positive. By retrieval: nDCG, MRR, MAP, recall and precision at each `cutoff` of
    the documents ranked for each query, equal to trec_eval's, ties included. On texts with classes: accuracy and macro
    F1 of classifiers learnt from a few texts a class; on texts with labels: the V-measure of clusters. By mteb: its own
    scores.

    An encoder's similarities are the cosine, the dot product, and the negative Euclidean and Manhattan distances of the
    vectors as the model gives them. First comes the one that its files name, else the cosine; labelled pairs and
    retrieval are judged by that one alone, mteb's tasks by the cosine. Texts stand on the query side, documents of a
    search on theirs. A cross-encoder's closeness is its score; of a search it reads what BM25 finds first. What matches
    texts (BM25, TF-IDF, sparse encoders, late interaction) is judged by its own measure, and gives classifiers and
    clusters its sparse vectors, if it has such.

    Each measure comes with a bootstrap percentile interval over the items where predictions of single items exist (not
    for some of mteb's tasks); all models meet the same resamples, so that the difference between any two is paired.

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
    named = {name: read_tasks(name, options.reading) for name in options.task}
    tasks = [(name, task) for name, read in named.items() for task in read]
    _refuse_data_of_others(options, [task for _, task in tasks])
    for _, task in tasks:
        for guess in task.guesses:
            within.ledger.note(guess)
    every = [one for model in models for one in judged(model, options)]
    return Evaluation(
        confidence=options.confidence,
        bootstrap_samples=options.bootstrap_samples,
        seed=options.seed,
        models=tuple(_facts(every, options)),
        tasks=tuple(_results(name, task, every, options, within) for name, task in tasks),
    )


def _refuse_data_of_others(options: EvaluateOptions, tasks: Sequence[Task]) -> None:
    asked = {canonical(task.name.removeprefix(MTEB)) for task in tasks}
    for name in options.data_by_task:
        if canonical(name.removeprefix(MTEB)) not in asked:
            raise OptionsError(f"task_data: no task '{name}' is asked for; {nearest_names(name, sorted(asked))}.")


def _results(
    name: str, task: Task, models: Sequence[Judged], options: EvaluateOptions, context: StepContext
) -> TaskResults:
    means = Means(options.bootstrap_samples, options.seed, context)
    judgements = task.measure([task.predict(model, means) for model in models], means)
    context.ledger.count(f"{task.items} evaluated", task.rows)
    members: Sequence[Task] = getattr(task, "tasks", (task,))  # A benchmark's mean is read from all that it holds.
    return TaskResults(
        task=task.name,
        source=task.source,
        rows=task.rows,
        items=task.items,
        data=data_digest(name, [member.name for member in members], options, context.cache),
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


STEP = Step(
    name="evaluate",
    run=_evaluate_to_files,
    options=EvaluateOptions,
    inputs={},
    outputs=_outputs,
    models={
        "models": ModelRole(
            help="Models of any kind to judge, or bm25, tfidf, words:FILE and their like; all are compared.",
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
