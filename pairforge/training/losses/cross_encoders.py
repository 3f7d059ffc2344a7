"""The losses that train a cross-encoder; names as in sentence-transformers, with hyphens."""

from __future__ import annotations

from pairforge.frames import LABELLED_LIST, LABELLED_PAIR, N_TUPLE, NLI, SCORED_LIST, SCORED_PAIR, TRIPLET
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses.loss import Loss
from pairforge.training.unrolling import unrolled

_PAIRWISE = (SCORED_PAIR, LABELLED_PAIR, SCORED_LIST, LABELLED_LIST, N_TUPLE, TRIPLET)

CROSS_ENCODER_LOSSES = (
    Loss(
        "binary-cross-entropy",
        "bce",
        _PAIRWISE,
        "BinaryCrossEntropyLoss",
        "fits one output, by its sigmoid, to each pair's label or score",
        trains=TrainedKind.CROSS_ENCODER,
        default_for=_PAIRWISE,
        row_by_row=True,
        reads=unrolled,
    ),
    Loss(
        "cross-entropy",
        "ce",
        (NLI,),
        "CrossEntropyLoss",
        "tells a pair's class by an output for each class",
        trains=TrainedKind.CROSS_ENCODER,
        default_for=(NLI,),
        row_by_row=True,
        num_labels={NLI.name: 3},
    ),
)
