"""The kinds of model that are trained, and of model that training starts from."""

from __future__ import annotations

from enum import StrEnum


class TrainedKind(StrEnum):
    """What comes out of a training."""

    ENCODER = "encoder"
    CROSS_ENCODER = "cross-encoder"
    SPARSE_ENCODER = "sparse-encoder"
    LATE_INTERACTION = "late-interaction"
    CLASSIFIER = "classifier"
    IMAGE_TEXT = "image-text"

    @property
    def has_vectors(self) -> bool:
        """Whether a text has vectors of its own."""
        return self is not TrainedKind.CROSS_ENCODER

    @property
    def has_pooling(self) -> bool:
        """Whether a transformer's token vectors are pooled into one, so that the way may be chosen."""
        return self in (TrainedKind.ENCODER, TrainedKind.CLASSIFIER)


class BaseKind(StrEnum):
    """How the model that a training starts from reads its tokens."""

    STATIC = "static"
    TRANSFORMER = "transformer"
