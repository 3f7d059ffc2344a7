"""One trial: a student trained on a corpus for so many steps, and what it then says of the items of some tasks.

Run as a stage, so that a trial that was made is not made again. What is kept of it are the predictions; the student
goes with its workspace.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import Field

from pairforge.agreement import Array
from pairforge.evaluation.judged import Features, ScoreBlock
from pairforge.evaluation.judged_models import JudgedEncoder
from pairforge.evaluation.options import TaskOptions, task_files
from pairforge.evaluation.task import Means, Task
from pairforge.evaluation.tasks import read_task
from pairforge.execution.step import Artifact, Input, ModelRole, SeededOptions, Step, StepContext
from pairforge.files import write_frame
from pairforge.model_files import resolve
from pairforge.models import Encoder, ModelKind, ModelRequest, ModelSpec
from pairforge.progress import silent
from pairforge.text import normalised
from pairforge.training.init_model import init_model
from pairforge.training.losses import TRAINING_SHAPES
from pairforge.training.options import InitModelOptions, LossName, Precision, TrainOptions
from pairforge.training.train import train


class TrialOptions(SeededOptions):
    """Options of a trial."""

    judging: Annotated[
        TaskOptions, Field(description="The tasks; their seed decides what a task draws, the same for all students.")
    ]
    steps: Annotated[int, Field(ge=0, description="Batches the student is trained on; with 0 it stays as it starts.")]
    learning_rate: Annotated[float | None, Field(gt=0, description="Peak learning rate.")] = None
    batch_size: Annotated[int, Field(ge=1, description="Rows in a batch.")] = 64
    loss: Annotated[LossName, Field(description="What to learn.")] = "auto"
    precision: Annotated[Precision, Field(description="Arithmetic of the forward pass.")] = "auto"
    fresh_dimension: Annotated[
        int | None,
        Field(ge=1, description="Numbers in a vector of a static student with random weights, made with the start's "
                                "tokenizer; the start itself is trained if not given."),
    ] = None  # fmt: skip

    def training(self) -> TrainOptions:
        """How the student is trained.

        Raises:
            OptionsError: an option is at odds with another.
        """
        settings = self.model_dump(include={"learning_rate", "batch_size", "loss", "precision", "seed"})
        return TrainOptions(max_steps=self.steps or None, **settings)


class Student(JudgedEncoder):
    """A trained student, judged by its own similarity alone; it keeps in mind what texts it was asked about.

    Args:
        encoder: The student.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self.asked: list[Sequence[str]] = []

    def closeness(self, pairs: pl.DataFrame, context: StepContext) -> dict[str, Array]:
        """The most usual way; others would cost an interval each that nobody asks for."""
        self.asked += [pairs["sentence1"].to_list(), pairs["sentence2"].to_list()]
        usual, numbers = next(iter(super().closeness(pairs, context).items()))
        return {usual: numbers}

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        """As an encoder; of the texts the queries count as asked, for to know a document is no advantage."""
        self.asked.append(queries)
        return super().search(queries, documents, context)

    def features(self, texts: Sequence[str], context: StepContext) -> Features:
        """As an encoder."""
        self.asked.append(texts)
        return super().features(texts, context)

    def texts_asked(self) -> pl.DataFrame:
        """The distinct texts, in their normal form, and none from now on."""
        texts = pl.DataFrame({"text": [text for texts in self.asked for text in texts]}, schema={"text": pl.String})
        self.asked = []
        return texts.select(normalised("text")).filter(pl.col("text") != "").unique().sort("text")


def predictions_in(folder: Path, place: int) -> Path:
    """The file of what a student said of the items of a task, by the task's place among the trial's."""
    return folder / f"{place}.parquet"


def texts_in(folder: Path, place: int) -> Path:
    """The file of the texts that a task asked the student about, in their normal form; of untrained students alone."""
    return folder / f"{place}.texts.parquet"


def try_corpus(
    corpus: pl.DataFrame, *, start: ModelSpec, options: TrialOptions, context: StepContext | None = None
) -> Path:
    """Train a student and keep what it then predicts for each task.

    Args:
        corpus: What is trained on, of any shape.
        start: The student, or whose tokenizer a fresh one takes.
        options: How it is trained, and by what it is judged.
        context: What a stage lends; its workspace holds the student.

    Returns:
        A folder of `predictions_in` and, of an untrained student, `texts_in`.

    Raises:
        FrameError, OptionsError, ModelError: the student cannot be trained so, or tells no texts apart.
        FileError: a task cannot be read.
    """
    context = context or StepContext()
    folder = context.workspace or Path(tempfile.mkdtemp(prefix="pairforge-trial-"))
    tasks = [read_task(name, options.judging.reading) for name in options.judging.task]
    # Not in the shared cache: nobody will ask for this student's vectors again.
    lent = replace(context, workspace=folder, cache=folder / "cache", progress=silent)
    student = Student(_trained(corpus, start, options, replace(lent, cache=context.cache)))
    kept = folder / "predictions"
    for place, task in enumerate(tasks):
        _keep(task, student, Means(0, options.judging.seed, lent), kept, place=place, texts=options.steps == 0)
    return kept


def _keep(task: Task, student: Student, means: Means, folder: Path, *, place: int, texts: bool) -> None:
    write_frame(task.predict(student, means), predictions_in(folder, place))
    asked = student.texts_asked()
    if texts:
        write_frame(asked, texts_in(folder, place))


def _trained(corpus: pl.DataFrame, start: ModelSpec, options: TrialOptions, context: StepContext) -> Encoder:
    from pairforge.engines.encoders import load_encoder  # noqa: PLC0415 - loads torch

    folder = context.workspace or Path()
    base = start
    if options.fresh_dimension is not None:
        fresh = InitModelOptions(kind="static", dimension=options.fresh_dimension, seed=options.seed)
        base = _found(init_model(tokenizer=start, options=fresh, context=context), ModelKind.WEIGHTS)
    if options.steps:
        lent = replace(context, workspace=folder / "training")
        trained = train(corpus, base=base, options=options.training(), context=lent)
        return load_encoder(_found(trained, ModelKind.ENCODER))
    return load_encoder(base.model_copy(update={"kind": ModelKind.ENCODER}))


def _found(folder: Path, kind: ModelKind) -> ModelSpec:
    return resolve(ModelRequest(name=str(folder)), kind)


TRIAL = Step(
    name="trial",
    run=try_corpus,
    options=TrialOptions,
    inputs={"corpus": Input("What the student is trained on.", TRAINING_SHAPES)},
    outputs=lambda options: {"predictions": Artifact(".predictions", folder=True)},
    models={"start": ModelRole("The student, or whose tokenizer a fresh one takes.", ModelKind.WEIGHTS)},
    files_in_options=lambda options: task_files(options.judging),
)
"""The stage of one trial."""
