"""What is known of a loss before torch is loaded: what it learns from, when it is chosen, what may be set on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pairforge.engines.configuration import ModelConfiguration
from pairforge.frames import FrameContract, training_view
from pairforge.training.kinds import BaseKind, TrainedKind

if TYPE_CHECKING:
    from pairforge.training.companions import Companions

Ordinals = npt.NDArray[np.int64]
"""Places of rows in a corpus, from 0."""

Reading = Callable[[pl.DataFrame, FrameContract], tuple[pl.DataFrame, FrameContract]]
"""From a corpus of one shape to the rows that a loss reads, and their shape."""

Draw = Callable[..., pl.DataFrame]
"""The rows at these places as one epoch has them, drawn by its seed: `draw(corpus, ordinals, seed, **settings)`.

What a row becomes must hang on its place and the seed alone, not on the rows it is asked for with. The settings are
those parameters of the loss that have no keyword.
"""

BaseFault = Callable[[ModelConfiguration, "Companions"], str | None]
"""Why a loss cannot train a base with this configuration, beside these companions; None where it can."""


@dataclass(frozen=True)
class LossParameter:
    """A number or a word that may be set on a loss.

    Args:
        option: The training option that sets it.
        keyword: The name sentence-transformers gives it; None for what the rows of an epoch are drawn by.
        default: Its value where the option is not given.
        values: The option's words → those of sentence-transformers, where they differ.
    """

    option: str
    keyword: str | None
    default: float | str | None
    values: Mapping[str, str] | None = None

    def value(self, options: Any) -> float | str | None:
        """What the training options make it."""
        given: float | str | None = getattr(options, self.option)
        if given is None:
            return self.default
        return given if self.values is None else self.values[str(given)]


def as_they_are(corpus: pl.DataFrame, shape: FrameContract) -> tuple[pl.DataFrame, FrameContract]:
    """The shape's own columns."""
    return training_view(corpus, shape), shape


@dataclass(frozen=True)
class Loss:
    """One loss.

    Args:
        name: Its full name, on the command line and in recipes.
        short: Its short name, good in the same places.
        shapes: The corpus shapes it learns from, the most specific first.
        class_name: Its class in the `losses` of sentence-transformers' package for this kind of model, or with its
            module ("pairforge.training.own:SomeLoss") one of another place.
        learns: What it learns, as the end of a sentence that begins "it".
        trains: The kind of model it trains.
        default_for: The shapes for which it is chosen when none is named.
        parameters: What may be set on it.
        refuses: Base kind → why this loss cannot train it.
        in_batch: Whether the other rows of a batch are its negatives, so that it wants whole batches of distinct texts.
        row_by_row: Whether it looks at each row by itself, so that rows may be put in batches as is quickest.
        num_labels: Corpus shape → number of classes told apart; None where there are no classes.
        reads: The rows that it reads of a corpus.
        draws: Rows drawn anew for each epoch from those; None where they stay the same.
        encodes: The columns of drawn rows that the model gives vectors, texts of equal standing.
        models: Further model roles of `train` that it needs ("guide", "teacher").
        fixed: Keywords of its class that no option changes.
        optional_models: Those that it can do without.
        pooling: How the model has to pool, as sentence-transformers names it; None where any way will do.
        base_fault: Why it cannot train a base, by its configuration.
        compares_rows: Whether it compares the rows of a batch, so that a batch of one row teaches nothing.
        by_class: Whether it compares texts of a class with those of others, so that a batch has to hold two rows of
            each of its classes.
        unwrapped: Wrapper, as its option names it → why it cannot stand around this loss.
        taught_by_first: Whether all texts of a row learn the teacher's vector of the first one, rather than their own.
        head: The file beside the model in which its own parameters are kept; None where they are of no further use.
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
    reads: Reading = as_they_are
    draws: Draw | None = None
    encodes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    fixed: Mapping[str, Any] | None = None
    optional_models: tuple[str, ...] = ()
    pooling: str | None = None
    base_fault: BaseFault | None = None
    compares_rows: bool = False
    by_class: bool = False
    unwrapped: Mapping[str, str] | None = None
    taught_by_first: bool = False
    head: str | None = None

    def settings(self, options: Any) -> dict[str, Any]:
        """The keywords of its class as the training options set them; its own default where there is none."""
        values = {p.keyword: p.value(options) for p in self.parameters if p.keyword is not None}
        return {**(self.fixed or {}), **{keyword: value for keyword, value in values.items() if value is not None}}

    def draw_settings(self, options: Any) -> dict[str, Any]:
        """What its rows are drawn by, as the training options set it."""
        return {p.option: p.value(options) for p in self.parameters if p.keyword is None}

    def has(self, option: str) -> bool:
        """Whether that training option sets something on it."""
        return any(parameter.option == option for parameter in self.parameters)
