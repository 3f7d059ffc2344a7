"""The options that say how the machine is used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pairforge.execution.step import StepOptions

Precision = Literal["auto", "fp32", "tf32", "bf16", "fp16"]
"""Arithmetic of the forward pass."""


class ArithmeticOptions(StepOptions):
    """How a step is computed."""

    precision: Annotated[
        Precision,
        Field(description="Arithmetic of the forward pass; auto is bf16, or fp16 where a GPU lacks it, and elsewhere "
                          "and for static models fp32, as tf32 on a GPU that has it. Weights are trained and saved "
                          "in fp32."),
    ] = "auto"  # fmt: skip
    gradient_checkpointing: Annotated[
        bool,
        Field(description="Compute a transformer's layers again in the backward pass in place of keeping what they "
                          "gave: less memory, a quarter more time or so."),
    ] = False  # fmt: skip


class HardwareOptions(ArithmeticOptions):
    """How the machine is used."""

    processes: Annotated[
        int,
        Field(ge=1, description="Processes, or GPUs, that share each batch; negatives are gathered across them."),
    ] = 1  # fmt: skip
    save_steps: Annotated[
        int | None,
        Field(ge=1, description="Steps between two checkpoints to resume from; one every five minutes if not given."),
    ] = None
