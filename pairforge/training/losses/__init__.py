"""The losses that `train` knows: one table for each kind of model that is trained.

A loss of the same name may train several kinds; `loss_of` tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping

from pairforge.frames import (
    LABELLED_LIST,
    LABELLED_PAIR,
    LABELLED_TEXT,
    MARGIN,
    N_TUPLE,
    NLI,
    PAIR,
    SCORED_LIST,
    SCORED_N_TUPLE,
    SCORED_PAIR,
    TEXT,
    TRIPLET,
)
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses.classes import CLASS_LOSSES
from pairforge.training.losses.cross_encoders import CROSS_ENCODER_LOSSES
from pairforge.training.losses.distillation import DISTILLATION_LOSSES
from pairforge.training.losses.encoders import ENCODER_LOSSES
from pairforge.training.losses.loss import Draw, Loss, LossParameter, Ordinals, Reading

__all__ = [
    "FULL_NAMES",
    "LOSSES",
    "TRAINING_SHAPES",
    "Draw",
    "Loss",
    "LossParameter",
    "Ordinals",
    "Reading",
    "loss_of",
    "losses_of",
    "parameter_options",
]

TRAINING_SHAPES = (
    SCORED_N_TUPLE, N_TUPLE, TRIPLET, MARGIN, NLI, SCORED_PAIR, LABELLED_PAIR, LABELLED_LIST, SCORED_LIST, PAIR,
    LABELLED_TEXT, TEXT,
)  # fmt: skip
"""Every shape that some loss learns from, the most specific first."""

LOSSES = (*ENCODER_LOSSES, *CLASS_LOSSES, *DISTILLATION_LOSSES, *CROSS_ENCODER_LOSSES)
"""Every loss."""

FULL_NAMES: Mapping[str, str] = {name: loss.name for loss in LOSSES for name in (loss.name, loss.short)}
"""Full or short name → full name, whatever kind of model it trains."""

_BY_KIND_AND_NAME = {(loss.trains, loss.name): loss for loss in LOSSES}


def losses_of(kind: TrainedKind) -> list[Loss]:
    """The losses that train this kind of model."""
    return [loss for loss in LOSSES if loss.trains is kind]


def loss_of(kind: TrainedKind, name: str) -> Loss | None:
    """The loss of that full name that trains this kind of model, if there is one."""
    return _BY_KIND_AND_NAME.get((kind, name))


def parameter_options() -> list[str]:
    """The training options that set something on some loss."""
    return list(dict.fromkeys(parameter.option for loss in LOSSES for parameter in loss.parameters))
