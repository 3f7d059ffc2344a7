"""Loads a model that was found, as what its kind asks for."""

from __future__ import annotations

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder
from pairforge.errors import ModelError
from pairforge.generators import FoundModel, GeneratorSpec, TextGenerator
from pairforge.model_names import BM25, LEXICAL
from pairforge.models import Encoder, ModelKind, ModelSpec, PairScorer, TextMatcher


def load(spec: FoundModel) -> Encoder | PairScorer | TextMatcher | TextGenerator:
    """The engine that uses a model as its kind says; `ModelKind.WEIGHTS` is loaded by the step itself.

    Raises:
        ModelError: it cannot be used in that way.
        MissingExtraError: a language model's engine is not installed.
    """
    if isinstance(spec, GeneratorSpec):
        return load_generator(spec)
    if spec.kind is ModelKind.JUDGED:
        spec = spec.model_copy(update={"kind": own_kind(spec)})
    if spec.kind is ModelKind.ENCODER:
        from pairforge.engines.encoders import load_encoder  # noqa: PLC0415 - each engine loads with its first use

        return load_encoder(spec)
    if spec.kind is ModelKind.SCORER:
        from pairforge.engines.scorers import load_scorer  # noqa: PLC0415 - each engine loads with its first use

        return load_scorer(spec)
    if spec.kind is ModelKind.MATCHER:
        return load_matcher(spec)
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


def load_matcher(spec: ModelSpec) -> TextMatcher:
    """BM25, TF-IDF, a sparse encoder or a late-interaction model; weights follow when the first text is encoded.

    Raises:
        ModelError: its configuration cannot be read, or it is none of these.
    """
    if spec.method == BM25:
        from pairforge.engines.lexical import Bm25Matcher  # noqa: PLC0415 - each engine loads with its first use

        return Bm25Matcher(spec)
    if spec.method in LEXICAL:
        from pairforge.engines.tfidf import TfidfMatcher  # noqa: PLC0415 - each engine loads with its first use

        return TfidfMatcher(spec)
    configuration = ModelConfiguration(model_folder(spec))
    if configuration.is_sparse_encoder:
        from pairforge.engines.sparse_encoders import SparseMatcher  # noqa: PLC0415 - each engine loads with its first use

        return SparseMatcher(spec, configuration)
    if configuration.is_late_interaction:
        from pairforge.engines.late_interaction import LateInteractionMatcher  # noqa: PLC0415 - each engine loads with its first use

        return LateInteractionMatcher(spec, configuration)
    raise ModelError(
        f"{spec.name}: is neither a sparse encoder nor a late-interaction model; one of these, bm25 or tfidf is "
        "wanted. Name one."
    )


def own_kind(spec: ModelSpec) -> ModelKind:
    """Whether a model that is judged is an encoder, a scorer or a matcher, from its name or its configuration alone.

    Raises:
        ModelError: its configuration cannot be read.
    """
    if spec.method is not None:
        return ModelKind.MATCHER if spec.method in LEXICAL else ModelKind.ENCODER
    configuration = ModelConfiguration(model_folder(spec))
    if configuration.is_cross_encoder:
        return ModelKind.SCORER
    matches = configuration.is_sparse_encoder or configuration.is_late_interaction
    return ModelKind.MATCHER if matches else ModelKind.ENCODER
