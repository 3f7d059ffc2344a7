"""The losses that train a model of images and texts on pictures and what is said of them."""

from __future__ import annotations

from functools import partial

from pairforge.frames import IMAGE_TEXT
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses.loss import Loss, LossParameter

_SCALE = LossParameter("scale", "scale", 20.0)
_ImageTextLoss = partial(Loss, trains=TrainedKind.IMAGE_TEXT, shapes=(IMAGE_TEXT,), parameters=(_SCALE,), in_batch=True)

IMAGE_TEXT_LOSSES = (
    _ImageTextLoss(
        "multiple-negatives-symmetric-ranking",
        "symmetric-mnr",
        class_name="MultipleNegativesRankingLoss",
        learns="ranks each caption above those of the batch's other images, and each image above those of its other "
        "captions, as CLIP does",
        default_for=(IMAGE_TEXT,),
        fixed={"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"},
    ),
    _ImageTextLoss(
        "multiple-negatives-ranking",
        "mnr",
        class_name="MultipleNegativesRankingLoss",
        learns="ranks each image's caption above those of the batch's other images",
    ),
)
