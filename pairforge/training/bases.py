"""What kind of model lies in a folder, read from its configuration alone, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder
from pairforge.errors import ModelError
from pairforge.models import ModelSpec
from pairforge.training.kinds import BaseKind, TrainedKind

_OTHER_MODELS = {
    "CrossEncoder": "a cross-encoder, which scores pairs",
    "SparseEncoder": "a sparse encoder",
    "MultiVectorEncoder": "a multi-vector encoder",
}
_LATER_MODULES = {
    "Pooling", "Normalize", "Dense", "LayerNorm", "Dropout", "WeightedLayerPooling", "CNN", "LSTM", "WordWeights",
}  # fmt: skip
"""Modules that work on vectors: a model that begins with one cannot read text."""

_WANTED = {
    TrainedKind.ENCODER: "name a sentence encoder with --model",
    TrainedKind.CROSS_ENCODER: "name a transformer encoder or a cross-encoder with --model",
}


def vector_size(spec: ModelSpec) -> int | None:
    """Numbers in a vector of a model; None where its files do not tell.

    Raises:
        ModelError: a configuration file cannot be read.
    """
    return ModelConfiguration(model_folder(spec)).vector_size


def gives_unit_vectors(spec: ModelSpec) -> bool:
    """Whether a model's last module brings vectors to the length 1.

    Raises:
        ModelError: a configuration file cannot be read.
    """
    return any(kind.endswith(".Normalize") for kind in ModelConfiguration(model_folder(spec)).module_types[-1:])


def begins_with_transformer(spec: ModelSpec) -> bool:
    """Whether a model's first module is a transformer; a folder without modules is one.

    Raises:
        ModelError: a configuration file cannot be read.
    """
    first = ModelConfiguration(model_folder(spec)).module_types[:1]
    return all(kind.endswith(".Transformer") for kind in first)


def base_kind(spec: ModelSpec, trained: TrainedKind, flag: str = "--model") -> BaseKind:
    """How the model that a training starts from, or another one that it needs, reads its tokens.

    Raises:
        ModelError: the model has no folder, reads no text, or is none that this kind of model can start from.
    """
    folder = model_folder(spec)
    configuration = ModelConfiguration(folder)
    fault = _fault(folder, configuration, trained)
    if fault is not None:
        raise ModelError(f"{spec.name}: {fault}; {_WANTED[trained].replace('--model', flag)}.")
    return BaseKind.STATIC if configuration.is_static else BaseKind.TRANSFORMER


def _fault(folder: Path, configuration: ModelConfiguration, trained: TrainedKind) -> str | None:
    other = _OTHER_MODELS.get(configuration.model_type)
    if other and not (configuration.is_cross_encoder and trained is TrainedKind.CROSS_ENCODER):
        return f"the model is {other}"
    if not (folder / "modules.json").exists():
        # A plain transformer will do: an encoder that starts from it gets mean pooling.
        is_model = (folder / "config.json").exists()
        return None if is_model else f"{folder} holds neither modules.json nor config.json, so it is no model"
    first = configuration.module_types[0].rsplit(".", 1)[-1] if configuration.module_types else "no module"
    if first in _LATER_MODULES or not configuration.module_types:
        return f"the model begins with {first}, so it cannot read text"
    if first in ("Router", "Asym"):
        return "the model routes queries and documents to two encoders"
    if configuration.is_static and trained is TrainedKind.CROSS_ENCODER:
        return "the model is static: it reads each text by itself, and a cross-encoder reads two together"
    return None
