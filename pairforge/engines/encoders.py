"""Encoders: sentence-transformers models, static or transformer, with their prompts and routes; and word vectors.

What a model adds to each side of a search stands in its configuration, so that a run whose vectors are all stored
needs neither torch nor the weights: both are loaded when the first text has to be encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.images import open_image
from pairforge.engines.pooled_models import refuse_pooling
from pairforge.engines.sentence_models import load_sentence_model, model_folder
from pairforge.engines.token_lengths import token_counts
from pairforge.errors import ModelError
from pairforge.model_names import WORD_VECTORS
from pairforge.models import Encoder, Floats, ImageSource, ModelSpec, Side

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_STATIC_BATCH = 4096


def load_encoder(spec: ModelSpec) -> Encoder:
    """An encoder over the model's files; the weights follow when it first encodes.

    The `batch_size` of a static model and of word vectors is raised: their vectors do not depend on the batch, and they
    want large ones.

    Raises:
        ModelError: its configuration cannot be read, it gives a text no vector of its own, or it has no token vectors
            that could be pooled as its name says.
    """
    if spec.method == WORD_VECTORS:
        from pairforge.engines.word_vectors import WordVectorEncoder  # noqa: PLC0415 - loaded when it is used

        return WordVectorEncoder(_in_large_batches(spec))
    configuration = ModelConfiguration(model_folder(spec))
    _refuse_other_kinds(spec, configuration)
    if configuration.sees_images and spec.method is None:
        return ImageTextEncoder(spec, configuration)
    return SentenceEncoder(_in_large_batches(spec) if configuration.is_static else spec, configuration)


def _in_large_batches(spec: ModelSpec) -> ModelSpec:
    size = max(spec.request.batch_size, _STATIC_BATCH)
    return spec.model_copy(update={"request": spec.request.model_copy(update={"batch_size": size})})


def _refuse_other_kinds(spec: ModelSpec, configuration: ModelConfiguration) -> None:
    # The library would turn them into encoders unasked, with fresh weights.
    other = (
        "sparse encoder"
        if configuration.is_sparse_encoder
        else "late-interaction model"
        if configuration.is_late_interaction
        else ""
    )
    if other:
        raise ModelError(
            f"{spec.name}: is a {other}, but an encoder is wanted, which gives each text one dense vector. Name one."
        )
    if spec.method is not None:
        refuse_pooling(spec, configuration)


class SentenceEncoder:
    """A sentence-transformers model as an `Encoder`.

    Args:
        spec: Where its files lie and how it is to be used.
        configuration: What its files say of prompts and routes.
    """

    def __init__(self, spec: ModelSpec, configuration: ModelConfiguration) -> None:
        self.spec = spec
        asked = {Side.QUERY: spec.request.query_prompt, Side.DOCUMENT: spec.request.document_prompt}
        self._prompts = {
            side: configuration.prompt(side) if prompt is None else prompt for side, prompt in asked.items()
        }
        self._is_static = configuration.is_static
        self._has_routes = configuration.has_routes

    @cached_property
    def dimension(self) -> int:
        """Numbers in one vector."""
        dimension: int | None = self._model.get_embedding_dimension()
        return dimension if dimension is not None else self.encode(["a"], Side.DOCUMENT).shape[1]

    def side_key(self, side: Side) -> str:
        """The side's prompt, and its name if the model treats the sides differently."""
        return f"{side.value if self._has_routes else ''}\0{self._prompts[side]}"

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Tokens of each text, up to what the model reads; letters where it has no fast tokenizer."""
        tokenizer = None if self._is_static else getattr(self._model[0], "tokenizer", None)
        return token_counts(tokenizer, texts, None if tokenizer is None else self._model.max_seq_length)

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        """One batch of texts as the model gives them (not normalised), float32, shape (len(texts), dimension)."""
        return self._encoded(texts, prompt=self._prompts[side], task=side.value)

    def _encoded(self, inputs: Sequence[Any], *, prompt: str | None = None, task: str | None = None) -> Floats:
        import torch  # noqa: PLC0415 - a run whose vectors are all stored needs none

        model = self._model
        with torch.inference_mode():
            features = model.preprocess(list(inputs), prompt=prompt, task=task)
            placed = {name: _moved(value, model.device) for name, value in features.items()}
            vectors = model(placed, task=task)["sentence_embedding"]
            if model.truncate_dim is not None:
                vectors = vectors[:, : model.truncate_dim]
            encoded: Floats = vectors.float().cpu().numpy()
        return encoded

    @cached_property
    def _model(self) -> SentenceTransformer:
        request = self.spec.request
        return load_sentence_model(self.spec, dtype=request.dtype, max_length=request.max_length).eval()


class ImageTextEncoder(SentenceEncoder):
    """A model of images and texts (CLIP) as an `Encoder` of texts and an `ImageEncoder`."""

    def encode_images(self, images: Sequence[ImageSource]) -> Floats:
        """One batch of images as the model gives them (not normalised), float32, shape (len(images), dimension)."""
        return self._encoded([open_image(source) for source in images])


def _moved(value: Any, device: Any) -> Any:
    return value.to(device) if hasattr(value, "to") else value
