"""A linear head that tells the class of a text from its vector, as files beside the encoder's own.

`classification_head.safetensors` holds `weight`, shape (classes, dimension), and `bias`, shape (classes,);
`classes.json` the names of the classes in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pairforge.errors import ModelError
from pairforge.files import read_json, write_json
from pairforge.models import Floats

_HEAD = "classification_head.safetensors"
_CLASSES = "classes.json"


@dataclass(frozen=True)
class ClassificationHead:
    """A linear map from vectors to classes.

    Args:
        classes: Their names.
        weight: Shape (classes, dimension).
        bias: Shape (classes,).
    """

    classes: tuple[str, ...]
    weight: Floats
    bias: Floats

    @classmethod
    def load(cls, folder: Path) -> ClassificationHead:
        """The head in a model's folder.

        Raises:
            ModelError: it has none, or its files do not fit each other.
        """
        from safetensors import SafetensorError  # noqa: PLC0415 - a run that is up to date needs none
        from safetensors.numpy import load_file  # noqa: PLC0415 - as above

        if not has_head(folder):
            raise ModelError(
                f"{folder}: has no classification head ({_HEAD} and {_CLASSES}); train one with: "
                "pairforge train --kind classifier"
            )
        try:
            tensors, classes = load_file(folder / _HEAD), tuple(read_json(folder / _CLASSES))
            head = cls(classes, tensors["weight"], tensors["bias"])
        except (OSError, KeyError, SafetensorError) as fault:
            raise ModelError(f"{folder / _HEAD}: cannot be read ({fault}). Restore the model's files.") from fault
        if not len(head.classes) == len(head.weight) == len(head.bias):
            raise ModelError(
                f"{folder}: has {len(head.classes)} names of classes, but a head of {len(head.weight)}. Restore the "
                "model's files."
            )
        return head

    def save(self, folder: Path) -> None:
        """Write it into a model's folder."""
        from safetensors.numpy import save_file  # noqa: PLC0415 - as above

        save_file({"weight": self.weight, "bias": self.bias}, folder / _HEAD)
        write_json(list(self.classes), folder / _CLASSES)

    def logits(self, vectors: Floats) -> Floats:
        """The evidence for each class, shape (texts, classes)."""
        return vectors @ self.weight.T + self.bias

    def probabilities(self, vectors: Floats) -> Floats:
        """The probability of each class, shape (texts, classes); a row adds up to 1."""
        logits = self.logits(vectors)
        risen = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = risen / risen.sum(axis=1, keepdims=True)
        return shares


def has_head(folder: Path) -> bool:
    """Whether a model's folder holds a head."""
    return (folder / _HEAD).is_file() and (folder / _CLASSES).is_file()
