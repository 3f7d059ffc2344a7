"""One corpus of a training, and the loss that learns from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pairforge.errors import OptionsError
from pairforge.frames import FrameContract
from pairforge.training.choice import LossChoice, choose_loss
from pairforge.training.losses import Loss
from pairforge.training.options import TrainOptions


@dataclass(frozen=True)
class Lesson:
    """One corpus, and the loss that learns from it.

    Args:
        name: What errors and the library call the corpus.
        rows: The columns that the loss reads, in order.
        shape: Their shape; another than the loss chose where it reads them in a form of its own.
        choice: The loss, and the shape that it was chosen for.
        unread: Rows of the corpus that are alone in their class, from which the loss learns nothing.
    """

    name: str
    rows: pl.DataFrame
    shape: FrameContract
    choice: LossChoice
    unread: int = 0

    @property
    def loss(self) -> Loss:
        """The loss."""
        return self.choice.loss

    @property
    def num_labels(self) -> int | None:
        """Classes told apart; None where there are no classes."""
        classes = self.loss.num_labels
        return None if classes is None else classes[self.shape.name]

    @property
    def sentence(self) -> str:
        """What was chosen for it and why, for the user."""
        unread = f"; {self.unread:,} rows alone in their class are left out" if self.unread else ""
        return f"{'' if self.name == 'corpus' else f'{self.name}: '}{self.choice.sentence}{unread}"

    def batches(self, batch_size: int) -> int:
        """Batches that go through the corpus once."""
        return -(-self.rows.height // batch_size)


def settle_lessons(corpora: Sequence[pl.DataFrame], options: TrainOptions) -> tuple[Lesson, ...]:
    """Each corpus with its loss: the one named for all, the one in its place, or the one that suits it.

    Raises:
        FrameError: a corpus does not fit its loss.
        OptionsError: losses are named for another number of corpora.
    """
    names = options.loss * len(corpora) if len(options.loss) == 1 else options.loss
    if len(names) != len(corpora):
        raise OptionsError(
            f"{len(names)} losses are named for {len(corpora)} {'corpus' if len(corpora) == 1 else 'corpora'}; "
            "name one for all, or one for each in their order."
        )
    places = ["corpus"] if len(corpora) == 1 else [f"corpus {number + 1}" for number in range(len(corpora))]
    return tuple(
        _lesson(corpus, place, name, options) for corpus, place, name in zip(corpora, places, names, strict=True)
    )


def _lesson(corpus: pl.DataFrame, place: str, loss: str, options: TrainOptions) -> Lesson:
    choice = choose_loss(corpus, loss, options.trained_kind, place)
    rows, shape = choice.loss.reads(choice.shape.check(corpus, place), choice.shape)
    return Lesson(place, rows, shape, choice, corpus.height - rows.height if choice.loss.by_class else 0)
