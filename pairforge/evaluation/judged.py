"""Models as tasks see them: whatever they are, they say how close texts are, search texts, or give them features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import polars as pl

from pairforge.agreement import Array
from pairforge.errors import ModelError
from pairforge.evaluation.shrinking.forms import Form
from pairforge.execution.step import StepContext
from pairforge.models import Encoder, Floats, ImageSource, ModelSpec, PairScorer, TextMatcher

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Model = Encoder | PairScorer | TextMatcher
Features: TypeAlias = "Floats | csr_array"


@dataclass(frozen=True)
class ScoreBlock:
    """How well documents answer some queries.

    Args:
        first_query: The place of the block's first query among all.
        scores: Shape (queries of the block, documents); higher is better, -inf for what was not found at all.
    """

    first_query: int
    scores: Floats


class Judged(Protocol):
    """A model to be judged, in one form of its vectors."""

    @property
    def spec(self) -> ModelSpec:
        """The model, without the form."""
        ...

    @property
    def name(self) -> str:
        """What tables call it: the model's name, and the form of its vectors where that is not its own."""
        ...

    @property
    def identity(self) -> str:
        """Digest of everything that decides what it says."""
        ...

    @property
    def model(self) -> Model:
        """What was loaded."""
        ...

    @property
    def form(self) -> Form | None:
        """The form of its vectors; None for a model that gives texts no vectors."""
        ...

    def closeness(self, pairs: pl.DataFrame, context: StepContext) -> dict[str, Array]:
        """By name, how close it holds the two sentences of each pair, shape (rows,); the most usual way first."""
        ...

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        """How well every document answers each query, in blocks of queries that follow each other."""
        ...

    def search_by_images(
        self, images: Sequence[ImageSource], documents: Sequence[str], context: StepContext
    ) -> Iterator[ScoreBlock]:
        """How well every document answers each image, as `search` gives it.

        Raises:
            ModelError: it sees no images.
        """
        ...

    def features(self, texts: Sequence[str], context: StepContext) -> Features:
        """A vector for each text, shape (rows, dimension), for classifiers and clusters.

        Raises:
            ModelError: it gives single texts no vectors.
        """
        ...


def no_sight(name: str) -> str:
    """What is said of a model that is to compare images with captions and cannot."""
    return f"{name}: sees no images; to find captions for them name a model of images and texts (CLIP)."


def usable(model: Judged, found: dict[str, Array], task: str, context: StepContext) -> dict[str, Array]:
    """The ways of closeness that tell pairs apart; one that does not is left out and noted.

    Args:
        model: Whose they are.
        found: Way → numbers, shape (rows,), the most usual way first.
        task: What the pairs are called.
        context: Its ledger takes the notes.

    Raises:
        ModelError: the most usual way gives all pairs the same number.
    """
    constant = [name for name, numbers in found.items() if numbers.min() == numbers.max()]
    usual = next(iter(found))
    if usual in constant:
        raise ModelError(f"{model.name}: gives every pair of {task} the same {usual}; it tells no texts apart.")
    for name in constant:
        context.ledger.note(f"{model.name}: gives every pair of {task} the same {name} similarity; left out.")
    return {name: numbers for name, numbers in found.items() if name not in constant}
