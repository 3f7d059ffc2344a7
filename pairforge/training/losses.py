"""The losses that `train` knows: what each learns from, when it is chosen and what may be set on it.

One table, `LOSSES`; the names are those of sentence-transformers, written with hyphens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.frames import (
    LABELLED_PAIR,
    N_TUPLE,
    NLI,
    PAIR,
    SCORED_PAIR,
    TRIPLET,
    FrameContract,
    detect_shape,
)

TRAINING_SHAPES = (N_TUPLE, TRIPLET, NLI, SCORED_PAIR, LABELLED_PAIR, PAIR)
"""Every shape that some loss learns from, the most specific first."""


class BaseKind(StrEnum):
    """How the model that is trained turns tokens into a vector."""

    STATIC = "static"
    TRANSFORMER = "transformer"


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
        class_name: Its class in `sentence_transformers.sentence_transformer.losses`.
        learns: What it learns, as the end of a sentence that begins "it".
        default_for: The shapes for which it is chosen when none is named.
        parameters: What may be set on it.
        refuses: Base kind → why this loss cannot train it.
        in_batch: Whether the other rows of a batch are its negatives, so that it wants whole batches of distinct texts.
        num_labels: Corpus shape → number of classes its head tells apart; empty for a loss without a head.
    """

    name: str
    short: str
    shapes: tuple[FrameContract, ...]
    class_name: str
    learns: str
    default_for: tuple[FrameContract, ...] = ()
    parameters: tuple[LossParameter, ...] = ()
    refuses: Mapping[BaseKind, str] | None = None
    in_batch: bool = False
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
    ),
    Loss(
        "contrastive",
        "contrastive",
        (LABELLED_PAIR,),
        "ContrastiveLoss",
        "pulls pairs with label 1 together and pushes those with label 0 apart, up to a margin in cosine distance",
        default_for=(LABELLED_PAIR,),
        parameters=(LossParameter("margin", "margin", 0.5),),
    ),
    Loss(
        "cosine-similarity",
        "cosine",
        (SCORED_PAIR, LABELLED_PAIR),
        "CosineSimilarityLoss",
        "fits each pair's cosine similarity to its score",
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
        num_labels={NLI.name: 3, LABELLED_PAIR.name: 2},
    ),
)

LOSSES: Mapping[str, Loss] = {loss.name: loss for loss in _TABLE}
"""Full name → loss."""

FULL_NAMES: Mapping[str, str] = {name: loss.name for loss in _TABLE for name in (loss.name, loss.short)}
"""Full or short name → full name."""


@dataclass(frozen=True)
class LossChoice:
    """The loss of one training and the shape it reads the corpus in."""

    loss: Loss
    shape: FrameContract
    chosen_by_shape: bool

    @property
    def sentence(self) -> str:
        """What was chosen and why, for the user."""
        why = (
            f", chosen for the shape {self.shape.name}" if self.chosen_by_shape else f" on the shape {self.shape.name}"
        )
        return f"loss {self.loss.name}{why}: it {self.loss.learns}"


def choose_loss(corpus: pl.DataFrame, name: str) -> LossChoice:
    """The loss of that full name, or for "auto" the one that suits the corpus, and the shape that it reads.

    Raises:
        FrameError: the corpus fits no shape of the loss.
    """
    if name == "auto":
        shape = detect_shape(corpus, "corpus", TRAINING_SHAPES)
        return LossChoice(next(loss for loss in _TABLE if shape in loss.default_for), shape, True)
    loss = LOSSES[name]
    fitting = next((shape for shape in loss.shapes if not shape.missing(corpus.columns)), None)
    if fitting is None:
        raise FrameError(_unfit(loss, corpus))
    return LossChoice(loss, fitting, False)


def _unfit(loss: Loss, corpus: pl.DataFrame) -> str:
    wanted = "; ".join(f"{shape.name}: {', '.join(c.shown_name for c in shape.columns)}" for shape in loss.shapes)
    fits = [other.name for other in _TABLE if any(not shape.missing(corpus.columns) for shape in other.shapes)]
    hint = "" if NLI.missing(corpus.columns) else ", and convert-nli makes pairs and triplets of it"
    return (
        f"corpus: has the columns {', '.join(corpus.columns)}, but the {loss.name} loss learns from {wanted}; "
        f"losses for this corpus: {', '.join(fits) or 'none'}{hint}."
    )


def check_fit(loss: Loss, kind: BaseKind, base_name: str, rows: int, batch_size: int) -> None:
    """Refuse what cannot train.

    Raises:
        ModelError: the loss cannot train this kind of model.
        OptionsError: a batch of one row leaves a loss without negatives.
        FrameError: the corpus does not fill one batch of a loss that takes its negatives from the batch.
    """
    if loss.refuses and kind in loss.refuses:
        raise ModelError(f"{base_name}: the {loss.name} loss cannot train a {kind} model: {loss.refuses[kind]}.")
    if not loss.in_batch:
        return
    if batch_size < 2:
        raise OptionsError(
            f"batch_size is 1, but {loss.name} takes its negatives from the batch; give it at least 2 rows."
        )
    if rows < batch_size:
        mend = f"give more rows or --batch-size {rows}" if rows > 1 else "give more rows"
        raise FrameError(
            f"corpus: has {rows:,} row{'s' * (rows > 1)}, fewer than one batch of {batch_size:,}, which {loss.name} "
            f"takes its negatives from; {mend}."
        )
