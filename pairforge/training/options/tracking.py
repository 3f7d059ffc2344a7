"""The options that say who is told of a run while it goes on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pairforge.execution.step import StepOptions

Tracker = Literal["tensorboard", "wandb", "trackio", "mlflow"]


class TrackingOptions(StepOptions):
    """Who is told of a run while it goes on."""

    report_to: Annotated[
        tuple[Tracker, ...],
        Field(description="Tell a tracker the loss, the learning rate and the dev scores; TensorBoard's files lie "
                          "beside the output, in its folder .runs."),
    ] = ()  # fmt: skip
    log_steps: Annotated[int, Field(ge=1, description="Steps between two losses that trackers are told.")] = 10
