"""The losses that train a sparse encoder; regularisers of queries and documents hold each sparse (SPLADE)."""

from __future__ import annotations

from functools import partial

from pairforge.frames import LABELLED_PAIR, MARGIN, N_TUPLE, PAIR, SCORED_N_TUPLE, SCORED_PAIR, TRIPLET
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses.loss import Loss, LossParameter

_POSITIVES = (N_TUPLE, TRIPLET, PAIR)
_SCORED = (SCORED_PAIR, LABELLED_PAIR)
_SparseLoss = partial(Loss, trains=TrainedKind.SPARSE_ENCODER)

SPARSE_ENCODER_LOSSES = (
    _SparseLoss(
        "multiple-negatives-ranking",
        "mnr",
        _POSITIVES,
        "SparseMultipleNegativesRankingLoss",
        "ranks each positive, by dot products, above its own negatives and the texts of all other rows in the batch",
        default_for=_POSITIVES,
        parameters=(LossParameter("scale", "scale", 1.0),),
        in_batch=True,
    ),
    _SparseLoss(
        "triplet",
        "triplet",
        (TRIPLET,),
        "SparseTripletLoss",
        "keeps each negative farther from its anchor than the positive, by a margin in Euclidean distance",
        parameters=(LossParameter("margin", "triplet_margin", 5.0),),
        row_by_row=True,
    ),
    _SparseLoss(
        "cosine-similarity",
        "cosine",
        _SCORED,
        "SparseCosineSimilarityLoss",
        "fits each pair's cosine similarity to its score",
        row_by_row=True,
    ),
    _SparseLoss(
        "cosent",
        "cosent",
        _SCORED,
        "SparseCoSENTLoss",
        "orders the cosine similarities of a batch's pairs as their scores are ordered",
        default_for=_SCORED,
        parameters=(LossParameter("scale", "scale", 20.0),),
    ),
    _SparseLoss(
        "angle",
        "angle",
        _SCORED,
        "SparseAnglELoss",
        "orders a batch's pairs as cosent does, by angles in complex space, which do not saturate as cosines do",
        parameters=(LossParameter("scale", "scale", 20.0),),
    ),
    _SparseLoss(
        "margin-mse",
        "margin-mse",
        (MARGIN, SCORED_N_TUPLE),
        "SparseMarginMSELoss",
        "fits the margin between positive and negative, in dot products, to that of a teacher",
        default_for=(MARGIN,),
        row_by_row=True,
    ),
    _SparseLoss(
        "distil-kl",
        "distil-kl",
        (SCORED_N_TUPLE,),
        "SparseDistillKLDivLoss",
        "spreads its dot products over positive and negatives as a teacher spreads its scores",
        default_for=(SCORED_N_TUPLE,),
        row_by_row=True,
    ),
)
