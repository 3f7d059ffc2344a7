"""The classes of texts, by an encoder with a classification head: `train --kind classifier` makes one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from pairforge.engines.classification_heads import ClassificationHead
from pairforge.engines.sentence_models import model_folder
from pairforge.engines.vectors import VectorStore
from pairforge.errors import ModelError
from pairforge.execution.ledger import DROP_REASON
from pairforge.execution.step import Input, ModelRole, Step, StepContext, StepOptions
from pairforge.frames import LABELLED_TEXT, TEXT
from pairforge.models import Encoder, ModelKind, Side
from pairforge.steps.columns import extra_columns

_ROWS_AT_ONCE = 4096


class ClassifyTextsOptions(StepOptions):
    """Options of classify-texts."""

    min_probability: Annotated[
        float | None,
        Field(ge=0, le=1, description="Drop texts whose class the model holds less probable than this."),
    ] = None


_DEFAULTS = ClassifyTextsOptions()


def classify_texts(
    texts: pl.DataFrame,
    *,
    encoder: Encoder,
    options: ClassifyTextsOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Give each text its most probable class.

    Args:
        texts: text, and other columns, which travel along.
        encoder: A model whose folder holds a classification head; its query prompt goes before every text, as it did
            in training.
        options: Whether doubtful texts are dropped.
        context: The cache of vectors, and where dropped texts are counted.

    Returns:
        text, label (the class' name), probability (of that class, 0 to 1) and the other columns.

    Raises:
        FrameError: the column is missing or one of those written is there already.
        ModelError: the model has no head, or one for vectors of another dimension.
    """
    context = context or StepContext()
    given = TEXT.check(texts, "texts")
    extra = extra_columns(given, ("text",), ("label", "probability", DROP_REASON), "texts")
    if encoder.spec.method is not None:
        raise ModelError(
            f"{encoder.spec.name}: a classification head is wanted, but none was trained for such vectors. Name the "
            "folder of a classifier."
        )
    head = ClassificationHead.load(model_folder(encoder.spec))
    names, probabilities = _classes(given["text"].to_list(), encoder, head, context)
    classed = given.with_columns(label=names, probability=probabilities).select("text", "label", "probability", *extra)
    if options.min_probability is None:
        return classed
    doubtful = pl.col("probability") < options.min_probability
    flagged = classed.with_columns(pl.when(doubtful).then(pl.lit("class_not_probable_enough")).alias(DROP_REASON))
    return context.ledger.keep_unflagged(flagged)


def _classes(
    texts: list[str], encoder: Encoder, head: ClassificationHead, context: StepContext
) -> tuple[pl.Series, pl.Series]:
    store = VectorStore(context.cache / "vectors")
    table = store.tables(encoder, {Side.QUERY: texts}, context.progress)[Side.QUERY]
    if table.dimension != head.weight.shape[1]:
        raise ModelError(
            f"{encoder.spec.name}: its head reads vectors of {head.weight.shape[1]} dimensions, but they have "
            f"{table.dimension}. Restore the model's files."
        )
    blocks = [
        head.probabilities(table.take(range(start, min(start + _ROWS_AT_ONCE, len(texts)))))
        for start in range(0, len(texts), _ROWS_AT_ONCE)
    ]
    probabilities = np.concatenate(blocks)
    names = [head.classes[place] for place in probabilities.argmax(axis=1)]
    return pl.Series(names, dtype=pl.String), pl.Series(probabilities.max(axis=1), dtype=pl.Float64)


STEP = Step(
    name="classify-texts",
    run=classify_texts,
    options=ClassifyTextsOptions,
    inputs={"texts": Input("Texts to classify.", (TEXT,))},
    outputs=lambda options: {"corpus": LABELLED_TEXT},
    models={"encoder": ModelRole("An encoder with a classification head.", ModelKind.ENCODER, default=None)},
    suffix="classes",
)
