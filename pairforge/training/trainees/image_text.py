"""Training a model that gives images and texts vectors in one space (CLIP)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from sentence_transformers import SentenceTransformerTrainer
from sentence_transformers.sentence_transformer import losses as library

from pairforge.agreement import Array
from pairforge.engines.images import open_image
from pairforge.engines.sentence_models import load_sentence_model
from pairforge.models import ImageSource
from pairforge.training.building import build_loss
from pairforge.training.dev import DevRows
from pairforge.training.lessons import Lesson
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainees.rates import TRANSFORMER_RATE
from pairforge.training.trainer import ExactTrainer

_IMAGES_AT_ONCE = 64


class ExactImageTextTrainer(ExactTrainer, SentenceTransformerTrainer):  # type: ignore[misc] # its base is untyped
    """Trains a model of images and texts; each image is opened when its batch is made."""

    def get_data_collator(self, model: Any, args: Any, processing_class: Any = None) -> Any:
        """The library's, which takes bare paths for texts, with the images opened before."""
        collator = super().get_data_collator(model, args, processing_class)
        return replace(collator, preprocess_fn=_Opening(model))


class _Opening:
    """Opens images, which come as structs, before the model reads them; a class, so that workers may have it."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, inputs: list[Any], **settings: Any) -> Any:
        pictures = isinstance(inputs[0], dict)
        return self._model.preprocess([open_image(source) for source in inputs] if pictures else inputs, **settings)


class ImageTextTrainee:
    """A sentence-transformers model that reads images and texts.

    Source: Radford et al. 2021 (CLIP).
    """

    trainer_class = ExactImageTextTrainer
    learning_rate = TRANSFORMER_RATE
    notes = ()

    def __init__(self, plan: TrainingPlan) -> None:
        self._plan = plan
        self.model = load_sentence_model(plan.base, dtype="float32", max_length=plan.max_length)

    def arguments(self, lessons: Sequence[Lesson]) -> dict[str, Any]:
        """Nothing else."""
        return {}

    def rows(self, lesson: Lesson) -> pl.DataFrame:
        """A corpus, its images as structs of bytes or a path."""
        return lesson.rows.with_columns(_as_structs(lesson.rows["image"]))

    def prompts(self, lesson: Lesson) -> dict[str, str]:
        """None: captions are read as they are."""
        return {}

    def loss(self, lesson: Lesson) -> torch.nn.Module:
        """The loss of sentence-transformers."""
        return build_loss(library, self.model, lesson, self._plan)

    def dev_score(self, dev: DevRows) -> float:
        """The mean reciprocal rank of each image's caption among all distinct captions of the dev rows."""
        captions, own = np.unique(dev.rows["caption"].to_list(), return_inverse=True)
        texts = self.model.encode(captions.tolist(), normalize_embeddings=True, show_progress_bar=False)
        similarities = self._image_vectors(dev.rows["image"].to_list()) @ texts.T
        right = similarities[np.arange(len(own)), own]
        return dev.score((similarities >= right[:, None]).sum(axis=1))

    def save(self, losses: Sequence[torch.nn.Module], folder: Path) -> None:
        """Save the model, which has all that is trained."""
        self.model.save_pretrained(str(folder), create_model_card=False)

    def _image_vectors(self, sources: list[ImageSource]) -> Array:
        blocks = [
            self.model.encode(
                [open_image(source) for source in sources[start : start + _IMAGES_AT_ONCE]],
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            for start in range(0, len(sources), _IMAGES_AT_ONCE)
        ]
        vectors: Array = np.concatenate(blocks)
        return vectors


def _as_structs(images: pl.Series) -> pl.Series:
    if isinstance(images.dtype, pl.Struct):
        return images
    empty = pl.Series("other", [None] * len(images))
    return pl.select(
        pl.struct(
            bytes=images if images.dtype == pl.Binary else empty.cast(pl.Binary),
            path=images if images.dtype == pl.String else empty.cast(pl.String),
        ).alias("image")
    ).to_series()
