"""What is trained to compare corpora, and at which learning rates."""

from __future__ import annotations

from pairforge.model_files import resolve
from pairforge.models import DEFAULT_ENCODER, ModelKind, ModelRequest
from pairforge.training.bases import base_kind
from pairforge.training.kinds import BaseKind, TrainedKind

FRESH_STATIC = "static"
"""The student that starts from random weights."""

FRESH_DIMENSION = 512
"""Numbers in a vector of the student that starts from random weights."""

_FRESH_RATES = (0.01, 0.03, 0.1)
_STATIC_RATES = (0.003, 0.01, 0.03)
_TRANSFORMER_RATES = (1e-5, 2e-5, 5e-5)


def start_of(student: str) -> ModelRequest:
    """The model that a student starts from, or whose tokenizer a fresh one takes."""
    return ModelRequest(name=DEFAULT_ENCODER if student == FRESH_STATIC else student)


def is_static(student: str) -> bool:
    """Whether a student's vectors are means of its tokens' own.

    Raises:
        ModelError: it cannot be found, or is no encoder.
    """
    if student == FRESH_STATIC:
        return True
    spec = resolve(start_of(student), ModelKind.WEIGHTS)
    return base_kind(spec, TrainedKind.ENCODER, "--student") is BaseKind.STATIC


def usual_rates(student: str) -> tuple[float, ...]:
    """Learning rates worth trying for this student.

    Raises:
        ModelError: it cannot be found.
    """
    if student == FRESH_STATIC:
        return _FRESH_RATES
    return _STATIC_RATES if is_static(student) else _TRANSFORMER_RATES
