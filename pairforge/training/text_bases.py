"""What a transformer's configuration says of what it can learn from plain texts, before torch is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder

if TYPE_CHECKING:
    from pairforge.training.companions import Companions

DECODING_ENCODERS = frozenset(
    {
        "bert", "bert-generation", "big_bird", "camembert", "data2vec-text", "electra", "ernie", "megatron-bert",
        "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "xlm-roberta", "xlm-roberta-xl", "xmod",
    }
)  # fmt: skip
"""The encoders, as transformers calls them, of which there is a decoder that looks at another vector."""

DECODERS = DECODING_ENCODERS | {"gpt2", "gpt-sw3", "prophetnet", "xglm"}
"""All that can be such a decoder."""

MASKED_MODELS = DECODING_ENCODERS - {"bert-generation"} | {
    "albert", "convbert", "deberta", "deberta-v2", "distilbert", "esm", "eurobert", "flaubert", "fnet", "funnel", "gte",
    "ibert", "jina_embeddings_v3", "layoutlm", "longformer", "luke", "mobilebert", "modernbert", "mpnet", "mra",
    "nomic_bert", "nystromformer", "reformer", "squeezebert", "tapas", "xlm", "yoso",
}  # fmt: skip
"""The encoders that transformers has a head for masked tokens for."""

_HIDDEN_SIZES = ("hidden_size", "dim", "n_embd", "d_model")


def decoder_fault(base: ModelConfiguration, given: Companions) -> str | None:
    """Why there is no decoder for a base, whether its own form or the one that is given."""
    kind = base.transformer.get("model_type")
    if given.decoder is None:
        return None if kind in DECODING_ENCODERS else (
            f"a {kind} has no form that decodes, so that no decoder can share its weights; name a model for an untied "
            f"one with --decoder, of {_hidden_size(base.transformer)} dimensions, as init-model transformer makes it"
        )  # fmt: skip
    decoder = ModelConfiguration(model_folder(given.decoder)).transformer
    if decoder.get("model_type") not in DECODERS:
        return (
            f"the decoder {given.decoder.name}, a {decoder.get('model_type')}, has no form that decodes; name another"
        )
    sizes = [_hidden_size(settings) for settings in (decoder, base.transformer)]
    if sizes[0] != sizes[1]:
        return f"the decoder {given.decoder.name} has {sizes[0]} dimensions, the base {sizes[1]}; name one of as many"
    return None


def dropout_fault(base: ModelConfiguration, given: Companions) -> str | None:
    """Why reading a text twice gives the same vector twice."""
    rates = {name: rate for name, rate in base.transformer.items() if _is_dropout(name) and rate is not None}
    if not rates or any(rates.values()):
        return None
    return (
        f"its dropout is 0 ({', '.join(sorted(rates))} in config.json), so that a text read twice is the same; set a "
        "dropout of .1 there, or choose --loss contrastive-tension-in-batch-negatives"
    )


def masking_fault(base: ModelConfiguration, given: Companions) -> str | None:
    """Why masked tokens cannot be named."""
    kind = base.transformer.get("model_type")
    return None if kind in MASKED_MODELS else f"a {kind} has no head that names masked tokens; choose --loss simcse"


def _is_dropout(name: str) -> bool:
    return "dropout" in name and "classifier" not in name


def _hidden_size(settings: dict[str, object]) -> object:
    return next((settings[name] for name in _HIDDEN_SIZES if name in settings), None)
