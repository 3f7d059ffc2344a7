"""The options of a fresh model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pairforge.execution.step import SeededOptions


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
            raise ValueError(f"dimension={self.vector_size} is no multiple of heads={self.heads}; change one of them")
        return self

    @property
    def vector_size(self) -> int:
        """The dimension, chosen by kind where it was not given."""
        return self.dimension or (512 if self.kind == "static" else 256)
