"""Losses built on a model, from what the table of losses says of them."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import torch

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import load_sentence_model, model_folder
from pairforge.models import ModelSpec
from pairforge.training.lessons import Lesson
from pairforge.training.options import TrainOptions
from pairforge.training.plan import TrainingPlan
from pairforge.training.several import process_share
from pairforge.training.teaching import taught_dimension


def build_loss(library: Any, model: Any, lesson: Lesson, plan: TrainingPlan) -> torch.nn.Module:
    """The loss of a corpus, as the options set it, with the wrappers that they name around it.

    Args:
        library: The `losses` of sentence-transformers' package for this kind of model.
        model: What it trains.
        lesson: The corpus, with its loss.
        plan: The whole training.
    """
    keywords = lesson.loss.settings(plan.options)
    if lesson.num_labels is not None and plan.kind.has_vectors:
        keywords["num_labels"] = lesson.num_labels
        keywords["embedding_dimension"] = model.get_embedding_dimension()
    if "guide" in lesson.loss.models and plan.companions.guide is not None:
        keywords["guide"] = _guide(plan.companions.guide)
    if "teacher" in lesson.loss.models:
        dimension = taught_dimension(lesson.rows)
        keywords["projection_dim"] = None if dimension == model.get_embedding_dimension() else dimension
    if "decoder" in lesson.loss.optional_models and plan.companions.decoder is not None:
        keywords["decoder"] = str(ModelConfiguration(model_folder(plan.companions.decoder)).transformer_folder)
    built_by = loss_class(library, lesson.loss.class_name)
    if process_share()[1] > 1 and "gather_across_devices" in inspect.signature(built_by).parameters:
        keywords["gather_across_devices"] = True
    built: torch.nn.Module = built_by(model, **keywords)
    return _wrapped(library, model, built, plan.options)


def loss_class(library: Any, name: str) -> Any:
    """The class that a loss of the table names, or a function that makes one.

    Args:
        library: The `losses` of sentence-transformers' package for its kind of model.
        name: The name, with its module ("module:Name") where it is in another place.
    """
    module, _, own = name.rpartition(":")
    return getattr(importlib.import_module(module) if module else library, own)


def _guide(spec: ModelSpec) -> torch.nn.Module:
    # Frozen, or the optimiser would hold its weights too.
    guide: torch.nn.Module = load_sentence_model(spec, dtype="float32", max_length=spec.request.max_length)
    return guide.eval().requires_grad_(False)


def _wrapped(library: Any, model: Any, loss: torch.nn.Module, options: TrainOptions) -> torch.nn.Module:
    dimensions = sorted({*options.matryoshka, model.get_embedding_dimension()}) if options.matryoshka else []
    wrapped: torch.nn.Module = loss
    if dimensions and options.adaptive_layers:
        wrapped = library.Matryoshka2dLoss(model, loss, dimensions)
    elif dimensions:
        wrapped = library.MatryoshkaLoss(model, loss, dimensions)
    elif options.adaptive_layers:
        wrapped = library.AdaptiveLayerLoss(model, loss)
    return wrapped
