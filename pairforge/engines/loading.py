"""Loads a model that was found, as what its kind asks for."""

from __future__ import annotations

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder
from pairforge.errors import ModelError
from pairforge.generators import FoundModel, GeneratorSpec, TextGenerator
from pairforge.models import Encoder, ModelKind, ModelSpec, PairScorer


def load(spec: FoundModel) -> Encoder | PairScorer | TextGenerator:
    """The engine that uses a model as its kind says; `ModelKind.WEIGHTS` is loaded by the step itself.

    Raises:
        ModelError: it cannot be used in that way.
        MissingExtraError: a language model's engine is not installed.
    """
    if isinstance(spec, GeneratorSpec):
        return load_generator(spec)
    if spec.kind is ModelKind.ENCODER_OR_SCORER:
        spec = spec.model_copy(update={"kind": own_kind(spec)})
    if spec.kind is ModelKind.ENCODER:
        from pairforge.engines.encoders import load_encoder  # noqa: PLC0415 - each engine loads with its first use

        return load_encoder(spec)
    if spec.kind is ModelKind.SCORER:
        from pairforge.engines.scorers import load_scorer  # noqa: PLC0415 - each engine loads with its first use

        return load_scorer(spec)
    raise ModelError(f"{spec.name}: there is no engine for a {spec.kind} yet. Use it as an encoder or a scorer.")


def load_generator(spec: GeneratorSpec) -> TextGenerator:
    """The engine that asks a language model: vLLM or transformers in this process, or the client of a server.

    Raises:
        ModelError: its engine cannot use it.
        MissingExtraError: the engine is not installed.
    """
    if spec.request.engine == "vllm":
        from pairforge.engines.vllm_models import load_vllm_model  # noqa: PLC0415 - each engine loads with its first use

        return load_vllm_model(spec)
    if spec.request.engine == "seq2seq":
        from pairforge.engines.seq2seq_models import load_seq2seq_model  # noqa: PLC0415 - each engine loads with its first use

        return load_seq2seq_model(spec)
    from pairforge.engines.servers import load_served_model  # noqa: PLC0415 - each engine loads with its first use

    return load_served_model(spec)


def own_kind(spec: ModelSpec) -> ModelKind:
    """Whether a model is an encoder or a scorer, from its configuration alone.

    Raises:
        ModelError: its configuration cannot be read.
    """
    is_scorer = ModelConfiguration(model_folder(spec)).is_cross_encoder
    return ModelKind.SCORER if is_scorer else ModelKind.ENCODER
