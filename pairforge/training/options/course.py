"""The options that say how long a training is, at which rates, and which of its weights are kept."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pairforge.execution.step import StepOptions


class CourseOptions(StepOptions):
    """How long a training is, at which rates, and which of its weights are kept."""

    epochs: Annotated[float, Field(gt=0, description="Times the corpus is gone through; may be a fraction.")] = 1.0
    max_steps: Annotated[
        int | None, Field(ge=1, description="Train exactly this many batches, whatever the epochs.")
    ] = None
    learning_rate: Annotated[
        float | None,
        Field(gt=0, description="Peak learning rate; if not given, 2e-5 for transformers (1e-4 for a fresh sparse or "
                                "late-interaction model), and for static models a tenth of their weights' typical "
                                "size: 0.1 for a fresh one, near 0.01 for a trained one."),
    ] = None  # fmt: skip
    schedule: Annotated[
        Literal["linear", "cosine", "constant"],
        Field(description="How the learning rate goes on after the warm-up: down to zero in a line or a half cosine, "
                          "or not at all."),
    ] = "linear"  # fmt: skip
    warmup_ratio: Annotated[
        float | None,
        Field(ge=0, lt=1, description="Share of the steps over which the learning rate rises to its peak; 0.1 for "
                                      "transformers and 0 for static models if not given."),
    ] = None  # fmt: skip
    warmup_steps: Annotated[
        int | None, Field(ge=0, description="Steps over which the learning rate rises; instead of the ratio.")
    ] = None
    weight_decay: Annotated[float, Field(ge=0, description="Weight decay of AdamW.")] = 0.0
    max_grad_norm: Annotated[
        float, Field(ge=0, description="Gradients longer than this are shortened to it; 0 leaves them as they are.")
    ] = 1.0
    eval_steps: Annotated[
        int | None,
        Field(ge=1, description="Steps between two scores on the dev rows; a tenth of the run if not given."),
    ] = None
    patience: Annotated[
        int | None,
        Field(ge=1, description="Stop after this many dev scores in a row without a gain; never if not given."),
    ] = None
    restarts: Annotated[
        int,
        Field(ge=1, description="Trainings from seeds of their own, of which the best on the dev rows is kept."),
    ] = 1

    @model_validator(mode="after")
    def _one_warmup(self) -> Self:
        if self.warmup_ratio is not None and self.warmup_steps is not None:
            raise ValueError("warmup_ratio and warmup_steps say the same thing twice; give one of them")
        return self
