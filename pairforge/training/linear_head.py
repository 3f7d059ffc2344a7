"""A classification head on an encoder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch


class LinearHead(torch.nn.Module):
    """Cross-entropy of a linear head over a text's vector; sentence-transformers has one for two texts alone.

    Args:
        model: The encoder.
        num_classes: Outputs of the head.
    """

    def __init__(self, model: Any, num_classes: int) -> None:
        super().__init__()
        self.model = model
        self.linear = torch.nn.Linear(model.get_embedding_dimension(), num_classes, device=model.device)

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: torch.Tensor) -> torch.Tensor:
        """The mean loss of a batch.

        Args:
            sentence_features: The texts, one column of them, as the encoder reads them.
            labels: The place of each text's class.
        """
        (texts,) = sentence_features
        return torch.nn.functional.cross_entropy(self.linear(self.model(texts)["sentence_embedding"]), labels.view(-1))
