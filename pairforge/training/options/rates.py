"""The options of a test of learning rates."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from pairforge.execution.step import SeededOptions
from pairforge.training.options.batches import BatchOptions
from pairforge.training.options.hardware import ArithmeticOptions
from pairforge.training.options.losses import LossOptions
from pairforge.training.options.models import TrainedModelOptions
from pairforge.training.options.parts import TrainedPartsOptions
from pairforge.training.options.texts import TextLossOptions
from pairforge.training.options.training import TrainOptions


class FindLearningRateOptions(
    SeededOptions,
    ArithmeticOptions,
    BatchOptions,
    TrainedPartsOptions,
    TextLossOptions,
    LossOptions,
    TrainedModelOptions,
):
    """How learning rates are tried."""

    num_rates: Annotated[int, Field(ge=10, description="Rates tried, a step each, at even ratios.")] = 100
    lowest_rate: Annotated[
        float | None, Field(gt=0, description="The first; a hundredth of what train would take if not given.")
    ] = None
    highest_rate: Annotated[
        float | None, Field(gt=0, description="The last; a thousand times what train would take if not given.")
    ] = None

    @model_validator(mode="after")
    def _rates_rise(self) -> Self:
        if None not in (self.lowest_rate, self.highest_rate) and self.highest_rate <= self.lowest_rate:  # type: ignore[operator]
            raise ValueError(f"highest_rate ({self.highest_rate:g}) is not above lowest_rate ({self.lowest_rate:g})")
        return self

    def training(self) -> TrainOptions:
        """The training in which the rates are tried.

        Raises:
            OptionsError: an option is at odds with another.
        """
        shared = {name: getattr(self, name) for name in type(self).model_fields if name in TrainOptions.model_fields}
        return TrainOptions(**shared, max_steps=self.num_rates, schedule="constant", warmup_steps=0)
