"""Losses built on a model, from what the table of losses says of them."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import torch

from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan
from pairforge.training.several import process_share


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
    built_by = _class(library, lesson.loss.class_name)
    if process_share()[1] > 1 and "gather_across_devices" in inspect.signature(built_by).parameters:
        keywords["gather_across_devices"] = True
    built: torch.nn.Module = built_by(model, **keywords)
    return built


def _class(library: Any, name: str) -> Any:
    module, _, own = name.rpartition(":")
    return getattr(importlib.import_module(module) if module else library, own)
