"""The options of training."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import model_validator

from pairforge.execution.step import SeededOptions
from pairforge.training.losses import Loss, loss_of, losses_of, parameter_options
from pairforge.training.options.batches import BatchOptions
from pairforge.training.options.course import CourseOptions
from pairforge.training.options.hardware import HardwareOptions
from pairforge.training.options.losses import LossOptions
from pairforge.training.options.models import TrainedModelOptions
from pairforge.training.options.parts import TrainedPartsOptions
from pairforge.training.options.texts import TextLossOptions
from pairforge.training.options.tracking import TrackingOptions


class TrainOptions(
    SeededOptions,
    TrackingOptions,
    HardwareOptions,
    BatchOptions,
    CourseOptions,
    TrainedPartsOptions,
    TextLossOptions,
    LossOptions,
    TrainedModelOptions,
):
    """How a model is trained."""

    def without_effect(self, losses: list[Loss]) -> list[str]:
        """The options that are given and would be set on some loss, but not on any of these."""
        return [
            option
            for option in parameter_options()
            if getattr(self, option) is not None and not any(loss.has(option) for loss in losses)
        ]

    @model_validator(mode="after")
    def _only_what_the_losses_use(self) -> TrainOptions:
        losses = list(self._named_losses())
        if "auto" in self.loss:
            return self
        for option in self.without_effect(losses):
            raise ValueError(
                f"{option}={getattr(self, option)} is given, but the {_listed(losses)} has none (it has: "
                f"{_settable(losses)})"
            )
        return self

    @model_validator(mode="after")
    def _processes_share_a_batch(self) -> TrainOptions:
        if self.batch_size % self.processes:
            raise ValueError(
                f"a batch of {self.batch_size} rows cannot be shared by {self.processes} processes; "
                "make batch_size a multiple of them"
            )
        return self

    def _named_losses(self) -> Iterator[Loss]:
        for name in self.loss:
            if name == "auto":
                continue
            loss = loss_of(self.trained_kind, name)
            if loss is None:
                own = ", ".join(loss.name for loss in losses_of(self.trained_kind))
                raise ValueError(f"the {name} loss trains no {self.kind} (its losses: {own}); change one of them")
            yield loss


def _listed(losses: list[Loss]) -> str:
    return f"{' and '.join(dict.fromkeys(loss.name for loss in losses))} loss"


def _settable(losses: list[Loss]) -> str:
    return ", ".join(sorted({parameter.option for loss in losses for parameter in loss.parameters})) or "nothing to set"
