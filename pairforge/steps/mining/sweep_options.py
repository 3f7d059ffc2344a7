"""Options of sweep-negatives: the grid of settings, how they are judged, and which one is the best."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from pairforge.errors import OptionsError
from pairforge.steps.mining.options import HEAD_DEFAULTS, MineNegativesOptions, NumNegatives, RetrievalOptions
from pairforge.steps.pair_scores import HeadOptions

SWEPT = (
    "max_rank",
    "clusters",
    "max_uses",
    "min_rank",
    "max_quantile",
    "max_similarity",
    "absolute_margin",
    "relative_margin",
)
"""The options of mine-negatives that are swept; the last one changes from row to row."""


def _or_none(value: object) -> object:
    return None if isinstance(value, str) and value.lower() == "none" else value


_Numbers = tuple[Annotated[float | None, BeforeValidator(_or_none)], ...]
_Counts = tuple[Annotated[int | None, BeforeValidator(_or_none)], ...]


class SweepNegativesOptions(RetrievalOptions, HeadOptions):
    """Options of sweep-negatives: the values to try, each with each."""

    num_negatives: NumNegatives = 3
    min_rank: Annotated[
        tuple[int, ...], Field(min_length=1, description="Values of mine-negatives' --min-rank to try.")
    ] = (1, 10, 30, 100)
    max_rank: Annotated[tuple[int, ...], Field(min_length=1, description="Values of --max-rank to try.")] = (200,)
    relative_margin: Annotated[
        tuple[float, ...], Field(min_length=1, description="Values of --relative-margin to try; 0 is none.")
    ] = (0.0, 0.05, 0.1)
    absolute_margin: Annotated[_Numbers, Field(description="Values of --absolute-margin to try, or none.")] = ()
    max_similarity: Annotated[_Numbers, Field(description="Values of --max-similarity to try, or none.")] = ()
    max_quantile: Annotated[_Numbers, Field(description="Values of --max-quantile to try, or none.")] = ()
    clusters: Annotated[_Counts, Field(description="Values of --clusters to try, or none.")] = ()
    max_uses: Annotated[_Counts, Field(description="Values of --max-uses to try, or none.")] = ()
    label_column: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Column of pairs and corpus, looked at for the sample alone: a negative is false if it bears a "
            "label of the anchor.",
        ),
    ] = None
    false_score: Annotated[
        float | None,
        Field(ge=0, le=1, description="Score in [0, 1] from which the cross-encoder of --scorer says false."),
    ] = None
    sample: Annotated[int, Field(ge=2, description="Anchors whose negatives are judged.")] = 300
    confidence: Annotated[float, Field(gt=0, lt=1, description="How sure the intervals are.")] = 0.95
    max_false_rate: Annotated[
        float,
        Field(ge=0, le=1, description="The best setting's false rate is surely no greater (its interval's upper end)."),
    ] = 0.2
    min_kept: Annotated[float, Field(ge=0, le=1, description="Share of the pairs that the best setting keeps.")] = 0.95

    @model_validator(mode="after")
    def _refuse_what_mining_refuses(self) -> SweepNegativesOptions:
        fits = any(
            high - low + 1 >= self.num_negatives for low, high in itertools.product(self.min_rank, self.max_rank)
        )
        if not fits:
            raise OptionsError(
                f"no min_rank and max_rank leave room for {self.num_negatives} negatives. Raise max_rank."
            )
        self.settings()
        return self

    @model_validator(mode="after")
    def _refuse_two_judges(self) -> SweepNegativesOptions:
        if self.label_column is not None and self.false_score is not None:
            raise OptionsError("label_column and false_score name two judges. Leave one of them out.")
        changed = [name for name, default in HEAD_DEFAULTS.items() if getattr(self, name) != default]
        if changed and self.false_score is None:
            raise OptionsError(f"{changed[0]} needs a cross-encoder that judges: give false_score too.")
        return self

    def settings(self) -> list[MineNegativesOptions]:
        """The options of mine-negatives for each setting; rank windows too narrow for the negatives are left out.

        Raises:
            OptionsError: mine-negatives would refuse a value.
        """
        shared = {name: getattr(self, name) for name in RetrievalOptions.model_fields} | {
            "num_negatives": self.num_negatives
        }
        grid = itertools.product(*(getattr(self, name) or (None,) for name in SWEPT))
        settings = (dict(zip(SWEPT, values, strict=True)) for values in grid)
        return [
            _checked(shared | setting)
            for setting in settings
            if setting["max_rank"] - setting["min_rank"] + 1 >= self.num_negatives
        ]


def _checked(setting: Mapping[str, object]) -> MineNegativesOptions:
    try:
        return MineNegativesOptions.model_validate(setting)
    except ValidationError as error:
        fault = error.errors()[0]
        bound = fault["msg"].removeprefix("Input ")
        raise OptionsError(f"{fault['loc'][0]}={fault['input']} {bound}.") from None
