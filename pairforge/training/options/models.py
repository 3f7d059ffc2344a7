"""The options that say what kind of model is trained, and what of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pairforge.execution.step import StepOptions


class TrainedModelOptions(StepOptions):
    """What is trained."""

    kind: Annotated[
        Literal["encoder", "cross-encoder"],
        Field(description="encoder: gives each text a vector; cross-encoder: reads two texts at once and scores them."),
    ] = "encoder"
    max_length: Annotated[
        int | None, Field(ge=1, description="Tokens read of each text; the model's own limit if not given.")
    ] = None
