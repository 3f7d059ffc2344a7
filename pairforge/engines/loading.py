"""Loads a model that was found, as what its kind asks for."""

from __future__ import annotations

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder
from pairforge.errors import ModelError
from pairforge.models import Encoder, ModelKind, ModelSpec, PairScorer


def load(spec: ModelSpec) -> Encoder | PairScorer:
    """The engine that uses a model as its kind says; `ModelKind.WEIGHTS` is loaded by the step itself.

    Raises:
        ModelError: it cannot be used in that way.
    """
    if spec.kind is ModelKind.ENCODER_OR_SCORER:
        spec = spec.model_copy(update={"kind": own_kind(spec)})
    if spec.kind is ModelKind.ENCODER:
        from pairforge.engines.encoders import load_encoder  # noqa: PLC0415 - each engine loads with its first use

        return load_encoder(spec)
    if spec.kind is ModelKind.SCORER:
        from pairforge.engines.scorers import load_scorer  # noqa: PLC0415 - each engine loads with its first use

        return load_scorer(spec)
    raise ModelError(f"{spec.name}: there is no engine for a {spec.kind} yet. Use it as an encoder or a scorer.")


def own_kind(spec: ModelSpec) -> ModelKind:
    """Whether a model is an encoder or a scorer, from its configuration alone.

    Raises:
        ModelError: its configuration cannot be read.
    """
    is_scorer = ModelConfiguration(model_folder(spec)).is_cross_encoder
    return ModelKind.SCORER if is_scorer else ModelKind.ENCODER
