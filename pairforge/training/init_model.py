"""Make a fresh model with random weights: a static one, a small transformer, or a small CLIP."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pairforge.engines.sentence_models import model_folder
from pairforge.errors import ModelError, OptionsError
from pairforge.execution.step import Artifact, Input, ModelRole, Step, StepContext
from pairforge.frames import (
    IMAGE_TEXT,
    LABELLED_PAIR,
    MARGIN,
    N_TUPLE,
    PAIR,
    RAW_NLI,
    SCORED_PAIR,
    TEXT,
    TRIPLET,
    ColumnKind,
    detect_shape,
)
from pairforge.models import ModelKind, ModelSpec
from pairforge.training.options import InitModelOptions

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEXT_SHAPES = (N_TUPLE, TRIPLET, MARGIN, RAW_NLI, SCORED_PAIR, LABELLED_PAIR, PAIR, IMAGE_TEXT, TEXT)


def init_model(
    corpus: pl.DataFrame | None = None,
    *,
    tokenizer: ModelSpec | None = None,
    options: InitModelOptions,
    context: StepContext | None = None,
    output: Path | None = None,
) -> Path:
    """Make a model with random weights, a sentence-transformers model; equal seeds give equal files.

    Args:
        corpus: Texts of any shape, captions of images too, to train a lower-casing WordPiece tokenizer on, with
            `tokenizer_from="corpus"`.
        tokenizer: The model whose tokenizer is taken, with `tokenizer_from="model"`.
        options: What the model looks like.
        context: What a stage lends.
        output: Where the model shall lie; without it in the stage's workspace or a new temporary folder.

    Raises:
        OptionsError: the options ask for a corpus or a tokenizer that is not there, or the output exists.
        ModelError: the model named for its tokenizer has no fast one.
        MissingExtraError: a model of images is wanted, but pillow is not installed.
    """
    context = context or StepContext()
    if output is not None and output.exists():
        raise OptionsError(f"{output} exists; name another output or remove it.")
    built = _trained_tokenizer(corpus, options) if options.tokenizer_from == "corpus" else _taken(corpus, tokenizer)
    folder = output or (context.workspace or Path(tempfile.mkdtemp(prefix="pairforge-init-"))) / "model"
    from pairforge.training.fresh import SAVERS  # noqa: PLC0415 - loads torch

    numbers = SAVERS[options.kind](built, options, folder)
    context.ledger.count("weights", numbers)
    context.ledger.count("word pieces", built.get_vocab_size())
    context.ledger.note(f"{options.kind} model of dimension {options.vector_size}, {numbers:,} random weights")
    return folder


def _taken(corpus: pl.DataFrame | None, model: ModelSpec | None) -> Tokenizer:
    from tokenizers import Tokenizer  # noqa: PLC0415 - only when it runs

    if corpus is not None:
        raise OptionsError(
            "a corpus is given, but tokenizer_from is 'model'; say --tokenizer-from corpus or leave the corpus out."
        )
    if model is None:
        raise OptionsError("no model is given to take the tokenizer of; name one with --tokenizer.")
    folder = model_folder(model)
    files = sorted(folder.glob("tokenizer.json")) or sorted(folder.glob("*/tokenizer.json"))
    if not files:
        raise ModelError(
            f"{model.name}: {folder} holds no tokenizer.json (a fast tokenizer); name another model with --tokenizer."
        )
    try:
        return Tokenizer.from_file(str(files[0]))
    except Exception as fault:  # the library raises nothing narrower
        raise ModelError(f"{model.name}: {files[0]} cannot be read as a tokenizer ({fault}).") from fault


def _trained_tokenizer(corpus: pl.DataFrame | None, options: InitModelOptions) -> Tokenizer:
    if corpus is None:
        raise OptionsError("tokenizer_from is 'corpus', but no corpus is given; name a file with --corpus.")
    from pairforge.training.wordpieces import train_wordpieces  # noqa: PLC0415 - loads tokenizers

    return train_wordpieces(_texts(corpus), options.vocabulary_size)


def _texts(corpus: pl.DataFrame) -> list[str]:
    shape = detect_shape(corpus, "corpus", TEXT_SHAPES)
    names = (name for c in shape.columns if c.kind is ColumnKind.TEXT for name in c.names_in(corpus.columns))
    columns = [corpus[name].alias("text") for name in names]
    return pl.concat(columns).unique(maintain_order=True).to_list()


STEP = Step(
    name="init-model",
    run=init_model,
    options=InitModelOptions,
    inputs={
        "corpus": Input(
            "Texts of any shape, or images with captions, to train the tokenizer on.", TEXT_SHAPES, required=False
        ),
    },
    outputs=lambda options: {"model": Artifact(suffix=".model", folder=True, model=True)},
    models={
        "tokenizer": ModelRole(
            "The model whose tokenizer is taken.",
            ModelKind.WEIGHTS,
            flag="tokenizer",
            needed=lambda options: options.tokenizer_from == "model",
        )
    },
)
