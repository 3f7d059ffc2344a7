"""A cross-encoder that is shown no more of a text than it can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sentence_transformers import CrossEncoder

_CHARACTERS_A_TOKEN = 20


class BoundedCrossEncoder(CrossEncoder):  # type: ignore[misc] # its base is untyped
    """Cuts texts to twenty characters for each token that the model reads of a pair.

    The tokenizer keeps what it cuts off in windows, and for a pair each window of one text beside each of the other:
    two texts of 80 kB took 3.6 GB, two of a megabyte more than there was. The tokens that are read stay the same,
    unless the beginning of a text is made of words and gaps of more than twenty characters.
    """

    def preprocess(self, inputs: Sequence[Any], *arguments: Any, **keywords: Any) -> dict[str, Any]:
        """The tokens of pairs of texts."""
        longest = self.max_seq_length
        if longest is not None:
            most = longest * _CHARACTERS_A_TOKEN
            inputs = [tuple(text[:most] if isinstance(text, str) else text for text in pair) for pair in inputs]
        features: dict[str, Any] = super().preprocess(inputs, *arguments, **keywords)
        return features
