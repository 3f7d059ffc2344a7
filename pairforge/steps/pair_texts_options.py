"""Options of pair-texts, and which of them say something to which way of pairing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pairforge.errors import OptionsError
from pairforge.execution.step import SeededOptions

Way = Literal["twins", "crops", "cloze", "neighbours", "fields", "nearest", "tension"]

_USED_BY: Mapping[str, tuple[Way, ...]] = {
    "pairs_per_text": ("crops", "cloze", "neighbours"),
    "passage_words": ("crops", "cloze"),
    "min_crop_words": ("crops",),
    "min_crop_share": ("crops",),
    "max_crop_share": ("crops",),
    "split_at": ("cloze", "neighbours"),
    "min_sentence_words": ("cloze", "neighbours"),
    "keep_sentence": ("cloze",),
    "cut_anchor": ("fields",),
    "top_k": ("nearest",),
    "min_similarity": ("nearest",),
    "max_similarity": ("nearest",),
    "random_pairs": ("tension",),
}


class PairTextsOptions(SeededOptions):
    """Options of pair-texts."""

    by: Annotated[
        Way,
        Field(
            description="What makes a pair: a text and itself (twins), two random crops of it, one sentence and the "
            "rest (cloze), adjacent sentences, two columns (fields), mutual nearest neighbours, or, with labels, "
            "identical and random texts (tension)."
        ),
    ]
    pairs_per_text: Annotated[
        int | None,
        Field(
            ge=1,
            description="Most pairs of one text; if not given, 1 for crops and cloze, all there are for neighbours.",
        ),
    ] = None
    passage_words: Annotated[
        int, Field(ge=2, description="Words of the passage that a pair of crops or of cloze is taken from.")
    ] = 256
    min_crop_words: Annotated[
        int, Field(ge=1, description="Least words of a crop; texts with fewer than two such crops are dropped.")
    ] = 5
    min_crop_share: Annotated[float, Field(gt=0, le=1, description="Least share of the passage in a crop.")] = 0.1
    max_crop_share: Annotated[float, Field(gt=0, le=1, description="Greatest share of the passage in a crop.")] = 0.5
    split_at: Annotated[
        Literal["sentences", "lines"],
        Field(
            description="What a text is cut into for cloze and neighbours: its sentences, or its lines as they stand."
        ),
    ] = "sentences"
    min_sentence_words: Annotated[
        int, Field(ge=1, description="Least words of a sentence that is an anchor of cloze or a neighbour.")
    ] = 3
    keep_sentence: Annotated[
        float, Field(ge=0, le=1, description="Chance that the sentence of cloze stays in the rest too.")
    ] = 0.1
    cut_anchor: Annotated[
        bool, Field(description="Cut the anchor off a positive that begins with it (a body that repeats its title).")
    ] = False
    top_k: Annotated[int, Field(ge=1, description="Ranks within which each text must find the other.")] = 1
    min_similarity: Annotated[float, Field(ge=-1, le=1, description="Least cosine of two nearest neighbours.")] = 0.8
    max_similarity: Annotated[
        float | None, Field(ge=-1, le=1, description="Greatest cosine of two nearest neighbours.")
    ] = None
    random_pairs: Annotated[int, Field(ge=1, description="Random pairs of tension beside each identical one.")] = 7

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> PairTextsOptions:
        fields = type(self).model_fields
        for name, ways in _USED_BY.items():
            if self.by not in ways and getattr(self, name) != fields[name].default:
                wanted = " or ".join(f"by='{way}'" for way in ways)
                raise OptionsError(f"{name} needs {wanted}, but it is by='{self.by}'. Leave it out.")
        self._refuse_empty_windows()
        return self

    def _refuse_empty_windows(self) -> None:
        if self.min_crop_share > self.max_crop_share:
            raise OptionsError(
                f"min_crop_share ({self.min_crop_share:g}) is above max_crop_share ({self.max_crop_share:g}). "
                "Exchange them."
            )
        if self.by == "crops" and self.passage_words < 2 * self.min_crop_words:
            raise OptionsError(
                f"passage_words is {self.passage_words}, but two crops of min_crop_words ({self.min_crop_words}) take "
                f"{2 * self.min_crop_words}. Raise it or lower min_crop_words."
            )
        if self.max_similarity is not None and self.min_similarity > self.max_similarity:
            raise OptionsError(
                f"min_similarity ({self.min_similarity:g}) is above max_similarity ({self.max_similarity:g}). "
                "Exchange them."
            )
