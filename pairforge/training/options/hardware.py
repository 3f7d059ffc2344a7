"""The options that say how the machine is used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pairforge.execution.step import StepOptions

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""Arithmetic of the forward pass."""


class HardwareOptions(StepOptions):
    """How the machine is used."""

    precision: Annotated[
        Precision,
        Field(description="Arithmetic of the forward pass; auto is bf16 or fp16 on a GPU that has it and fp32 "
                          "elsewhere and for static models. Weights are trained and saved in fp32."),
    ] = "auto"  # fmt: skip
    save_steps: Annotated[
        int | None,
        Field(ge=1, description="Steps between two checkpoints to resume from; one every five minutes if not given."),
    ] = None
