"""The options that say what is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from pairforge.execution.step import StepOptions
from pairforge.training.losses import FULL_NAMES

if TYPE_CHECKING:
    LossName = str
else:
    LossName = Annotated[
        Literal["auto", *FULL_NAMES],
        AfterValidator(lambda name: FULL_NAMES.get(name, name)),
    ]
"""A loss by its full or short name; always the full one once validated, so that both mean the same run."""


def _as_tuple(given: object) -> object:
    return (given,) if isinstance(given, str) else given


class LossOptions(StepOptions):
    """What is learnt, and what may be set on it."""

    loss: Annotated[
        tuple[LossName, ...],
        BeforeValidator(_as_tuple),
        Field(min_length=1,
              description="What to learn, for all corpora or for each in its place; auto chooses by a corpus' shape."),
    ] = ("auto",)  # fmt: skip
    scale: Annotated[
        float | None, Field(gt=0, description="Inverse temperature of mnr, cached-mnr and cosent; 20 if not given.")
    ] = None
    margin: Annotated[
        float | None,
        Field(gt=0, description="Margin of triplet (Euclidean distance, 5 if not given) and contrastive "
                                "(cosine distance, 0.5)."),
    ] = None  # fmt: skip
    mini_batch_size: Annotated[
        int | None, Field(ge=1, description="Rows that cached-mnr holds in memory at once; 32 if not given.")
    ] = None
