"""Training a late-interaction model: a vector for each token, compared by MaxSim (ColBERT)."""

from __future__ import annotations

import torch
from sentence_transformers import MultiVectorEncoder, MultiVectorEncoderTrainer
from sentence_transformers.base.modules import Dense
from sentence_transformers.multi_vector_encoder import losses as library

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.sentence_models import limit_length, load_as, model_folder
from pairforge.training.building import build_loss
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainees.prompts import set_prompts
from pairforge.training.trainees.search_model import SearchTrainee
from pairforge.training.trainer import ExactTrainer

_RATE = 2e-5
_FRESH_MAP_RATE = 1e-4


class ExactMultiVectorTrainer(ExactTrainer, MultiVectorEncoderTrainer):  # type: ignore[misc] # its base is untyped
    """Trains a late-interaction model."""


class LateInteractionTrainee(SearchTrainee):
    """A multi-vector encoder of sentence-transformers; from a plain encoder with a fresh map of its tokens' vectors.

    Source: Khattab and Zaharia 2020 (ColBERT).
    """

    trainer_class = ExactMultiVectorTrainer

    def __init__(self, plan: TrainingPlan) -> None:
        fresh = ModelConfiguration(model_folder(plan.base)).model_type != "MultiVectorEncoder"
        model = _load(plan)
        super().__init__(plan, model, [_told(plan.base.name, model)] if fresh else [])
        self.learning_rate = _FRESH_MAP_RATE if fresh else _RATE

    def loss(self, lesson: Lesson) -> torch.nn.Module:
        """The loss of sentence-transformers."""
        return build_loss(library, self.model, lesson, self._plan)


def _load(plan: TrainingPlan) -> MultiVectorEncoder:
    folder = model_folder(plan.base)
    model = load_as(MultiVectorEncoder, folder, plan.base, "a late-interaction model", {"dtype": "float32"})
    if plan.max_length is not None:
        limit_length(model, plan.base, plan.max_length)
    set_prompts(model, plan)
    return model.float()


def _told(name: str, model: MultiVectorEncoder) -> str:
    maps = next(module for module in model.children() if isinstance(module, Dense))
    shape = f"{maps.in_features} to {maps.out_features}"
    return f"{name} has one vector a text: its tokens' vectors go through a linear map, {shape} dimensions"
