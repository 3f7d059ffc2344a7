"""The options that say what kind of model is trained, and what of it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pairforge.execution.step import StepOptions
from pairforge.training.kinds import TrainedKind


class TrainedModelOptions(StepOptions):
    """What is trained."""

    kind: Annotated[
        Literal["encoder", "cross-encoder", "sparse-encoder", "late-interaction", "classifier", "image-text"],
        Field(description="encoder: gives each text a vector; cross-encoder: reads two texts at once and scores them; "
                          "sparse-encoder: gives each text weights of words (SPLADE); late-interaction: gives each "
                          "token a vector (ColBERT); classifier: an encoder with a head that tells classes; "
                          "image-text: gives images and texts vectors in one space (CLIP)."),
    ] = "encoder"  # fmt: skip
    max_length: Annotated[
        int | None, Field(ge=1, description="Tokens read of each text; the model's own limit if not given.")
    ] = None
    pooling: Annotated[
        Literal["cls", "mean", "max", "weighted-mean", "last-token"] | None,
        Field(description="How a transformer's token vectors become one; as the base does if not given, by the mean "
                          "where it does not say."),
    ] = None  # fmt: skip
    sides: Annotated[
        Literal["one", "two"] | None,
        Field(description="one: queries and documents share an encoder; two: each has its own, both from the base "
                          "unless --document-model names another for documents; as the base has if not given."),
    ] = None  # fmt: skip
    query_regularizer: Annotated[
        float | None,
        Field(ge=0, description="Weight that keeps a sparse encoder's queries sparse (FLOPS); 5e-5 if not given."),
    ] = None
    document_regularizer: Annotated[
        float | None,
        Field(ge=0, description="Weight that keeps a sparse encoder's documents sparse (FLOPS); 3e-5 if not given."),
    ] = None

    @property
    def trained_kind(self) -> TrainedKind:
        """What is trained."""
        return TrainedKind(self.kind)

    @model_validator(mode="after")
    def _only_what_the_kind_has(self) -> Self:
        kinds = {
            "pooling": [kind for kind in TrainedKind if kind.has_pooling],
            "sides": [TrainedKind.ENCODER],
            "query_regularizer": [TrainedKind.SPARSE_ENCODER],
            "document_regularizer": [TrainedKind.SPARSE_ENCODER],
        }
        for option, having in kinds.items():
            if getattr(self, option) is not None and self.trained_kind not in having:
                raise ValueError(f"{option} is given, but {self.kind} has none; it is for kind {' and '.join(having)}")
        return self
