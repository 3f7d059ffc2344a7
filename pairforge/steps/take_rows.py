"""Some consecutive rows of a corpus, as they stand."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field, model_validator

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import Input, Step, StepContext, StepOptions
from pairforge.frames import ANY_CORPUS, TEXT_BEARING_SHAPES


class TakeRowsOptions(StepOptions):
    """Options of take-rows."""

    rows: Annotated[int | None, Field(ge=1, description="Rows to take; all that are left if not given.")] = None
    skip: Annotated[int, Field(ge=0, description="Rows to pass over first.")] = 0

    @model_validator(mode="after")
    def _leave_something_out(self) -> TakeRowsOptions:
        if self.rows is None and not self.skip:
            raise OptionsError("neither rows nor skip is given, so that all rows would be taken. Give one of them.")
        return self


def take_rows(corpus: pl.DataFrame, *, options: TakeRowsOptions, context: StepContext | None = None) -> pl.DataFrame:
    """Take some consecutive rows; all columns travel.

    Args:
        corpus: A corpus of any shape.
        options: Which rows.
        context: Where the rows that are left out are counted.

    Raises:
        FrameError: the corpus ends before the rows that are wanted.
    """
    taken = corpus.slice(options.skip, options.rows)
    if not taken.height:
        raise FrameError(
            f"corpus: has {corpus.height:,} rows, so that none is left after skip={options.skip}. Lower it."
        )
    ledger = (context or StepContext()).ledger
    ledger.drop("outside the rows taken", corpus.height - taken.height)
    if options.rows is not None and taken.height < options.rows:
        ledger.note(f"only {taken.height:,} rows were there, {options.rows:,} were asked for")
    return taken


STEP = Step(
    name="take-rows",
    run=take_rows,
    options=TakeRowsOptions,
    inputs={"corpus": Input("The corpus, of any shape.", TEXT_BEARING_SHAPES)},
    outputs=lambda options: {"corpus": ANY_CORPUS},
    suffix="rows",
)
