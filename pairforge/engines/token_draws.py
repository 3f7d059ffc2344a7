"""Tokens drawn for many texts at once, each by its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pairforge.randomness import row_uniforms

if TYPE_CHECKING:
    from torch import Tensor

_STREAM = 11


class TokenDraws:
    """A logits processor that leaves one token of each row, drawn by the row's seed and the token's place alone.

    The number that is drawn in [0, 1) picks the token in whose span it falls, where the spans of all tokens, as long as
    they are likely, stand in a line in the order of the vocabulary.

    Args:
        seeds: The seed of each row.
        temperature: What logits are divided by; with 0 all stay as they are, so that the likeliest is taken.
        top_p: Share of the likeliest tokens that are drawn from (Holtzman et al. 2020).
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_p: float) -> None:
        self._seeds = np.asarray(seeds, dtype=np.int64)
        self._temperature = temperature
        self._top_p = top_p

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores in which all tokens but the drawn one are impossible, of the shape of `scores`.

        Raises:
            FloatingPointError: there are scores that are no numbers.

        Args:
            input_ids: What is written so far, shape (rows, tokens).
            scores: The logits of the next token, shape (rows, vocabulary).
        """
        import torch  # noqa: PLC0415 - loaded with a model

        if torch.isnan(scores).any():
            raise FloatingPointError("scores that are no numbers")
        if self._temperature == 0:
            return scores
        probabilities = self._probabilities(scores)
        ends = probabilities.cumsum(dim=-1)
        numbers = row_uniforms(0, self._seeds, input_ids.shape[1], stream=_STREAM)
        wanted = torch.from_numpy(numbers).to(ends.device)[:, None] * ends[:, -1:]
        drawn = torch.searchsorted(ends, wanted, right=True)
        # Where rounding leaves the number at the very end, the last token that is possible at all.
        last = (ends < ends[:, -1:]).sum(dim=-1, keepdim=True)
        chosen = torch.minimum(drawn, last).to(scores.device)
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)

    def _probabilities(self, scores: Tensor) -> Tensor:
        # Apple's GPUs know no doubles, and the sums of a large vocabulary want them.
        given = scores.cpu() if scores.device.type == "mps" else scores
        probabilities = (given.double() / self._temperature).softmax(dim=-1)
        if self._top_p >= 1:
            return probabilities
        ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
        outside = ordered.cumsum(dim=-1) - ordered >= self._top_p
        return probabilities.scatter(1, tokens, ordered.masked_fill(outside, 0.0))
