"""The loss that trains an encoder with a classification head."""

from __future__ import annotations

from pairforge.frames import LABELLED_TEXT
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses.loss import Loss

CLASSIFIER_LOSSES = (
    Loss(
        "cross-entropy",
        "ce",
        (LABELLED_TEXT,),
        "pairforge.training.linear_head:LinearHead",
        "tells a text's class from its vector, through a linear head that is saved beside the model",
        trains=TrainedKind.CLASSIFIER,
        default_for=(LABELLED_TEXT,),
        row_by_row=True,
    ),
)
