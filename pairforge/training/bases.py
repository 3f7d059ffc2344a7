"""What kind of model lies in a folder, read from its configuration alone, before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pairforge.errors import ModelError
from pairforge.models import ModelSpec
from pairforge.training.losses import BaseKind

_OTHER_MODELS = {
    "CrossEncoder": "a cross-encoder, which scores pairs",
    "SparseEncoder": "a sparse encoder",
    "MultiVectorEncoder": "a multi-vector encoder",
}
_LATER_MODULES = {
    "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout", "WeightedLayerPooling", "CNN", "LSTM", "WordWeights",
}  # fmt: skip
"""Modules that work on vectors: a model that begins with one cannot read text."""


def base_kind(spec: ModelSpec) -> BaseKind:
    """How the model turns tokens into a vector.

    Raises:
        ModelError: the model has no folder, is no sentence encoder, or reads no text.
    """
    folder = weights_folder(spec)
    modules = _modules(spec, folder)
    if modules is None:
        return BaseKind.TRANSFORMER
    first = modules[0].rsplit(".", 1)[-1] if modules else "no module"
    if first in _LATER_MODULES or not modules:
        raise ModelError(
            f"{spec.name}: the model begins with {first}, so it cannot read text; name a sentence encoder with --model."
        )
    if first in ("Router", "Asym"):
        raise ModelError(f"{spec.name}: the model routes queries and documents to two encoders; name one with --model.")
    return BaseKind.STATIC if first == "StaticEmbedding" else BaseKind.TRANSFORMER


def weights_folder(spec: ModelSpec) -> Path:
    """The folder that holds the model.

    Raises:
        ModelError: only a server knows the model.
    """
    if spec.path is None:
        raise ModelError(f"{spec.name}: the weights are wanted, but only a server has them; name a model folder.")
    return spec.path


def _modules(spec: ModelSpec, folder: Path) -> list[str] | None:
    """Module class names in order; None for a plain transformer, which gets mean pooling."""
    configuration = _read(spec, folder / "config_sentence_transformers.json") or {}
    other = _OTHER_MODELS.get(configuration.get("model_type", ""))
    if other:
        raise ModelError(f"{spec.name}: the model is {other}; name a sentence encoder with --model.")
    modules = _read(spec, folder / "modules.json")
    if modules is not None:
        return [module["type"] for module in modules]
    if not (folder / "config.json").exists():
        raise ModelError(
            f"{spec.name}: {folder} holds neither modules.json nor config.json, so it is no model; "
            "name a model folder with --model."
        )
    return None


def _read(spec: ModelSpec, path: Path) -> Any:
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, OSError) as fault:
        raise ModelError(f"{spec.name}: {path} cannot be read ({fault}); fetch or save the model again.") from fault
