"""Options of mine-negatives, and which of them contradict each other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pairforge.errors import OptionsError
from pairforge.execution.step import SeededOptions

_SEMI_HARD_ONLY = (
    "min_rank",
    "max_rank",
    "min_similarity",
    "max_similarity",
    "absolute_margin",
    "relative_margin",
    "sampling",
)


class MineNegativesOptions(SeededOptions):
    """Options of mine-negatives."""

    num_negatives: Annotated[int, Field(ge=1, description="Negatives for each pair.")] = 3
    strategy: Annotated[
        Literal["easy", "semi-hard"],
        Field(description="easy draws them at random; semi-hard takes texts close to the anchor, yet not too close."),
    ] = "semi-hard"
    min_rank: Annotated[
        int, Field(ge=1, description="Nearest rank taken, counted from 1 among all texts of the corpus.")
    ] = 1
    max_rank: Annotated[int, Field(ge=1, description="Farthest rank taken.")] = 100
    min_similarity: Annotated[
        float | None, Field(ge=-1, le=1, description="Least cosine with the anchor that a negative may have.")
    ] = None
    max_similarity: Annotated[
        float | None, Field(ge=-1, le=1, description="Greatest cosine with the anchor that a negative may have.")
    ] = None
    absolute_margin: Annotated[
        float | None, Field(ge=0, le=2, description="Cosine by which a negative must lie below the positive.")
    ] = None
    relative_margin: Annotated[
        float | None,
        Field(ge=0, le=2, description="The same as a share of the positive's cosine (0: no such margin)."),
    ] = 0.05
    sampling: Annotated[
        Literal["top", "random", "weighted"],
        Field(description="Of the candidates left, take the nearest, any, or nearer ones with a higher chance."),
    ] = "top"
    sampling_temperature: Annotated[
        float, Field(gt=0, description="How little similarity counts in weighted sampling.")
    ] = 0.05
    output_format: Annotated[
        Literal["triplet", "n-tuple", "labelled-pair", "labelled-list"],
        Field(description="A row for each negative, for each pair (n-tuple, labelled-list) or for each two texts."),
    ] = "n-tuple"
    with_scores: Annotated[bool, Field(description="Write the cosines too (labelled-list: instead of labels).")] = False
    too_few: Annotated[
        Literal["keep", "pad", "drop"],
        Field(description="A pair with fewer negatives: keep those it has, fill up at random, or drop the pair."),
    ] = "drop"

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> MineNegativesOptions:
        self._refuse_empty_windows()
        fields = type(self).model_fields
        changed = [name for name in _SEMI_HARD_ONLY if getattr(self, name) != fields[name].default]
        if self.strategy == "easy" and changed:
            raise OptionsError(
                f"{changed[0]} has no effect with strategy='easy', which looks at no similarity. Leave it out."
            )
        if self.sampling != "weighted" and self.sampling_temperature != fields["sampling_temperature"].default:
            raise OptionsError(
                f"sampling_temperature needs sampling='weighted', but it is '{self.sampling}'. Leave it out."
            )
        if self.too_few == "keep" and self.output_format == "n-tuple":
            raise OptionsError(
                "too_few='keep' needs a format that can hold fewer negatives (triplet, labelled-pair, labelled-list), "
                "but output_format is 'n-tuple'. Choose one of those, or pad or drop."
            )
        return self

    def _refuse_empty_windows(self) -> None:
        ranks = self.max_rank - self.min_rank + 1
        if self.strategy == "semi-hard" and ranks < self.num_negatives:
            raise OptionsError(
                f"num_negatives is {self.num_negatives}, but ranks {self.min_rank} to {self.max_rank} hold at most "
                f"{max(ranks, 0)}. Raise max_rank or lower num_negatives."
            )
        low, high = self.min_similarity, self.max_similarity
        if low is not None and high is not None and low > high:
            raise OptionsError(f"min_similarity ({low:g}) is above max_similarity ({high:g}). Exchange them.")

    @property
    def needs_encoder(self) -> bool:
        """Whether similarities are looked at or written."""
        return self.strategy == "semi-hard" or self.with_scores
