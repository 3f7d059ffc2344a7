"""The options that say what is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pairforge.execution.step import StepOptions
from pairforge.option_values import listed
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
        float | None,
        Field(gt=0, description="Inverse temperature of mnr and its kin, cosent and angle (20 if not given) and of a "
                                "cross-encoder's mnr (10)."),
    ] = None  # fmt: skip
    margin: Annotated[
        float | None,
        Field(gt=0, description="Margin of triplet losses (Euclidean distance, 5 if not given), of contrastive and "
                                "online-contrastive (cosine distance, 0.5) and of gist (0): a text nearer to the "
                                "positive than that, as the guide sees it, is no negative."),
    ] = None  # fmt: skip
    positive_margin: Annotated[
        float | None,
        Field(gt=-1, le=1, description="Cosine to which mega-batch-margin draws each pair; 0.8 if not given."),
    ] = None
    negative_margin: Annotated[
        float | None,
        Field(ge=-1, lt=1, description="Cosine below which mega-batch-margin keeps the closest other positive; 0.3 if "
                                       "not given."),
    ] = None  # fmt: skip
    temperature: Annotated[
        float | None,
        Field(gt=0, description="Temperature of gist (0.01 if not given) and of distil-kl (1; lower for a teacher's "
                                "cosines, whose softmax is else nearly flat)."),
    ] = None  # fmt: skip
    similarity: Annotated[
        Literal["dot", "cosine"] | None,
        Field(description="What margin-mse and distil-kl fit to the teacher's scores: the dot product, as published, "
                          "if not given; a cosine suits scores of its own range alone."),
    ] = None  # fmt: skip
    hardness: Annotated[
        Literal["in-batch", "own", "all"] | None,
        Field(description="Which negatives of mnr count more the harder they are: other rows' texts, a row's own "
                          "negatives, or all."),
    ] = None  # fmt: skip
    hardness_strength: Annotated[
        float | None, Field(gt=0, description="How much more: it is multiplied with a negative's cosine; 9, say.")
    ] = None
    weighting: Annotated[
        Literal["ndcg2++", "lambdarank"] | None,
        Field(description="How lambda weighs swaps of two documents: by LambdaLoss' NDCG-Loss2++ (if not given) or by "
                          "LambdaRank."),
    ] = None  # fmt: skip
    num_negatives: Annotated[
        int | None,
        Field(ge=1, description="Texts of other rows that a cross-encoder's mnr draws for each row; 4 if not given."),
    ] = None
    mini_batch_size: Annotated[
        int | None,
        Field(ge=1, description="Rows that cached losses (32 if not given) and mega-batch-margin (50), or pairs that "
                                "list losses (the batch size) hold in memory at once."),
    ] = None  # fmt: skip
    matryoshka: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        BeforeValidator(listed),
        Field(description="Numbers of leading dimensions at which the loss is taken too, so that vectors can be cut to "
                          "them: 256,128,64; the model's own is always among them."),
    ] = ()  # fmt: skip
    adaptive_layers: Annotated[
        bool,
        Field(description="Take the loss after earlier layers too, so that the last ones can be left out; with "
                          "matryoshka, one layer and one dimension are drawn for each step (2-D Matryoshka)."),
    ] = False  # fmt: skip

    @model_validator(mode="after")
    def _hardness_in_two_parts(self) -> Self:
        if (self.hardness is None) != (self.hardness_strength is None):
            given = f"hardness='{self.hardness}'" if self.hardness else f"hardness_strength={self.hardness_strength:g}"
            other = "hardness_strength" if self.hardness else "hardness"
            raise ValueError(f"{given} has no effect without {other}; give both or none")
        return self

    @property
    def wrappers(self) -> tuple[str, ...]:
        """The options given that put another loss around the chosen one."""
        return tuple(name for name in ("matryoshka", "adaptive_layers") if getattr(self, name))
