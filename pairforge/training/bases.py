"""What kind of model lies in a folder, read from its configuration alone, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder
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
    folder = model_folder(spec)
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


def _modules(spec: ModelSpec, folder: Path) -> tuple[str, ...] | None:
    """Module class names in order; None for a plain transformer, which gets mean pooling."""
    configuration = ModelConfiguration(folder)
    other = _OTHER_MODELS.get(configuration.model_type)
    if other:
        raise ModelError(f"{spec.name}: the model is {other}; name a sentence encoder with --model.")
    if (folder / "modules.json").exists():
        return configuration.module_types
    if not (folder / "config.json").exists():
        raise ModelError(
            f"{spec.name}: {folder} holds neither modules.json nor config.json, so it is no model; "
            "name a model folder with --model."
        )
    return None
