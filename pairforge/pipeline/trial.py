"""One trial: a student trained on a corpus for so many steps, and how close it then holds some judged pairs to be.

Run as a stage, so that a trial that was made is not made again. What is kept of it are the similarities; the student
goes with its workspace.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from pairforge.agreement import Array
from pairforge.engines.vectors import VectorStore
from pairforge.evaluation.sts import pair_similarities
from pairforge.execution.step import Input, ModelRole, SeededOptions, Step, StepContext
from pairforge.frames import SCORED_PAIR, Column, ColumnKind, FrameContract
from pairforge.model_files import resolve
from pairforge.models import Encoder, ModelKind, ModelRequest, ModelSpec, Side
from pairforge.progress import silent
from pairforge.training.init_model import init_model
from pairforge.training.losses import TRAINING_SHAPES
from pairforge.training.options import InitModelOptions, LossName, Precision, TrainOptions
from pairforge.training.train import train

SIMILARITIES = FrameContract(
    "similarities", (Column("judge", ColumnKind.LABEL, 0), Column("similarity", ColumnKind.SCORE))
)


class TrialOptions(SeededOptions):
    """Options of a trial."""

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


def try_corpus(
    corpus: pl.DataFrame,
    judges: Sequence[pl.DataFrame],
    *,
    start: ModelSpec,
    options: TrialOptions,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Train a student and give the cosine that it then finds for each pair of each judge.

    Args:
        corpus: What is trained on, of any shape.
        judges: Scored pairs.
        start: The student, or whose tokenizer a fresh one takes.
        options: How it is trained.
        context: What a stage lends; its workspace holds the student.

    Returns:
        judge (its place, from 0) and similarity, the judges' rows one below the other.
    """
    context = context or StepContext()
    with tempfile.TemporaryDirectory(prefix="pairforge-trial-") as temporary:
        folder = context.workspace or Path(temporary)
        student = _student(corpus, start, options, replace(context, workspace=folder, progress=silent))
        found = [_cosines(student, pairs, folder) for pairs in judges]
    return pl.DataFrame(
        {
            "judge": np.repeat(np.arange(len(found)), [len(cosines) for cosines in found]),
            "similarity": np.concatenate(found),
        }
    )


def _student(corpus: pl.DataFrame, start: ModelSpec, options: TrialOptions, context: StepContext) -> Encoder:
    from pairforge.engines.encoders import load_encoder  # noqa: PLC0415 - loads torch

    folder = context.workspace or Path()
    base = start
    if options.fresh_dimension is not None:
        fresh = InitModelOptions(kind="static", dimension=options.fresh_dimension, seed=options.seed)
        base = _found(init_model(tokenizer=start, options=fresh, context=context), ModelKind.WEIGHTS)
    if options.steps:
        settings = options.model_dump(include={"learning_rate", "batch_size", "loss", "precision", "seed"})
        training = TrainOptions(max_steps=options.steps, **settings)
        lent = replace(context, workspace=folder / "training")
        return load_encoder(_found(train(corpus, base=base, options=training, context=lent), ModelKind.ENCODER))
    return load_encoder(base.model_copy(update={"kind": ModelKind.ENCODER}))


def _found(folder: Path, kind: ModelKind) -> ModelSpec:
    return resolve(ModelRequest(name=str(folder)), kind)


def _cosines(student: Encoder, pairs: pl.DataFrame, folder: Path) -> Array:
    texts, rows = [*pairs["sentence1"], *pairs["sentence2"]], pairs.height
    # Not in the shared cache: nobody will ask for this student's vectors again.
    table = VectorStore(folder / "vectors").tables(student, {Side.QUERY: texts})[Side.QUERY]
    return pair_similarities(table, range(rows), range(rows, 2 * rows))["cosine"]


TRIAL = Step(
    name="trial",
    run=try_corpus,
    options=TrialOptions,
    inputs={
        "corpus": Input("What the student is trained on.", TRAINING_SHAPES),
        "judges": Input("Scored pairs.", (SCORED_PAIR,), many=True, apart=True),
    },
    outputs=lambda options: {"similarities": SIMILARITIES},
    models={"start": ModelRole("The student, or whose tokenizer a fresh one takes.", ModelKind.WEIGHTS)},
)
