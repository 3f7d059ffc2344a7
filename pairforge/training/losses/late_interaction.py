"""The losses that train a late-interaction model, whose scores are MaxSim: a sum over the query's tokens (ColBERT)."""

from __future__ import annotations

from functools import partial

from pairforge.frames import MARGIN, N_TUPLE, PAIR, SCORED_N_TUPLE, TRIPLET
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses.loss import Loss, LossParameter

_POSITIVES = (N_TUPLE, TRIPLET, PAIR)
_SCALE = LossParameter("scale", "scale", 1.0)
_LateLoss = partial(Loss, trains=TrainedKind.LATE_INTERACTION)

LATE_INTERACTION_LOSSES = (
    _LateLoss(
        "multiple-negatives-ranking",
        "mnr",
        _POSITIVES,
        "MultiVectorMultipleNegativesRankingLoss",
        "ranks each positive, by MaxSim, above its own negatives and above the texts of all other rows in the batch",
        default_for=_POSITIVES,
        parameters=(_SCALE,),
        in_batch=True,
    ),
    _LateLoss(
        "cached-multiple-negatives-ranking",
        "cached-mnr",
        _POSITIVES,
        "CachedMultiVectorMultipleNegativesRankingLoss",
        "learns as multiple-negatives-ranking does, with batches larger than the memory holds at once",
        parameters=(_SCALE, LossParameter("mini_batch_size", "mini_batch_size", 32)),
        in_batch=True,
    ),
    _LateLoss(
        "margin-mse",
        "margin-mse",
        (MARGIN, SCORED_N_TUPLE),
        "MultiVectorMarginMSELoss",
        "fits the margin between positive and negative, in MaxSim, to that of a teacher",
        default_for=(MARGIN,),
        row_by_row=True,
    ),
    _LateLoss(
        "distil-kl",
        "distil-kl",
        (SCORED_N_TUPLE,),
        "MultiVectorDistillKLDivLoss",
        "spreads its MaxSim over positive and negatives as a teacher spreads its scores",
        default_for=(SCORED_N_TUPLE,),
        row_by_row=True,
    ),
)
