"""Training a sparse encoder: weights of words for each text, from a masked language model's head (SPLADE)."""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers import SparseEncoder, SparseEncoderTrainer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sparse_encoder import losses as library
from sentence_transformers.sparse_encoder.modules import SpladePooling

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import limit_length, load_as, model_folder
from pairforge.training.building import build_loss
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainees.prompts import set_prompts
from pairforge.training.trainees.search_model import SearchTrainee
from pairforge.training.trainer import ExactTrainer

_RATE = 2e-5
_FRESH_HEAD_RATE = 1e-4
_QUERY_REGULARIZER = 5e-5
_DOCUMENT_REGULARIZER = 3e-5
_OWN = "SparseEncoder"


class ExactSparseEncoderTrainer(ExactTrainer, SparseEncoderTrainer):  # type: ignore[misc] # its base is untyped
    """Trains a sparse encoder."""


class SparseEncoderTrainee(SearchTrainee):
    """A sparse encoder: the strongest logit of each word over a text's places, damped by a logarithm.

    Source: Formal et al. 2021, 2022 (SPLADE, SPLADE++).
    """

    trainer_class = ExactSparseEncoderTrainer

    def __init__(self, plan: TrainingPlan) -> None:
        configuration = ModelConfiguration(model_folder(plan.base))
        fresh = configuration.model_type != _OWN and not configuration.has_masked_lm_head
        super().__init__(plan, _load(plan, configuration), [_told(plan.base.name)] if fresh else [])
        self.learning_rate = _FRESH_HEAD_RATE if fresh else _RATE

    def loss(self, lesson: Lesson) -> torch.nn.Module:
        """The loss of sentence-transformers, held sparse by its regularisers, which grow over a third of the run."""
        options = self._plan.options
        query, document = options.query_regularizer, options.document_regularizer
        held: torch.nn.Module = library.SpladeLoss(
            self.model,
            build_loss(library, self.model, lesson, self._plan),
            query_regularizer_weight=_QUERY_REGULARIZER if query is None else query,
            document_regularizer_weight=_DOCUMENT_REGULARIZER if document is None else document,
        )
        return held


def _load(plan: TrainingPlan, configuration: ModelConfiguration) -> SparseEncoder:
    is_ready = configuration.model_type == _OWN
    folder = model_folder(plan.base) if is_ready else configuration.transformer_folder
    model = load_as(SparseEncoder if is_ready else _splade, folder, plan.base, "a sparse encoder", {"dtype": "float32"})
    if plan.max_length is not None:
        limit_length(model, plan.base, plan.max_length)
    set_prompts(model, plan)
    return model.float()


def _splade(folder: str, *, device: str | None, model_kwargs: dict[str, Any], **access: Any) -> SparseEncoder:
    transformer = Transformer(
        folder,
        transformer_task="fill-mask",
        model_kwargs=model_kwargs | access,
        processor_kwargs=access,
        config_kwargs=access,
    )
    return SparseEncoder(modules=[transformer, SpladePooling("max")], device=device)


def _told(name: str) -> str:
    return (
        f"{name} has no head of a masked language model: a fresh one is trained, which starts dense and learns more "
        "slowly than one that knows words"
    )
