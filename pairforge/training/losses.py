"""The losses that `train` knows: what each learns from, when it is chosen and what may be set on it.

One table, `LOSSES`; the names are those of sentence-transformers, written with hyphens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairforge.frames import (
    LABELLED_LIST,
    LABELLED_PAIR,
    N_TUPLE,
    NLI,
    PAIR,
    SCORED_LIST,
    SCORED_PAIR,
    TRIPLET,
    FrameContract,
)
from pairforge.training.kinds import BaseKind, TrainedKind

TRAINING_SHAPES = (N_TUPLE, TRIPLET, NLI, SCORED_PAIR, LABELLED_PAIR, LABELLED_LIST, SCORED_LIST, PAIR)
"""Every shape that some loss learns from, the most specific first."""


@dataclass(frozen=True)
class LossParameter:
    """A number that may be set on a loss.

    Args:
        option: The training option that sets it.
        keyword: The name sentence-transformers gives it.
        default: Its value where the option is not given.
    """

    option: str
    keyword: str
    default: float


@dataclass(frozen=True)
class Loss:
    """One loss.

    Args:
        name: Its full name, on the command line and in recipes.
        short: Its short name, good in the same places.
        shapes: The corpus shapes it learns from, the most specific first.
        class_name: Its class in `losses` of `sentence_transformers.sentence_transformer`, or of `….cross_encoder`.
        learns: What it learns, as the end of a sentence that begins "it".
        trains: The kind of model it trains.
        default_for: The shapes for which it is chosen when none is named.
        parameters: What may be set on it.
        refuses: Base kind → why this loss cannot train it.
        in_batch: Whether the other rows of a batch are its negatives, so that it wants whole batches of distinct texts.
        row_by_row: Whether it looks at each row by itself, so that rows may be put in batches as is quickest.
        num_labels: Corpus shape → number of classes told apart; None where there are no classes.
    """

    name: str
    short: str
    shapes: tuple[FrameContract, ...]
    class_name: str
    learns: str
    trains: TrainedKind = TrainedKind.ENCODER
    default_for: tuple[FrameContract, ...] = ()
    parameters: tuple[LossParameter, ...] = ()
    refuses: Mapping[BaseKind, str] | None = None
    in_batch: bool = False
    row_by_row: bool = False
    num_labels: Mapping[str, int] | None = None

    def settings(self, options: Any) -> dict[str, float]:
        """The keywords of its class as the training options set them."""
        given = {parameter: getattr(options, parameter.option) for parameter in self.parameters}
        return {p.keyword: p.default if value is None else value for p, value in given.items()}

    def without_effect(self, options: Any) -> list[str]:
        """The options that are given and would be set on another loss, but not on this one."""
        own = {parameter.option for parameter in self.parameters}
        others = dict.fromkeys(parameter.option for loss in _TABLE for parameter in loss.parameters)
        return [option for option in others if option not in own and getattr(options, option) is not None]


_SCALE = LossParameter("scale", "scale", 20.0)
_POSITIVES = (N_TUPLE, TRIPLET, PAIR)

_TABLE = (
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
    ),
    Loss(
        "binary-cross-entropy",
        "bce",
        (SCORED_PAIR, LABELLED_PAIR, SCORED_LIST, LABELLED_LIST, N_TUPLE, TRIPLET),
        "BinaryCrossEntropyLoss",
        "fits one output, by its sigmoid, to each pair's label or score",
        trains=TrainedKind.CROSS_ENCODER,
        default_for=(SCORED_PAIR, LABELLED_PAIR, SCORED_LIST, LABELLED_LIST, N_TUPLE, TRIPLET),
        row_by_row=True,
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

LOSSES: Mapping[str, Loss] = {loss.name: loss for loss in _TABLE}
"""Full name → loss."""

FULL_NAMES: Mapping[str, str] = {name: loss.name for loss in _TABLE for name in (loss.name, loss.short)}
"""Full or short name → full name."""


def losses_of(kind: TrainedKind) -> list[Loss]:
    """The losses that train this kind of model."""
    return [loss for loss in _TABLE if loss.trains is kind]
