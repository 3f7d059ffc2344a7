"""The loss of one training: named or chosen by the corpus, and refused where it cannot train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.frames import NLI, FrameContract, detect_shape
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.losses import TRAINING_SHAPES, Loss, loss_of, losses_of


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


def choose_loss(corpus: pl.DataFrame, name: str, kind: TrainedKind, place: str = "corpus") -> LossChoice:
    """The loss of that full name, or for "auto" the one that suits kind and corpus, and the shape that it reads.

    Raises:
        FrameError: the corpus fits no shape of the loss, or no loss of this kind of model.
        OptionsError: no loss of that name trains this kind of model.
    """
    if name == "auto":
        defaults = {shape: loss for loss in losses_of(kind) for shape in loss.default_for}
        shape = _fitting(corpus, [shape for shape in TRAINING_SHAPES if shape in defaults])
        if shape is None:
            raise FrameError(_untrainable(corpus, kind, tuple(defaults), place))
        return LossChoice(defaults[shape], shape, True)
    loss = loss_of(kind, name)
    if loss is None:
        raise OptionsError(f"the {name} loss trains no {kind}; change kind or loss.")
    fitting = _fitting(corpus, loss.shapes)
    if fitting is None:
        raise FrameError(_unfit(loss, corpus, place))
    return LossChoice(loss, fitting, False)


def _fitting(corpus: pl.DataFrame, shapes: Sequence[FrameContract]) -> FrameContract | None:
    return next((shape for shape in shapes if not shape.missing(corpus.columns)), None)


def _untrainable(corpus: pl.DataFrame, kind: TrainedKind, wanted: Sequence[FrameContract], place: str) -> str:
    shape = detect_shape(corpus, place, (*wanted, *TRAINING_SHAPES))
    named = [loss.name for loss in losses_of(kind) if shape in loss.shapes]
    if named:
        return f"{place}: has the shape {shape.name}, for which no loss is chosen; name one with --loss: " + (
            f"{', '.join(named)}; or the column of its classes with --label-column."
        )
    mend = {
        TrainedKind.ENCODER: "--kind cross-encoder trains on labelled and scored lists",
        TrainedKind.CROSS_ENCODER: "pair-texts makes pairs of texts, and --kind encoder trains on texts with classes",
    }
    return f"{place}: has the shape {shape.name}, from which no {kind} can learn; {mend[kind]}."


def _unfit(loss: Loss, corpus: pl.DataFrame, place: str) -> str:
    wanted = "; ".join(f"{shape.name}: {', '.join(c.shown_name for c in shape.columns)}" for shape in loss.shapes)
    fits = [other.name for other in losses_of(loss.trains) if _fitting(corpus, other.shapes)]
    made = {TrainedKind.ENCODER: "makes pairs and triplets", TrainedKind.CROSS_ENCODER: "--to binary makes labels 0/1"}
    hint = "" if NLI.missing(corpus.columns) else f", and convert-nli {made[loss.trains]} of it"
    return (
        f"{place}: has the columns {', '.join(corpus.columns)}, but the {loss.name} loss learns from {wanted}; "
        f"losses for this corpus: {', '.join(fits) or 'none'}{hint}."
    )


def check_fit(loss: Loss, kind: BaseKind, base_name: str, *, rows: int, batch_size: int, place: str = "corpus") -> None:
    """Refuse what cannot train.

    Raises:
        ModelError: the loss cannot train this kind of model.
        OptionsError: a batch of so few rows teaches nothing.
        FrameError: the corpus does not fill one batch of a loss that takes its negatives from the batch.
    """
    if loss.refuses and kind in loss.refuses:
        raise ModelError(f"{base_name}: the {loss.name} loss cannot train a {kind} model: {loss.refuses[kind]}.")
    least, what = _least_batch(loss)
    if batch_size < least:
        raise OptionsError(f"batch_size={batch_size}, but {loss.name} {what}; give it at least {least} rows.")
    if loss.in_batch and rows < batch_size:
        mend = f"give more rows or --batch-size {rows}" if rows > 1 else "give more rows"
        raise FrameError(
            f"{place}: has {rows:,} row{'s' * (rows > 1)}, fewer than one batch of {batch_size:,}, which {loss.name} "
            f"takes its negatives from; {mend}."
        )


def _least_batch(loss: Loss) -> tuple[int, str]:
    if loss.by_class:
        return 4, "compares two texts of a class with those of another"
    if loss.in_batch:
        return 2, "takes its negatives from the batch"
    return (2, "compares the rows of a batch") if loss.compares_rows else (1, "")
