"""An encoder as its training starts: pooled as asked, with one side or two."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Router
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding

from pairforge.engines.sentence_models import load_sentence_model
from pairforge.errors import ModelError
from pairforge.models import ModelSpec
from pairforge.training.bases import side_kinds
from pairforge.training.kinds import BaseKind
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainees.prompts import set_prompts, sides_of
from pairforge.training.trainees.rates import static_rate


def load_encoder_model(plan: TrainingPlan) -> tuple[SentenceTransformer, list[str]]:
    """The encoder that a plan trains, and what the user is told of it.

    Raises:
        ModelError: it cannot be loaded, or does not pool its tokens.
    """
    model = _load(plan, plan.base)
    notes: list[str] = []
    if plan.trains_sides and not isinstance(model[0], Router):
        documents = copy.deepcopy(model) if plan.document_base is None else _load(plan, plan.document_base)
        model, notes = _two_sided(model, documents)
    if plan.trains_sides and plan.options.processes > 1:
        _freeze_poolers(model)
    set_prompts(model, plan)
    return model, notes


def side_arguments(model: SentenceTransformer, plan: TrainingPlan) -> dict[str, Any]:
    """What the library's trainer has to be told of a model with two sides; nothing of another.

    A static side beside a transformer learns at a rate of its own: at that of a transformer it would hardly move.
    """
    if not plan.trains_sides:
        return {}
    columns = {lesson.name: {name: side.value for name, side in sides_of(lesson).items()} for lesson in plan.lessons}
    mapping: Mapping[str, Any] = columns if len(columns) > 1 else next(iter(columns.values()))
    if plan.base_kind is BaseKind.STATIC:
        return {"router_mapping": mapping}
    rates = {
        rf"sub_modules\.{route}\.0\.embedding": static_rate(modules[0].parameters())
        for route, modules in model[0].sub_modules.items()
        if isinstance(modules[0], StaticEmbedding)
    }
    return {"router_mapping": mapping, "learning_rate_mapping": rates}


def _freeze_poolers(model: SentenceTransformer) -> None:
    """Set aside the weights that no vector is made with: processes would wait for their gradients."""
    for module in model.modules():
        pooler = getattr(module, "pooler", None)
        if isinstance(pooler, torch.nn.Module):
            pooler.requires_grad_(False)


def _load(plan: TrainingPlan, spec: ModelSpec) -> SentenceTransformer:
    is_static = set(side_kinds(spec, plan.kind)) == {BaseKind.STATIC}
    model = load_sentence_model(spec, dtype="float32", max_length=None if is_static else plan.max_length)
    if plan.pooling is not None and not is_static:
        _pool(model, plan.pooling, spec.name)
    return model


def _pool(model: SentenceTransformer, pooling: str, name: str) -> None:
    found = [module for module in model.modules() if isinstance(module, Pooling)]
    if not found:
        raise ModelError(
            f"{name}: --pooling is given, but it makes its vectors without pooling those of its tokens; omit it."
        )
    for module in found:
        if module.pooling_output_dimension != module.embedding_dimension:
            raise ModelError(
                f"{name}: --pooling is given, but its vectors are several poolings in a row, which its later parts may "
                "rely on; omit it."
            )
        module.pooling_mode = pooling.replace("-", "")


def _two_sided(queries: SentenceTransformer, documents: SentenceTransformer) -> tuple[SentenceTransformer, list[str]]:
    """One model that leads queries to the first and documents to the second.

    Queries of another dimension go through a linear map to that of the documents, whose vectors fill the index.
    """
    narrow, wide = queries.get_embedding_dimension(), documents.get_embedding_dimension()
    query_modules, notes = list(queries.children()), []
    if narrow != wide:
        query_modules.append(Dense(narrow, wide, bias=False, activation_function=torch.nn.Identity()))
        notes.append(f"queries have {narrow} dimensions and documents {wide}: a fresh linear map takes queries there")
    router = Router.for_query_document(query_modules, list(documents.children()))
    prompts = {"query": queries.prompts.get("query", ""), "document": documents.prompts.get("document", "")}
    return SentenceTransformer(modules=[router], prompts=prompts, device=str(queries.device)), notes
