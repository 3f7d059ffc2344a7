"""The losses that train a cross-encoder; names as in sentence-transformers, with hyphens."""

from __future__ import annotations

from pairforge.frames import (
    LABELLED_LIST,
    LABELLED_PAIR,
    MARGIN,
    N_TUPLE,
    NLI,
    PAIR,
    SCORED_LIST,
    SCORED_N_TUPLE,
    SCORED_PAIR,
    TRIPLET,
    FrameContract,
)
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses.loss import Loss, LossParameter
from pairforge.training.unrolling import listed, scored_tuples, unrolled

_PAIRWISE = (SCORED_PAIR, LABELLED_PAIR, SCORED_LIST, LABELLED_LIST, N_TUPLE, TRIPLET)
_LISTS = (LABELLED_LIST, SCORED_LIST, SCORED_N_TUPLE, N_TUPLE, TRIPLET)
_RANKED: tuple[FrameContract, ...] = (N_TUPLE, TRIPLET, PAIR)
_RANKING = (LossParameter("scale", "scale", 10.0), LossParameter("num_negatives", "num_negatives", 4))
_PAIRS_AT_ONCE = LossParameter("mini_batch_size", "mini_batch_size", None)


def _list_loss(name: str, class_name: str, learns: str, *parameters: LossParameter, **fixed: object) -> Loss:
    return Loss(
        name,
        name,
        _LISTS,
        class_name,
        learns,
        trains=TrainedKind.CROSS_ENCODER,
        parameters=(*parameters, _PAIRS_AT_ONCE),
        reads=listed,
        fixed=fixed,
    )


LIST_LOSSES = (
    _list_loss(
        "lambda",
        "pairforge.training.objectives:lambda_loss",
        "orders a list's documents by their labels, each swap weighed by what it would cost in nDCG",
        LossParameter("weighting", "weighting", "ndcg2++"),
    ),
    _list_loss("rank-net", "RankNetLoss", "orders every two documents of a list whose labels differ"),
    _list_loss("list-net", "ListNetLoss", "fits the softmax of a list's outputs to that of its labels"),
    _list_loss(
        "list-mle",
        "ListMLELoss",
        "makes the order of a list by its labels the likeliest one",
        respect_input_order=False,
    ),
    _list_loss(
        "plist-mle",
        "PListMLELoss",
        "learns as list-mle does, with more weight on the top of the list",
        respect_input_order=False,
    ),
    _list_loss("adr-mse", "ADRMSELoss", "fits soft ranks of a list's documents to those of its labels, top ones first"),
)
"""The losses that see a query's documents together."""

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
    Loss(
        "mse",
        "mse",
        _PAIRWISE,
        "pairforge.training.objectives:score_mse",
        "fits the sigmoid of one output to each pair's score by its squared error",
        trains=TrainedKind.CROSS_ENCODER,
        row_by_row=True,
        reads=unrolled,
    ),
    Loss(
        "margin-mse",
        "margin-mse",
        (MARGIN, SCORED_N_TUPLE),
        "MarginMSELoss",
        "fits how much higher its output is for the positive than for each negative to the teacher's margin",
        trains=TrainedKind.CROSS_ENCODER,
        default_for=(MARGIN, SCORED_N_TUPLE),
        row_by_row=True,
        reads=scored_tuples,
    ),
    Loss(
        "multiple-negatives-ranking",
        "mnr",
        _RANKED,
        "MultipleNegativesRankingLoss",
        "ranks each positive above its own negatives and above some texts of other rows in the batch",
        trains=TrainedKind.CROSS_ENCODER,
        default_for=(PAIR,),
        parameters=_RANKING,
        in_batch=True,
    ),
    Loss(
        "cached-multiple-negatives-ranking",
        "cached-mnr",
        _RANKED,
        "CachedMultipleNegativesRankingLoss",
        "learns as multiple-negatives-ranking does, with batches larger than the memory holds at once",
        trains=TrainedKind.CROSS_ENCODER,
        parameters=(*_RANKING, LossParameter("mini_batch_size", "mini_batch_size", 32)),
        in_batch=True,
    ),
    *LIST_LOSSES,
)
