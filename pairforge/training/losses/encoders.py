"""The losses that train an encoder on pairs, tuples and scores; names as in sentence-transformers, with hyphens."""

from __future__ import annotations

from pairforge.frames import LABELLED_PAIR, N_TUPLE, NLI, PAIR, SCORED_PAIR, TRIPLET
from pairforge.training.kinds import BaseKind
from pairforge.training.losses.loss import Loss, LossParameter

_SCALE = LossParameter("scale", "scale", 20.0)
_MARGIN = LossParameter("margin", "margin", 0.5)
_MINI_BATCH = LossParameter("mini_batch_size", "mini_batch_size", 32)
_POSITIVES = (N_TUPLE, TRIPLET, PAIR)
_HARDNESS = (
    LossParameter(
        "hardness",
        "hardness_mode",
        None,
        {"in-batch": "in_batch_negatives", "own": "hard_negatives", "all": "all_negatives"},
    ),
    LossParameter("hardness_strength", "hardness_strength", 0.0),
)
_BOTH_WAYS = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
_CACHED = {"adaptive_layers": "it holds no batch whole, so that the layers of one cannot be compared"}


def _uncut(plain: str) -> dict[BaseKind, str]:
    return {
        BaseKind.STATIC: "its inputs cannot be cut into mini-batches, and it has no need of them: "
        f"choose --loss {plain} and raise --batch-size"
    }


RANKING_LOSSES = (
    Loss(
        "multiple-negatives-ranking",
        "mnr",
        _POSITIVES,
        "MultipleNegativesRankingLoss",
        "ranks each positive above its own negatives and above the texts of all other rows in the batch",
        default_for=_POSITIVES,
        parameters=(_SCALE, *_HARDNESS),
        in_batch=True,
    ),
    Loss(
        "cached-multiple-negatives-ranking",
        "cached-mnr",
        _POSITIVES,
        "CachedMultipleNegativesRankingLoss",
        "learns as multiple-negatives-ranking does, with batches larger than the memory holds at once",
        parameters=(_SCALE, *_HARDNESS, _MINI_BATCH),
        refuses=_uncut("mnr"),
        in_batch=True,
        unwrapped=_CACHED,
    ),
    Loss(
        "multiple-negatives-symmetric-ranking",
        "symmetric-mnr",
        _POSITIVES,
        "MultipleNegativesRankingLoss",
        "ranks each positive above the other texts of the batch, and each anchor above the other anchors",
        parameters=(_SCALE,),
        in_batch=True,
        fixed=_BOTH_WAYS,
    ),
    Loss(
        "cached-multiple-negatives-symmetric-ranking",
        "cached-symmetric-mnr",
        _POSITIVES,
        "CachedMultipleNegativesRankingLoss",
        "learns as multiple-negatives-symmetric-ranking does, with batches larger than the memory holds at once",
        parameters=(_SCALE, _MINI_BATCH),
        refuses=_uncut("symmetric-mnr"),
        in_batch=True,
        fixed=_BOTH_WAYS,
        unwrapped=_CACHED,
    ),
    Loss(
        "gist-embed",
        "gist",
        (TRIPLET, PAIR),
        "GISTEmbedLoss",
        "ranks as multiple-negatives-ranking does, without the texts that a guide holds to be as close as the positive",
        parameters=(LossParameter("temperature", "temperature", 0.01), LossParameter("margin", "margin", 0.0)),
        refuses={BaseKind.STATIC: "the guide has to read its tokens, which are no transformer's: choose --loss mnr"},
        in_batch=True,
        models=("guide",),
    ),
    Loss(
        "cached-gist-embed",
        "cached-gist",
        _POSITIVES,
        "CachedGISTEmbedLoss",
        "learns as gist-embed does, with batches larger than the memory holds at once",
        parameters=(
            LossParameter("temperature", "temperature", 0.01),
            LossParameter("margin", "margin", 0.0),
            _MINI_BATCH,
        ),
        refuses=_uncut("mnr"),
        in_batch=True,
        models=("guide",),
        unwrapped=_CACHED,
    ),
    Loss(
        "mega-batch-margin",
        "mega-batch",
        (PAIR,),
        "pairforge.training.objectives:mega_batch_margin",
        "draws each pair to a cosine and keeps the closest other positive of the batch below one: for large batches",
        parameters=(
            LossParameter("positive_margin", "positive_margin", 0.8),
            LossParameter("negative_margin", "negative_margin", 0.3),
            LossParameter("mini_batch_size", "mini_batch_size", 50),
        ),
        in_batch=True,
        unwrapped=_CACHED,
    ),
)
"""The losses that take a text's negatives from its batch."""

ENCODER_LOSSES = (
    *RANKING_LOSSES,
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
        parameters=(_MARGIN,),
        row_by_row=True,
    ),
    Loss(
        "online-contrastive",
        "online",
        (LABELLED_PAIR,),
        "OnlineContrastiveLoss",
        "learns as contrastive does, from those pairs of a batch alone that lie on the wrong side of others",
        parameters=(_MARGIN,),
        compares_rows=True,
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
        compares_rows=True,
    ),
    Loss(
        "angle",
        "angle",
        (SCORED_PAIR, LABELLED_PAIR),
        "AnglELoss",
        "orders a batch's pairs as cosent does, by their angle as complex vectors, which learns from near ones too",
        parameters=(_SCALE,),
        compares_rows=True,
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
        unwrapped={"matryoshka": "its head reads vectors of one length"},
        head="softmax_head.safetensors",
    ),
)
