"""The options of a fresh model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pairforge.execution.step import SeededOptions

_DIMENSIONS: Mapping[str, int] = {"static": 512, "transformer": 256, "image-text": 64}


class InitModelOptions(SeededOptions):
    """What a fresh model looks like."""

    kind: Annotated[
        Literal["static", "transformer", "image-text"],
        Field(description="static: a table of word-piece vectors that are averaged; transformer: a small BERT; "
                          "image-text: a small CLIP, of a transformer for images and one for texts.",
              json_schema_extra={"positional": True}),
    ]  # fmt: skip
    dimension: Annotated[
        int | None,
        Field(ge=1, description="Numbers in a vector; 512 for static, 256 for transformer, 64 for image-text if not "
                                "given."),
    ] = None  # fmt: skip
    layers: Annotated[int, Field(ge=1, description="Layers of each transformer.")] = 2
    heads: Annotated[int, Field(ge=1, description="Attention heads in each layer of a transformer.")] = 4
    pooling: Annotated[
        Literal["mean", "cls", "max"], Field(description="How the transformer's token vectors become one.")
    ] = "mean"
    max_length: Annotated[
        int | None,
        Field(ge=3, description="Tokens read of each text; all for static, 256 for transformer and 77 for image-text "
                                "if not given."),
    ] = None  # fmt: skip
    image_size: Annotated[
        int, Field(ge=1, description="Pixels of the side of the square that an image-text model sees of an image.")
    ] = 32
    patch_size: Annotated[
        int, Field(ge=1, description="Pixels of the side of the patches that it reads an image in.")
    ] = 8
    tokenizer_from: Annotated[
        Literal["model", "corpus"],
        Field(description="Take the tokenizer of a model, or train a WordPiece one on the corpus."),
    ] = "model"
    vocabulary_size: Annotated[
        int, Field(ge=100, description="Word pieces at most, when the tokenizer is trained on the corpus.")
    ] = 30000

    @model_validator(mode="after")
    def _heads_divide_the_dimension(self) -> InitModelOptions:
        if self.kind != "static" and self.vector_size % self.heads:
            raise ValueError(f"dimension={self.vector_size} is no multiple of heads={self.heads}; change one of them")
        return self

    @model_validator(mode="after")
    def _patches_tile_the_image(self) -> InitModelOptions:
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size={self.image_size} is no multiple of patch_size={self.patch_size}; change one of them"
            )
        return self

    @property
    def vector_size(self) -> int:
        """The dimension, chosen by kind where it was not given."""
        return self.dimension or _DIMENSIONS[self.kind]
