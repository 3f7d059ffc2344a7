"""The options of what is learnt from plain texts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pairforge.execution.step import StepOptions


class TextLossOptions(StepOptions):
    """How plain texts are made something to learn from."""

    deletion_ratio: Annotated[
        float | None, Field(ge=0, le=1, description="Chance of each word to be deleted for tsdae; 0.6 if not given.")
    ] = None
    mask_ratio: Annotated[
        float | None, Field(gt=0, lt=1, description="Share of the tokens that mlm masks; 0.15 if not given.")
    ] = None
