"""Scorers: cross-encoders, which read two texts together.

What a model's outputs are called, and what they were meant to go through, stands in its configuration, so that a run
whose pairs are all stored needs neither torch nor the weights: both are loaded when the first pair has to be scored.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import load_cross_encoder, model_folder
from pairforge.engines.token_lengths import token_counts
from pairforge.errors import ModelError
from pairforge.models import Floats, ModelSpec, PairScorer, TextPair

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


def load_scorer(spec: ModelSpec) -> PairScorer:
    """A cross-encoder over the model's files; the weights follow when it first scores.

    Raises:
        ModelError: its configuration cannot be read, or it has no head that scores pairs.
    """
    configuration = ModelConfiguration(model_folder(spec))
    if not configuration.is_cross_encoder:
        raise ModelError(
            f"{spec.name}: reads one text at a time, but a cross-encoder is wanted, which scores two together. "
            "Name one, or train one from it with: pairforge train --kind cross-encoder"
        )
    return CrossEncoderScorer(spec, configuration)


class CrossEncoderScorer:
    """A sentence-transformers cross-encoder as a `PairScorer`.

    Args:
        spec: Where its files lie and how it is to be used.
        configuration: What its files say of its outputs.
    """

    def __init__(self, spec: ModelSpec, configuration: ModelConfiguration) -> None:
        self.spec = spec
        self.labels = configuration.class_names
        self.activation = configuration.activation

    def token_counts(self, pairs: Sequence[TextPair]) -> npt.NDArray[np.int64]:
        """Tokens of both texts of each pair, up to what the model reads; letters where it has no fast tokenizer."""
        texts = list(dict.fromkeys(itertools.chain.from_iterable(pairs)))
        lengths = dict(zip(texts, token_counts(self._model[0].tokenizer, texts, None).tolist(), strict=True))
        counts = np.array([lengths[first] + lengths[second] for first, second in pairs], dtype=np.int64)
        longest = self._model.max_seq_length
        return counts if longest is None else np.minimum(counts, longest)

    def logits(self, pairs: Sequence[TextPair]) -> Floats:
        """One batch of pairs, what the head gives for each before any activation, float32 (len(pairs), outputs)."""
        import torch  # noqa: PLC0415 - a run whose pairs are all stored needs none

        given: Floats = self._model.predict(
            list(pairs), batch_size=len(pairs), activation_fn=torch.nn.Identity(), show_progress_bar=False
        )
        return given.reshape(len(pairs), -1)

    @cached_property
    def _model(self) -> CrossEncoder:
        request = self.spec.request
        return load_cross_encoder(self.spec, dtype=request.dtype, max_length=request.max_length).eval()
