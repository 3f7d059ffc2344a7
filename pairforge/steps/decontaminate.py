"""Take out of a training corpus what the evaluation will ask."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pairforge.execution.ledger import DROP_REASON
from pairforge.execution.step import Input, RowWise, Step, StepContext, StepOptions
from pairforge.frames import ANY_CORPUS, TEXT_BEARING_SHAPES, ColumnKind
from pairforge.steps.columns import extra_columns
from pairforge.steps.row_texts import Corpora, normalised_texts, several, text_columns
from pairforge.text import normalised


class DecontaminateOptions(StepOptions):
    """decontaminate has no options: any text in common is a leak."""


_DEFAULTS = DecontaminateOptions()


def decontaminate(
    corpus: pl.DataFrame,
    against: Corpora,
    *,
    options: DecontaminateOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Drop every row of which a text is also a text of the evaluation sets, whatever the columns.

    Texts are equal if they are after normalisation (case, white space, Unicode form, a final full stop). Only the
    columns of the corpora's shapes are compared, not those that travel along. The empty text is no leak.

    Args:
        corpus: A training corpus of any shape.
        against: The evaluation sets, each of any shape.
        options: None so far.
        context: Where dropped rows are counted.

    Raises:
        FrameError: the columns of one of them fit no shape.
    """
    context = context or StepContext()
    leaks = prepare(several(against), options=options, context=context)
    return clean_rows(corpus, first_row=0, prepared=leaks, options=options, context=context)


def prepare(against: Sequence[pl.DataFrame], *, options: DecontaminateOptions, context: StepContext) -> pl.Series:
    """The distinct normalised texts of the evaluation sets."""
    return pl.concat([normalised_texts(one, "against")["text"] for one in against]).unique()


def clean_rows(
    rows: pl.DataFrame, *, first_row: int, prepared: pl.Series, options: DecontaminateOptions, context: StepContext
) -> pl.DataFrame:
    """Those rows of one part of the corpus of which no text is among those that were prepared."""
    extra_columns(rows, (), [DROP_REASON], "corpus")
    leaking = pl.any_horizontal(_leaks(name, kind, prepared) for name, kind in text_columns(rows, "corpus"))
    flagged = rows.with_columns(pl.when(leaking).then(pl.lit("in_evaluation_set")).alias(DROP_REASON))
    return context.ledger.keep_unflagged(flagged)


def _leaks(name: str, kind: ColumnKind, leaks: pl.Series) -> pl.Expr:
    if kind is ColumnKind.TEXTS:
        return pl.col(name).list.eval(normalised(pl.element()).is_in(leaks.implode())).list.any()
    return normalised(name).is_in(leaks.implode())


STEP = Step(
    name="decontaminate",
    run=decontaminate,
    options=DecontaminateOptions,
    inputs={
        "corpus": Input("The training corpus; may be larger than memory.", TEXT_BEARING_SHAPES),
        "against": Input("The evaluation sets.", TEXT_BEARING_SHAPES, many=True, apart=True),
    },
    outputs=lambda options: {"corpus": ANY_CORPUS},
    row_wise=RowWise("corpus", prepare, clean_rows, streamed=True),
    suffix="clean",
)
