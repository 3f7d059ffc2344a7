"""Train an encoder, a cross-encoder or a model of another kind on a corpus of any shape, with a loss that suits it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from pairforge.engines.vectors import VectorStore
from pairforge.errors import OptionsError
from pairforge.execution.step import Artifact, Input, ModelRole, Step, StepContext
from pairforge.models import ModelKind, ModelSpec
from pairforge.training.card import write_card
from pairforge.training.companions import Companions
from pairforge.training.dev import DEV_SHAPES
from pairforge.training.losses import TRAINING_SHAPES
from pairforge.training.options import TrainOptions
from pairforge.training.plan import plan_training
from pairforge.training.practice import refuse_torchrun
from pairforge.training.summary import announce, tell
from pairforge.training.teaching import with_teachers_vectors


def train(
    corpus: pl.DataFrame | Sequence[pl.DataFrame],
    dev: pl.DataFrame | None = None,
    *,
    base: ModelSpec,
    guide: ModelSpec | None = None,
    teacher: ModelSpec | None = None,
    decoder: ModelSpec | None = None,
    document_model: ModelSpec | None = None,
    options: TrainOptions | None = None,
    context: StepContext | None = None,
    output: Path | None = None,
) -> Path:
    """Train `base` on the corpus and give the folder of the trained model.

    Each is a sentence-transformers model: an encoder a `SentenceTransformer`; a cross-encoder a `CrossEncoder` with one
    output, whose sigmoid is a score in [0, 1], or with an output for each NLI class, named in its configuration; a
    sparse encoder a `SparseEncoder`; a late-interaction model a `MultiVectorEncoder`. A classifier is an encoder with a
    head and the names of its classes beside it, an image-text model a `SentenceTransformer` of both.

    Args:
        corpus: Of a shape that one of the losses of that kind of model learns from (`docs/losses.md`). Only the shape's
            own columns are trained on. Of several, each has a loss of its own, and their batches take turns at random.
        dev: Scored pairs, scores in [0, 1] (judged by Spearman's coefficient), labelled pairs (average precision); for
            an encoder also pairs (MRR@10 of each positive among all of them), for a cross-encoder of NLI classes NLI
            (accuracy), for a classifier labelled texts (accuracy), for an image-text model images with captions (mean
            reciprocal rank). The weights of the best step are kept; without dev rows, those of the last one.
        base: The model to start from; for a cross-encoder a transformer encoder or a cross-encoder.
        guide: An encoder that tells the batch's false negatives from its others, for losses that ask one.
        teacher: An encoder whose vectors are learnt, for losses that distil them.
        decoder: A model that becomes an untied decoder, with weights of its own, for tsdae; without it the decoder
            shares the encoder's.
        document_model: What the encoder of documents starts from, of a model that has two sides.
        options: How to train.
        context: What a stage lends. A run that finds a complete checkpoint in its workspace goes on from there, to
            the same weights as a run in one go on the same machine.
        output: Where the model shall lie; without it in the stage's workspace or a new temporary folder.

    Raises:
        FrameError: the corpus or the dev rows do not fit, or the corpus does not fill a batch of the loss.
        OptionsError: an option is at odds with the model, the hardware or another option.
        ModelError: this kind of model cannot start from the base, cannot be trained with this loss, or the loss
            became NaN.
    """
    options, context = options or TrainOptions(), context or StepContext()
    if output is not None and output.exists():
        raise OptionsError(f"{output} exists; name another output or remove it.")
    corpora = [corpus] if isinstance(corpus, pl.DataFrame) else corpus
    refuse_torchrun()
    plan = plan_training(corpora, dev, base, options, Companions(guide, teacher, decoder), document_base=document_model)
    if (place := output or context.output) is not None:
        plan = replace(plan, runs=place.absolute().with_name(f"{place.name}.runs"))
    plan = with_teachers_vectors(plan, VectorStore(context.cache / "vectors"), context.progress)
    announce(context.ledger, plan)
    from pairforge.training.restarts import fit_best  # noqa: PLC0415 - loads torch

    with _work_folder(context.workspace, output) as folder:
        trained = fit_best(plan, folder, context.progress)
        tell(context.ledger, plan, trained)
        write_card(trained.model, plan, trained, context.origin)
        return trained.model if output is None else Path(shutil.move(trained.model, output))


@contextmanager
def _work_folder(workspace: Path | None, output: Path | None) -> Iterator[Path]:
    if workspace is not None:
        yield workspace
    elif output is None:
        yield Path(tempfile.mkdtemp(prefix="pairforge-train-"))
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
            yield Path(folder)


STEP = Step(
    name="train",
    run=train,
    options=TrainOptions,
    inputs={
        "corpus": Input(
            "Rows to learn from: pairs, triplets, scored or labelled pairs or lists, NLI, margins, plain or labelled "
            "texts, or images with captions; several files are several corpora, each with a loss of its own.",
            TRAINING_SHAPES,
            many=True,
            apart=True,
        ),
        "dev": Input(
            "Scored, labelled or plain pairs, NLI, labelled texts or images with captions that choose the best step.",
            DEV_SHAPES,
            required=False,
        ),
    },
    outputs=lambda options: {"model": Artifact(suffix=".model", folder=True, model=True)},
    models={
        "base": ModelRole("The model to start from.", ModelKind.WEIGHTS),
        "guide": ModelRole(
            "An encoder that tells the batch's false negatives from its others, for the gist losses.",
            ModelKind.WEIGHTS,
            flag="guide",
            default=None,
            optional=True,
        ),
        "teacher": ModelRole(
            "An encoder whose vectors are learnt, for the losses that distil them.",
            ModelKind.WEIGHTS,
            flag="teacher",
            default=None,
            optional=True,
        ),
        "decoder": ModelRole(
            "A model that becomes a decoder with weights of its own, for tsdae on an encoder without a decoding form.",
            ModelKind.WEIGHTS,
            flag="decoder",
            default=None,
            optional=True,
        ),
        "document_model": ModelRole(
            "What the encoder of documents starts from, of a model that has two sides.",
            ModelKind.WEIGHTS,
            flag="document-model",
            default=None,
            optional=True,
        ),
    },
    version=3,
)
