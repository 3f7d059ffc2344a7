"""The options of training and of fresh models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pairforge.execution.step import SeededOptions
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses import FULL_NAMES, LOSSES, losses_of

LossName = Annotated[
    Literal[
        "auto",
        "multiple-negatives-ranking",
        "mnr",
        "cached-multiple-negatives-ranking",
        "cached-mnr",
        "triplet",
        "contrastive",
        "cosine-similarity",
        "cosine",
        "cosent",
        "softmax",
        "binary-cross-entropy",
        "bce",
        "cross-entropy",
        "ce",
    ],
    AfterValidator(lambda name: FULL_NAMES.get(name, name)),
]
"""A loss by its full or short name; always the full one once validated, so that both mean the same run."""

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""Arithmetic of the forward pass."""


class TrainOptions(SeededOptions):
    """How a model is trained."""

    kind: Annotated[
        Literal["encoder", "cross-encoder"],
        Field(description="encoder: gives each text a vector; cross-encoder: reads two texts at once and scores them."),
    ] = "encoder"
    loss: Annotated[
        LossName,
        Field(description="What to learn; auto chooses by the corpus' shape. For encoders: positives mnr, scores "
                          "cosent, labels 0/1 contrastive, NLI softmax; for cross-encoders: NLI ce, all else bce."),
    ] = "auto"  # fmt: skip
    epochs: Annotated[float, Field(gt=0, description="Times the corpus is gone through; may be a fraction.")] = 1.0
    max_steps: Annotated[
        int | None, Field(ge=1, description="Train exactly this many batches, whatever the epochs.")
    ] = None
    batch_size: Annotated[int, Field(ge=1, description="Rows in a batch; mnr learns more from larger ones.")] = 32
    learning_rate: Annotated[
        float | None,
        Field(gt=0, description="Peak learning rate; if not given, 2e-5 for transformers, and for static models a "
                                "tenth of their weights' typical size: 0.1 for a fresh one, near 0.01 for a trained "
                                "one."),
    ] = None  # fmt: skip
    schedule: Annotated[
        Literal["linear", "cosine", "constant"],
        Field(description="How the learning rate goes on after the warm-up: down to zero in a line or a half cosine, "
                          "or not at all."),
    ] = "linear"  # fmt: skip
    warmup_ratio: Annotated[
        float | None,
        Field(ge=0, lt=1, description="Share of the steps over which the learning rate rises to its peak; 0.1 for "
                                      "transformers and 0 for static models if not given."),
    ] = None  # fmt: skip
    warmup_steps: Annotated[
        int | None, Field(ge=0, description="Steps over which the learning rate rises; instead of the ratio.")
    ] = None
    weight_decay: Annotated[float, Field(ge=0, description="Weight decay of AdamW.")] = 0.0
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
    max_length: Annotated[
        int | None, Field(ge=1, description="Tokens read of each text; the model's own limit if not given.")
    ] = None
    precision: Annotated[
        Precision,
        Field(description="Arithmetic of the forward pass; auto is bf16 or fp16 on a GPU that has it and fp32 "
                          "elsewhere and for static models. Weights are trained and saved in fp32."),
    ] = "auto"  # fmt: skip
    distinct_batches: Annotated[
        bool,
        Field(description="Where a loss takes its negatives from the batch, never put two rows in one of which one's "
                          "anchor or positive stands in the other."),
    ] = True  # fmt: skip
    group_by_length: Annotated[
        bool,
        Field(description="Where a loss looks at each row by itself and the model pads its texts, put rows of like "
                          "length in one batch: less padding, more speed."),
    ] = True  # fmt: skip
    eval_steps: Annotated[
        int | None,
        Field(ge=1, description="Steps between two scores on the dev rows; a tenth of the run if not given."),
    ] = None
    patience: Annotated[
        int | None,
        Field(ge=1, description="Stop after this many dev scores in a row without a gain; never if not given."),
    ] = None
    restarts: Annotated[
        int,
        Field(ge=1, description="Trainings from seeds of their own, of which the best on the dev rows is kept."),
    ] = 1
    save_steps: Annotated[
        int | None,
        Field(ge=1, description="Steps between two checkpoints to resume from; one every five minutes if not given."),
    ] = None

    @model_validator(mode="after")
    def _one_warmup(self) -> TrainOptions:
        if self.warmup_ratio is not None and self.warmup_steps is not None:
            raise ValueError("warmup_ratio and warmup_steps say the same thing twice; give one of them")
        return self

    @model_validator(mode="after")
    def _only_what_the_loss_uses(self) -> TrainOptions:
        if self.loss == "auto":
            return self
        if LOSSES[self.loss].trains != self.kind:
            own = ", ".join(loss.name for loss in losses_of(TrainedKind(self.kind)))
            raise ValueError(f"the {self.loss} loss trains no {self.kind} (its losses: {own}); change kind or loss")
        for option in LOSSES[self.loss].without_effect(self):
            has = ", ".join(sorted(parameter.option for parameter in LOSSES[self.loss].parameters))
            raise ValueError(f"the {self.loss} loss has no {option} (it has: {has or 'none to set'})")
        return self


class InitModelOptions(SeededOptions):
    """What a fresh model looks like."""

    kind: Annotated[
        Literal["static", "transformer"],
        Field(description="static: a table of word-piece vectors that are averaged; transformer: a small BERT.",
              json_schema_extra={"positional": True}),
    ]  # fmt: skip
    dimension: Annotated[
        int | None, Field(ge=1, description="Numbers in a vector; 512 for static, 256 for transformer if not given.")
    ] = None
    layers: Annotated[int, Field(ge=1, description="Layers of the transformer.")] = 2
    heads: Annotated[int, Field(ge=1, description="Attention heads in each layer of the transformer.")] = 4
    pooling: Annotated[
        Literal["mean", "cls", "max"], Field(description="How the transformer's token vectors become one.")
    ] = "mean"
    max_length: Annotated[
        int | None,
        Field(ge=3, description="Tokens read of each text; all for static and 256 for transformer if not given."),
    ] = None
    tokenizer_from: Annotated[
        Literal["model", "corpus"],
        Field(description="Take the tokenizer of a model, or train a WordPiece one on the corpus."),
    ] = "model"
    vocabulary_size: Annotated[
        int, Field(ge=100, description="Word pieces at most, when the tokenizer is trained on the corpus.")
    ] = 30000

    @model_validator(mode="after")
    def _heads_divide_the_dimension(self) -> InitModelOptions:
        if self.kind == "transformer" and self.vector_size % self.heads:
            raise ValueError(f"the dimension ({self.vector_size}) is no multiple of the heads ({self.heads})")
        return self

    @property
    def vector_size(self) -> int:
        """The dimension, chosen by kind where it was not given."""
        return self.dimension or (512 if self.kind == "static" else 256)
