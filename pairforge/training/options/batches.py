"""The options that say how the rows come in batches."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pairforge.execution.step import StepOptions


class BatchOptions(StepOptions):
    """How the rows come in batches."""

    batch_size: Annotated[int, Field(ge=1, description="Rows in a batch; mnr learns more from larger ones.")] = 32
    distinct_batches: Annotated[
        bool,
        Field(description="Where a loss takes its negatives from the batch, never put two rows in one of which one's "
                          "anchor or positive stands in the other."),
    ] = True  # fmt: skip
    group_by_length: Annotated[
        bool,
        Field(description="Where a loss looks at each row by itself and the model pads its texts, put rows of like "
                          "length in one batch: less padding, more speed."),
    ] = True  # fmt: skip
