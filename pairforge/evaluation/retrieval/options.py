"""How retrieval is judged: where to cut rankings, what to read of a folder."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from pairforge.execution.step import StepOptions
from pairforge.option_values import listed

_Cutoff = Annotated[int, Field(ge=1)]


class RetrievalOptions(StepOptions):
    """Options of a step that judges models by retrieval."""

    cutoff: Annotated[
        tuple[_Cutoff, ...],
        BeforeValidator(listed),
        Field(min_length=1, description="Ranks at which retrieval is measured (the k of nDCG@k and the others)."),
    ] = (1, 3, 5, 10, 100)
    split: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Split of a retrieval task's judgements, where there are several; test if not given.",
        ),
    ] = None
    ignore_identical_ids: Annotated[
        bool | None,
        Field(
            description="Leave a document that bears a query's id out of its ranking; if not given, where such "
            "documents are the queries, by their texts."
        ),
    ] = None

    documents: Annotated[
        tuple[str, ...],
        Field(description="For retrieval:FILE, more texts among which positives are sought (column text or positive)."),
    ] = ()

    @field_validator("cutoff")
    @classmethod
    def _sorted(cls, cutoffs: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(cutoffs)) < len(cutoffs):
            raise ValueError("names a rank twice")
        return tuple(sorted(cutoffs))
