"""Encoders whose token vectors are pooled otherwise than they were trained for, with nothing behind (`cls:MODEL`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pairforge.engines.configuration import ModelConfiguration
from pairforge.errors import ModelError
from pairforge.model_names import POOLINGS
from pairforge.models import ModelSpec

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def refuse_pooling(spec: ModelSpec, configuration: ModelConfiguration) -> None:
    """See that a model has one transformer, whose token vectors can be pooled.

    Raises:
        ModelError: it is static, has one for each side, sees images, or reads pairs.
    """
    found = (
        "is a static model, whose vectors are always averaged"
        if configuration.is_static
        else "has an encoder for each side"
        if configuration.is_router
        else "sees images, for which there are none"
        if configuration.sees_images
        else "is a cross-encoder"
        if configuration.is_cross_encoder
        else ""
    )
    if found:
        raise ModelError(
            f"{spec.name}: the token vectors of a transformer are wanted, to pool them by {spec.method}, but the model "
            f"{found}. Name another model, or this one without '{spec.method}:'."
        )


def pooled(model: SentenceTransformer, spec: ModelSpec) -> SentenceTransformer:
    """The model's transformer with that pooling alone; its prompts and whether they are pooled too stay.

    Raises:
        ModelError: it does not begin with a transformer of sentence-transformers.
    """
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - loaded when it is used
    from sentence_transformers.base.modules import Transformer  # noqa: PLC0415 - as above
    from sentence_transformers.sentence_transformer.modules import Pooling  # noqa: PLC0415 - as above

    transformer = model[0]
    if not isinstance(transformer, Transformer):
        raise ModelError(
            f"{spec.name}: the token vectors of a transformer are wanted, to pool them by {spec.method}, but the model "
            f"begins with {type(transformer).__name__}. Name another model, or this one without '{spec.method}:'."
        )
    prompts_too = all(module.include_prompt for module in model if isinstance(module, Pooling))
    pooling = Pooling(transformer.get_embedding_dimension(), POOLINGS[str(spec.method)], include_prompt=prompts_too)
    return SentenceTransformer(modules=[transformer, pooling], prompts=model.prompts, device=str(model.device))
