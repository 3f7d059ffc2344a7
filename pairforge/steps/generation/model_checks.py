"""What models say of written texts: an encoder whether they are on the subject, a cross-encoder whether they are right.

The texts of one row are read in a batch of their own. Floating point notices how a batch was cut; so nothing hangs on
which rows were worked on together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from pairforge.engines.scores import ScoreStore
from pairforge.engines.search import Doubles
from pairforge.engines.tables import VectorTable
from pairforge.engines.vectors import VectorStore
from pairforge.errors import OptionsError
from pairforge.execution.step import ModelRole, StepContext, StepOptions
from pairforge.models import Encoder, ModelKind, PairScorer, Side
from pairforge.steps.pair_scores import Head, ScoreBoundOptions, choose_head, pair_scores

Item = TypeVar("Item")


class SimilarityCheckOptions(StepOptions):
    """Options of a step whose written texts an encoder looks at."""

    min_similarity: Annotated[
        float | None,
        Field(ge=-1, le=1, description="Least cosine of a written text with its anchor, by the encoder of --model."),
    ] = None
    max_similarity: Annotated[
        float | None, Field(ge=-1, le=1, description="Greatest cosine with the anchor, by that encoder.")
    ] = None

    @model_validator(mode="after")
    def _refuse_an_empty_band(self) -> SimilarityCheckOptions:
        low, high = self.min_similarity, self.max_similarity
        if low is not None and high is not None and low > high:
            raise OptionsError(f"min_similarity {low:g} is above max_similarity {high:g}. Change one of them.")
        return self

    @property
    def needs_encoder(self) -> bool:
        """Whether similarities are looked at."""
        return self.min_similarity is not None or self.max_similarity is not None


class ModelCheckOptions(SimilarityCheckOptions, ScoreBoundOptions):
    """Options of a step whose written negatives an encoder and a cross-encoder look at."""


ENCODER_ROLE = ModelRole(
    "Measures similarity; with --min-similarity or --max-similarity.",
    ModelKind.ENCODER,
    needed=lambda options: bool(options.needs_encoder),
)
SCORER_ROLE = ModelRole(
    "A cross-encoder that reads what was written; with --max-score or --score-margin.",
    ModelKind.SCORER,
    flag="scorer",
    default=None,
    needed=lambda options: bool(options.needs_scorer),
)


@dataclass(frozen=True)
class Likeness:
    """Refuses texts that are too far from their anchor, or too near.

    Args:
        encoder: The model.
        anchors: The anchors' vectors, each of length 1.
        options: The bounds.
    """

    encoder: Encoder
    anchors: VectorTable
    options: SimilarityCheckOptions

    def faults(self, rows: Sequence[int], texts: Sequence[Sequence[str]]) -> list[list[str | None]]:
        """For each text written for each row, why it cannot be used, or None."""
        return [self._faults(row, of_row) if of_row else [] for row, of_row in zip(rows, texts, strict=True)]

    def _faults(self, row: int, texts: Sequence[str]) -> list[str | None]:
        anchor = self.anchors.take([row])[0].astype(np.float64)
        vectors = unit_vectors(self.encoder, texts, Side.DOCUMENT)
        return [self._fault(float(cosine)) for cosine in vectors @ anchor]

    def _fault(self, cosine: float) -> str | None:
        low, high = self.options.min_similarity, self.options.max_similarity
        if low is not None and cosine < low:
            return "below min_similarity"
        return "above max_similarity" if high is not None and cosine > high else None


@dataclass(frozen=True)
class Reading:
    """Refuses texts that a cross-encoder finds too right for their anchor.

    Args:
        scorer: The model.
        head: How its outputs become scores.
        pairs: anchor and positive of each row.
        positives: The score of each row's own positive.
        options: The bounds.
    """

    scorer: PairScorer
    head: Head
    pairs: pl.DataFrame
    positives: Doubles
    options: ModelCheckOptions

    def faults(self, rows: Sequence[int], texts: Sequence[Sequence[str]]) -> list[list[str | None]]:
        """For each text written for each row, why it cannot be used, or None."""
        return [self._faults(row, of_row) if of_row else [] for row, of_row in zip(rows, texts, strict=True)]

    def _faults(self, row: int, texts: Sequence[str]) -> list[str | None]:
        anchor = self.pairs["anchor"][row]
        scores = _in_batches(self.scorer.spec.request.batch_size, [(anchor, text) for text in texts], self._scores)
        return [self._fault(float(score), float(self.positives[row])) for score in scores]

    def _scores(self, pairs: Sequence[tuple[str, str]]) -> Doubles:
        return pair_scores(self.scorer.logits(pairs), self.head)

    def _fault(self, score: float, own: float) -> str | None:
        highest, margin = self.options.max_score, self.options.score_margin
        if highest is not None and score > highest:
            return "above max_score"
        return "within score_margin" if margin is not None and score > own - margin else None


def likeness_of(
    anchors: pl.Series, encoder: Encoder | None, options: SimilarityCheckOptions, context: StepContext
) -> list[Likeness]:
    """The check of similarities to these anchors, encoded first; none where no bound is given.

    Raises:
        OptionsError: a bound has no encoder, or an encoder no bound.
    """
    _refuse_one_alone(encoder, options.needs_encoder, "min_similarity and max_similarity need an encoder")
    if encoder is None:
        return []
    store = VectorStore(context.cache / "vectors")
    tables = store.tables(encoder, {Side.QUERY: anchors.to_list()}, context.progress)
    return [Likeness(encoder, tables[Side.QUERY].unit(), options)]


def reading_of(
    pairs: pl.DataFrame, scorer: PairScorer | None, options: ModelCheckOptions, context: StepContext
) -> list[Reading]:
    """The check of scores beside those of these pairs, scored first; none where no bound is given.

    Raises:
        OptionsError: a bound has no scorer, or a scorer no bound.
        ModelError: the scorer's outputs cannot be read as asked.
    """
    _refuse_one_alone(scorer, options.needs_scorer, "max_score and score_margin need a cross-encoder")
    if scorer is None:
        return []
    head = choose_head(scorer, options)
    context.ledger.note(head.sentence)
    asked = pairs.select("anchor", "positive").rows()
    logits = ScoreStore(context.cache / "scores").logits(scorer, asked, context.progress)
    return [Reading(scorer, head, pairs, pair_scores(logits, head), options)]


def _refuse_one_alone(model: Encoder | PairScorer | None, needed: bool, words: str) -> None:
    if needed and model is None:
        raise OptionsError(f"{words}, and none is given.")
    if model is not None and not needed:
        raise OptionsError(f"{words}; a model without such a bound does nothing. Give one, or leave the model out.")


def unit_vectors(encoder: Encoder, texts: Sequence[str], side: Side) -> Doubles:
    """The vectors of one row's texts, each of length 1, float64 (texts, dimension)."""

    def encoded(batch: Sequence[str]) -> Doubles:
        vectors = encoder.encode(batch, side).astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1)

    return _in_batches(encoder.spec.request.batch_size, texts, encoded)


def _in_batches(size: int, items: Sequence[Item], compute: Callable[[Sequence[Item]], Doubles]) -> Doubles:
    return np.concatenate([compute(items[start : start + size]) for start in range(0, len(items), size)])
