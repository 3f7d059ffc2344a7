"""Losses built on a model, from what the table of losses says of them."""

from __future__ import annotations

import importlib
from typing import Any

import torch

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import model_folder
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan


def build_loss(library: Any, model: Any, lesson: Lesson, plan: TrainingPlan) -> torch.nn.Module:
    """The loss of a corpus, as the options set it.

    Args:
        library: The `losses` of sentence-transformers' package for this kind of model.
        model: What it trains.
        lesson: The corpus, with its loss.
        plan: The whole training.
    """
    keywords: dict[str, Any] = dict(lesson.loss.settings(plan.options))
    if lesson.num_labels is not None and plan.kind.has_vectors:
        keywords["num_labels"] = lesson.num_labels
        keywords["embedding_dimension"] = model.get_embedding_dimension()
    if "decoder" in lesson.loss.optional_models and plan.companions.decoder is not None:
        keywords["decoder"] = str(ModelConfiguration(model_folder(plan.companions.decoder)).transformer_folder)
    built: torch.nn.Module = loss_class(library, lesson.loss.class_name)(model, **keywords)
    return built


def loss_class(library: Any, name: str) -> Any:
    """What builds a loss, by its name in the table."""
    module, _, own = name.rpartition(":")
    return getattr(importlib.import_module(module) if module else library, own)
