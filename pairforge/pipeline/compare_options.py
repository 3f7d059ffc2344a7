"""The options of `compare`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pairforge.errors import OptionsError
from pairforge.evaluation.options import TaskOptions
from pairforge.option_faults import nearest_names
from pairforge.option_values import listed
from pairforge.pipeline.students import FRESH_STATIC
from pairforge.training.losses import FULL_NAMES
from pairforge.training.options import LossName

_Name = Annotated[str | None, Field(min_length=1)]


class CompareOptions(TaskOptions):
    """Options of compare."""

    dev: Annotated[
        _Name,
        Field(description="A task that chooses each corpus' learning rate and is not reported; without it all corpora "
                          "are trained at one."),
    ] = None  # fmt: skip
    student: Annotated[
        str,
        Field(min_length=1, description="What is trained on each corpus: static, a fresh one of 512 dimensions with "
                                        "random weights, or a model."),
    ] = FRESH_STATIC  # fmt: skip
    loss: Annotated[LossName, Field(description="What to learn; auto chooses by each corpus' shape.")] = "auto"
    loss_of: Annotated[
        tuple[str, ...], Field(description="NAME=LOSS: what to learn from one corpus, in place of --loss.")
    ] = ()
    steps: Annotated[int, Field(ge=1, description="Batches each student is trained on, whatever its corpus.")] = 300
    batch_size: Annotated[int, Field(ge=1, description="Rows in a batch.")] = 64
    rate: Annotated[
        tuple[float, ...],
        BeforeValidator(listed),
        Field(description="Learning rates tried on dev for each corpus; with dev three that are usual for the student "
                          "if not given, without it the one that is usual for the loss."),
    ] = ()  # fmt: skip
    seeds: Annotated[int, Field(ge=2, description="Students trained on each corpus.")] = 3
    baseline: Annotated[
        _Name, Field(description="The corpus that all others are compared with; the first if not given.")
    ] = None
    learning_curve: Annotated[
        tuple[float, ...],
        BeforeValidator(listed),
        Field(description="Train on so many rows of each corpus too, a number or a share below 1 each; a smaller "
                          "sample is part of every larger one."),
    ] = ()  # fmt: skip
    leave_one_out: Annotated[
        _Name, Field(description="Column that names each row's source: train on the mix without each of them.")
    ] = None

    @field_validator("dev")
    @classmethod
    def _is_a_task(cls, dev: str | None) -> str | None:
        return dev if dev is None else cls._known((dev,))[0]

    @field_validator("loss_of")
    @classmethod
    def _name_losses(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        names = []
        for text in given:
            name, _, loss = text.rpartition("=")
            if not (name and loss):
                raise ValueError(f"should be NAME=LOSS, as silver=cosine, but it is '{text}'")
            if loss not in FULL_NAMES:
                raise ValueError(f"there is no loss '{loss}'; {nearest_names(loss, FULL_NAMES)}")
            if name in names:
                raise ValueError(f"names two losses for {name}")
            names.append(name)
        return given

    @property
    def losses(self) -> dict[str, LossName]:
        """Corpus → its own loss."""
        parts = [text.rpartition("=") for text in self.loss_of]
        return {name: FULL_NAMES[loss] for name, _, loss in parts}

    @field_validator("rate")
    @classmethod
    def _above_zero(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if any(rate <= 0 for rate in rates):
            raise ValueError("a learning rate is above 0")
        return tuple(dict.fromkeys(rates))

    @field_validator("learning_curve")
    @classmethod
    def _rows_or_shares(cls, sizes: tuple[float, ...]) -> tuple[float, ...]:
        for size in sizes:
            if size <= 0 or (size > 1 and size != int(size)):
                raise ValueError(f"a whole number of rows or a share between 0 and 1 was wanted, but it is {size:g}")
        return sizes

    @property
    def tasks_read(self) -> tuple[str, ...]:
        """The tasks, dev among them."""
        return self.task if self.dev is None else (*self.task, self.dev)

    @model_validator(mode="after")
    def _go_together(self) -> CompareOptions:
        if self.dev is not None and self.dev in self.task:
            raise OptionsError(
                f"dev='{self.dev}' is a task that is reported as well: rates chosen by it would flatter every corpus. "
                "Choose them by another file."
            )
        if self.dev is None and len(self.rate) > 1:
            raise OptionsError(
                f"{len(self.rate)} rates are given, but nothing to choose among them by: give --dev, or one rate."
            )
        if self.learning_curve and self.leave_one_out:
            raise OptionsError("learning_curve and leave_one_out are two comparisons. Ask for one at a time.")
        return self
