"""The losses that train an encoder on texts with the names of their classes."""

from __future__ import annotations

import polars as pl

from pairforge.errors import FrameError
from pairforge.frames import LABELLED_TEXT, FrameContract, training_view
from pairforge.training.losses.loss import Loss, LossParameter

_MARGIN = LossParameter("margin", "margin", 5.0)


def shared_classes(corpus: pl.DataFrame, shape: FrameContract) -> tuple[pl.DataFrame, FrameContract]:
    """The texts whose class has another text, their classes numbered from 0 in the order of the names.

    Raises:
        FrameError: fewer than two classes have two texts.
    """
    rows = training_view(corpus, shape)
    shared = rows.filter(pl.len().over("label") > 1)
    if shared["label"].n_unique() < 2:
        raise FrameError(
            f"corpus: column 'label' names {rows['label'].n_unique():,} classes, of which "
            f"{shared['label'].n_unique()} have two texts or more; give at least two such classes."
        )
    return shared.with_columns(label=pl.col("label").rank("dense").cast(pl.Int64) - 1), shape


CLASS_LOSSES = (
    Loss(
        "batch-hard-soft-margin-triplet",
        "soft-margin",
        (LABELLED_TEXT,),
        "BatchHardSoftMarginTripletLoss",
        "learns as batch-hard-triplet does, with a soft margin, which leaves nothing to set",
        default_for=(LABELLED_TEXT,),
        by_class=True,
        reads=shared_classes,
    ),
    Loss(
        "batch-hard-triplet",
        "batch-hard",
        (LABELLED_TEXT,),
        "BatchHardTripletLoss",
        "keeps each text's nearest text of another class in the batch farther than its farthest one of its own, by a "
        "margin in Euclidean distance",
        parameters=(_MARGIN,),
        by_class=True,
        reads=shared_classes,
    ),
    Loss(
        "batch-semi-hard-triplet",
        "semi-hard",
        (LABELLED_TEXT,),
        "BatchSemiHardTripletLoss",
        "learns from texts of other classes that are farther than one of its own class, but within the margin",
        parameters=(_MARGIN,),
        by_class=True,
        reads=shared_classes,
    ),
    Loss(
        "batch-all-triplet",
        "batch-all",
        (LABELLED_TEXT,),
        "BatchAllTripletLoss",
        "learns from all triplets that a batch's classes make, as long as the margin is not kept",
        parameters=(_MARGIN,),
        by_class=True,
        reads=shared_classes,
    ),
)
