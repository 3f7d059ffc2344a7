"""The texts of a corpus, whatever its shape, each once: what trainings on plain texts start from."""

from __future__ import annotations

import polars as pl

from pairforge.execution.step import Input, Step, StepContext, StepOptions
from pairforge.frames import TEXT, TEXT_BEARING_SHAPES
from pairforge.steps.row_texts import row_texts


class ListTextsOptions(StepOptions):
    """list-texts has no options."""


_DEFAULTS = ListTextsOptions()


def list_texts(
    corpus: pl.DataFrame, *, options: ListTextsOptions = _DEFAULTS, context: StepContext | None = None
) -> pl.DataFrame:
    """List the distinct texts of a corpus, in the order of its rows and, in a row, of its columns.

    Texts are equal if they are so letter by letter. Texts of nothing but white space are dropped.

    Args:
        corpus: A corpus of any shape.
        options: None so far.
        context: Where dropped texts are counted.

    Returns:
        text.
    """
    ledger = (context or StepContext()).ledger
    found = row_texts(corpus, "corpus").sort("row", maintain_order=True).drop_nulls("text")
    full = found.filter(pl.col("text").str.strip_chars() != "")
    ledger.drop("empty text", found.height - full.height)
    distinct = full.select("text").unique(maintain_order=True)
    ledger.drop("the same text", full.height - distinct.height)
    return distinct


STEP = Step(
    name="list-texts",
    run=list_texts,
    options=ListTextsOptions,
    inputs={"corpus": Input("The corpus, of any shape.", TEXT_BEARING_SHAPES)},
    outputs=lambda options: {"texts": TEXT},
    suffix="texts",
)
