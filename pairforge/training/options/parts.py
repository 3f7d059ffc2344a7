"""The options that say which weights of a transformer are trained."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from pairforge.execution.step import StepOptions

_OF_LORA = ("lora_alpha", "lora_dropout", "lora_target")


class TrainedPartsOptions(StepOptions):
    """Which weights of a transformer are trained."""

    freeze_layers: Annotated[
        int | None,
        Field(ge=0, description="Leave the embeddings and so many of the first layers as they are."),
    ] = None
    lora_rank: Annotated[
        int | None,
        Field(ge=1, description="Train matrices of this rank beside those of the layers, which stay as they are "
                                "(LoRA); they are added to them when the model is saved."),
    ] = None  # fmt: skip
    lora_alpha: Annotated[
        float | None, Field(gt=0, description="LoRA's scale is this by the rank; twice the rank if not given.")
    ] = None
    lora_dropout: Annotated[float, Field(ge=0, lt=1, description="Dropout before LoRA's matrices.")] = 0.0
    lora_target: Annotated[
        tuple[str, ...],
        Field(description="Ends of the names of the matrices that get LoRA (query, value …); every one of the layers "
                          "if not given."),
    ] = ()  # fmt: skip

    @model_validator(mode="after")
    def _one_way_to_train_less(self) -> Self:
        given = [name for name in _OF_LORA if getattr(self, name) != type(self).model_fields[name].default]
        if given and self.lora_rank is None:
            raise ValueError(f"{given[0]} is given, but no lora_rank, without which there is no LoRA")
        if self.lora_rank is not None and self.freeze_layers is not None:
            raise ValueError("lora_rank leaves all layers as they are already; leave freeze_layers out")
        return self
