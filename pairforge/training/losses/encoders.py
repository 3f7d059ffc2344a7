"""The losses that train an encoder on pairs, tuples and scores; names as in sentence-transformers, with hyphens."""

from __future__ import annotations

from pairforge.frames import LABELLED_PAIR, N_TUPLE, NLI, PAIR, SCORED_PAIR, TRIPLET
from pairforge.training.kinds import BaseKind
from pairforge.training.losses.loss import Loss, LossParameter

_SCALE = LossParameter("scale", "scale", 20.0)
_POSITIVES = (N_TUPLE, TRIPLET, PAIR)

ENCODER_LOSSES = (
    Loss(
        "multiple-negatives-ranking",
        "mnr",
        _POSITIVES,
        "MultipleNegativesRankingLoss",
        "ranks each positive above its own negatives and above the texts of all other rows in the batch",
        default_for=_POSITIVES,
        parameters=(_SCALE,),
        in_batch=True,
    ),
    Loss(
        "cached-multiple-negatives-ranking",
        "cached-mnr",
        _POSITIVES,
        "CachedMultipleNegativesRankingLoss",
        "learns as multiple-negatives-ranking does, with batches larger than the memory holds at once",
        parameters=(_SCALE, LossParameter("mini_batch_size", "mini_batch_size", 32)),
        refuses={
            BaseKind.STATIC: "its inputs cannot be cut into mini-batches, and it has no need of them: "
            "choose --loss mnr and raise --batch-size"
        },
        in_batch=True,
    ),
    Loss(
        "triplet",
        "triplet",
        (TRIPLET,),
        "TripletLoss",
        "keeps each negative farther from its anchor than the positive, by a margin in Euclidean distance",
        parameters=(LossParameter("margin", "triplet_margin", 5.0),),
        row_by_row=True,
    ),
    Loss(
        "contrastive",
        "contrastive",
        (LABELLED_PAIR,),
        "ContrastiveLoss",
        "pulls pairs with label 1 together and pushes those with label 0 apart, up to a margin in cosine distance",
        default_for=(LABELLED_PAIR,),
        parameters=(LossParameter("margin", "margin", 0.5),),
        row_by_row=True,
    ),
    Loss(
        "cosine-similarity",
        "cosine",
        (SCORED_PAIR, LABELLED_PAIR),
        "CosineSimilarityLoss",
        "fits each pair's cosine similarity to its score",
        row_by_row=True,
    ),
    Loss(
        "cosent",
        "cosent",
        (SCORED_PAIR, LABELLED_PAIR),
        "CoSENTLoss",
        "orders the cosine similarities of a batch's pairs as their scores are ordered",
        default_for=(SCORED_PAIR,),
        parameters=(_SCALE,),
    ),
    Loss(
        "softmax",
        "softmax",
        (NLI, LABELLED_PAIR),
        "SoftmaxLoss",
        "tells a pair's class from its two vectors and their difference, through a head that is saved beside the model",
        default_for=(NLI,),
        row_by_row=True,
        num_labels={NLI.name: 3, LABELLED_PAIR.name: 2},
        head="softmax_head.safetensors",
    ),
)
