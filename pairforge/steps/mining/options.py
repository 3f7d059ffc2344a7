"""Options of mining, and which of them contradict each other."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pairforge.errors import OptionsError
from pairforge.execution.step import SeededOptions
from pairforge.steps.pair_scores import HeadOptions, ScoreBoundOptions

_SEMI_HARD_ONLY = (
    "min_rank",
    "max_rank",
    "min_similarity",
    "max_similarity",
    "min_quantile",
    "max_quantile",
    "absolute_margin",
    "relative_margin",
    "band",
    "max_score",
    "score_margin",
    "retriever",
    "with_retrievers",
    "sampling",
)

_COSINE_BOUNDS = ("min_similarity", "max_similarity", "min_quantile", "max_quantile", "absolute_margin")
_USUAL_MARGIN = 0.05
HEAD_DEFAULTS = {name: field.default for name, field in HeadOptions.model_fields.items()}
"""The options that say how a cross-encoder is read, where nobody did."""

NumNegatives = Annotated[int, Field(ge=1, description="Negatives for each pair.")]


def band_bounds(band: str) -> tuple[float, float]:
    """The two cosines of a band "LOW:HIGH".

    Raises:
        ValueError: it is none.
    """
    low, _, high = band.partition(":")
    try:
        bounds = float(low), float(high)
    except ValueError:
        bounds = 1.0, -1.0
    if not -1 <= bounds[0] < bounds[1] <= 1:
        raise ValueError(f"'{band}' is no band: two cosines were wanted, the lower one first, as 0.4:0.7")
    return bounds


def _checked_band(band: str) -> str:
    band_bounds(band)
    return band


RetrieverName = Literal["dense", "bm25"]


class RetrievalOptions(SeededOptions):
    """Options about how texts are found, and which never serve, whatever their rank and similarity."""

    retriever: Annotated[
        tuple[RetrieverName, ...],
        Field(
            min_length=1,
            description="Finds texts: dense by the model's cosine, bm25 by common words; both are fused by rank.",
        ),
    ] = ("dense",)

    near_duplicate_similarity: Annotated[
        float | None,
        Field(gt=0, le=1, description="Cosine with a known positive from which a text counts as a positive too."),
    ] = None
    group_column: Annotated[
        str | None, Field(min_length=1, description="Column of pairs and corpus that names the group of a text.")
    ] = None
    group: Annotated[
        Literal["exclude", "prefer"],
        Field(description="Texts of the anchor's own group never serve, or serve before all others."),
    ] = "exclude"

    @model_validator(mode="after")
    def _refuse_a_group_without_its_column(self) -> RetrievalOptions:
        if self.group == "prefer" and self.group_column is None:
            raise OptionsError("group='prefer' needs a column that names the groups. Name it with group_column.")
        return self

    @model_validator(mode="after")
    def _refuse_a_retriever_named_twice(self) -> RetrievalOptions:
        if len(set(self.retriever)) < len(self.retriever):
            raise OptionsError(f"retriever='{self.retriever[0]}' is given twice. Give it once.")
        return self


class MineNegativesOptions(RetrievalOptions, ScoreBoundOptions):
    """Options of mine-negatives."""

    num_negatives: NumNegatives = 3
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
    min_quantile: Annotated[
        float | None,
        Field(ge=0, le=1, description="The least cosine, as a quantile of the cosines of all positives."),
    ] = None
    max_quantile: Annotated[
        float | None,
        Field(ge=0, le=1, description="The greatest, as such a quantile (0.05: below what 95% of positives have)."),
    ] = None
    absolute_margin: Annotated[
        float | None, Field(ge=0, le=2, description="Cosine by which a negative must lie below the positive.")
    ] = None
    relative_margin: Annotated[
        float | None,
        Field(
            ge=0,
            le=2,
            description="The same as a share of the positive's cosine; if not given 0.05, and none for bm25 alone "
            "(0: no such margin).",
        ),
    ] = None
    band: Annotated[
        tuple[Annotated[str, AfterValidator(_checked_band)], ...],
        Field(
            description="LOW:HIGH, cosines from LOW to below HIGH; every band gets negatives of its own, in rows that "
            "a column 'band' tells apart."
        ),
    ] = ()
    clusters: Annotated[
        int | None,
        Field(ge=2, description="Clusters made by k-means; texts in that of the anchor or its positive never serve."),
    ] = None
    max_uses: Annotated[
        int | None, Field(ge=1, description="Pairs that one text may serve; earlier pairs come first.")
    ] = None
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
    with_retrievers: Annotated[bool, Field(description="Write which retrievers found each negative.")] = False
    too_few: Annotated[
        Literal["keep", "pad", "drop"],
        Field(description="A pair with fewer negatives: keep those it has, fill up at random, or drop the pair."),
    ] = "drop"

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> MineNegativesOptions:
        self._refuse_empty_windows()
        self._refuse_what_easy_ignores()
        default_temperature = type(self).model_fields["sampling_temperature"].default
        if self.sampling != "weighted" and self.sampling_temperature != default_temperature:
            raise OptionsError(
                f"sampling_temperature needs sampling='weighted', but it is '{self.sampling}'. Leave it out."
            )
        if self.too_few == "keep" and self.output_format == "n-tuple":
            raise OptionsError(
                "too_few='keep' needs a format that can hold fewer negatives (triplet, labelled-pair, labelled-list), "
                "but output_format is 'n-tuple'. Choose one of those, or pad or drop."
            )
        if self.too_few == "pad" and self.band:
            raise OptionsError("too_few='pad' would fill a band with texts from outside it. Choose keep or drop.")
        return self

    @model_validator(mode="after")
    def _refuse_a_head_that_nothing_reads(self) -> MineNegativesOptions:
        changed = [name for name, default in HEAD_DEFAULTS.items() if getattr(self, name) != default]
        if changed and not self.needs_scorer:
            raise OptionsError(f"{changed[0]} needs a cross-encoder that is read: give max_score or score_margin too.")
        return self

    def _refuse_empty_windows(self) -> None:
        ranks = self.max_rank - self.min_rank + 1
        if self.strategy == "semi-hard" and ranks < self.num_negatives:
            raise OptionsError(
                f"num_negatives is {self.num_negatives}, but ranks {self.min_rank} to {self.max_rank} hold at most "
                f"{max(ranks, 0)}. Raise max_rank or lower num_negatives."
            )
        for what in ("similarity", "quantile"):
            low, high = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if low is not None and high is not None and low > high:
                raise OptionsError(f"min_{what} ({low:g}) is above max_{what} ({high:g}). Exchange them.")

    def _refuse_what_easy_ignores(self) -> None:
        if self.strategy != "easy":
            return
        fields = type(self).model_fields
        changed = [name for name in _SEMI_HARD_ONLY if getattr(self, name) != fields[name].default]
        if changed:
            raise OptionsError(
                f"{changed[0]} has no effect with strategy='easy', which looks at no similarity. Leave it out."
            )
        if self.group == "prefer":
            raise OptionsError(
                "group='prefer' has no effect with strategy='easy', which prefers no text. Leave it out."
            )

    @property
    def margin_share(self) -> float:
        """The relative margin that holds: a share of the positive's cosine, 0 for none."""
        if self.relative_margin is None:
            return _USUAL_MARGIN if "dense" in self.retriever else 0.0
        return self.relative_margin

    @property
    def needs_encoder(self) -> bool:
        """Whether similarities are looked at or written."""
        if self.with_scores or self.clusters is not None or self.near_duplicate_similarity is not None:
            return True
        if self.strategy == "easy":
            return False
        bounded = any(getattr(self, name) is not None for name in _COSINE_BOUNDS) or self.margin_share > 0
        return "dense" in self.retriever or bounded or bool(self.band) or self.sampling == "weighted"

    @property
    def depth(self) -> int:
        """How many texts are retrieved for an anchor."""
        return self.max_rank if self.strategy == "semi-hard" else 0
