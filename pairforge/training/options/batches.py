"""The options that say how the rows come in batches."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pairforge.execution.step import StepOptions

Share = Annotated[float, Field(gt=0)]


class BatchOptions(StepOptions):
    """How the rows come in batches."""

    batch_size: Annotated[int, Field(ge=1, description="Rows in a batch; mnr learns more from larger ones.")] = 32
    auto_batch: Annotated[
        bool,
        Field(description="Measure before training whether a batch fits the memory, and where it does not take the "
                          "cached form of the loss, which learns the same from pieces that fit."),
    ] = False  # fmt: skip
    accumulate: Annotated[
        int,
        Field(ge=1, description="Batches whose gradients are added up before the weights move. Negatives still come "
                                "from one batch alone."),
    ] = 1  # fmt: skip
    mix: Annotated[
        Literal["proportional", "round-robin"],
        Field(description="Of several corpora: every batch of each, at random, or turns until the smallest has had "
                          "all of its own."),
    ] = "proportional"  # fmt: skip
    weight: Annotated[
        tuple[Share, ...],
        Field(description="Share of the batches that a corpus gets, one for each in their order; as its size is if "
                          "not given."),
    ] = ()  # fmt: skip
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

    @model_validator(mode="after")
    def _one_way_to_mix(self) -> Self:
        if self.weight and self.mix == "round-robin":
            raise ValueError("mix='round-robin' gives every corpus the same share; leave it out or the weight")
        return self
