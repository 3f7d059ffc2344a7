"""A cross-encoder's say in what is chosen: texts that it finds too right for an anchor do not serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pairforge.engines.scores import ScoreStore
from pairforge.engines.search import Doubles
from pairforge.errors import OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import PairScorer, TextPair
from pairforge.progress import Advance, Progress
from pairforge.steps.forbidden_rows import Rows
from pairforge.steps.mining.collection import Collection
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.mining.relations import Flags
from pairforge.steps.pair_scores import Head, HeadOptions, choose_head, pair_scores


@dataclass(frozen=True)
class PairScores:
    """What a cross-encoder holds of an anchor and a text: scores in [0, 1], each pair read once and kept.

    Args:
        scorer: The model.
        head: How its outputs become scores.
        store: What it gave before.
        anchors: Each input pair's anchor.
        progress: Shows pairs read.
    """

    scorer: PairScorer
    head: Head
    store: ScoreStore
    anchors: pl.Series
    progress: Progress

    @classmethod
    def of(cls, scorer: PairScorer, anchors: pl.Series, options: HeadOptions, context: StepContext) -> PairScores:
        """Scores by this model, kept in the context's cache.

        Raises:
            ModelError, OptionsError: its outputs cannot be read as asked.
        """
        head = choose_head(scorer, options)
        context.ledger.note(head.sentence)
        return cls(scorer, head, ScoreStore(context.cache / "scores"), anchors, context.progress)

    def between(self, ordinals: Rows, texts: pl.Series) -> Doubles:
        """The score of the anchor of pair `ordinals[i]` with `texts[i]`, float64 (n,)."""
        asked: list[TextPair] = list(zip(self.anchors.gather(ordinals), texts, strict=True))
        return pair_scores(self.store.logits(self.scorer, asked, self.progress), self.head)


@dataclass(frozen=True)
class ScoreCheck:
    """Refuses texts whose score with the anchor is too high.

    Args:
        scores: Of anchors with texts.
        positives: Each input pair's positive.
        texts: The corpus' distinct texts.
        max_score: The greatest score allowed, if there is one.
        margin: By how much a text's score must lie below the own positive's, if at all.
    """

    scores: PairScores
    positives: pl.Series
    texts: pl.Series
    max_score: float | None
    margin: float | None

    def showing(self, progress: Progress) -> ScoreCheck:
        """The same, showing there how many pairs are read."""
        return replace(self, scores=replace(self.scores, progress=progress))

    def refusals(self, ordinals: Rows, corpus_rows: Rows) -> Mapping[str, Flags]:
        """By reason, whether text `corpus_rows[i]` must not serve pair `ordinals[i]`; all of shape (n,)."""
        asked, texts, refused = ordinals, self.texts.gather(corpus_rows), {}
        pairs, places = np.unique(ordinals, return_inverse=True)
        if self.margin is not None:
            # In one go, so that their batches are planned together.
            asked = np.concatenate([ordinals, pairs])
            texts = pl.concat([texts, self.positives.gather(pairs).alias(texts.name)])
        scores = self.scores.between(asked, texts)
        if self.max_score is not None:
            refused["above max_score"] = scores[: len(ordinals)] > self.max_score
        if self.margin is not None:
            own = scores[len(ordinals) :][places]
            refused["within score_margin"] = scores[: len(ordinals)] > own - self.margin
        return refused


@contextmanager
def one_bar(progress: Progress) -> Iterator[Progress]:
    """A progress whose bars are all one: of pairs read so far, of which nobody knows how many there will be."""
    with progress("reading", 0, "pairs") as advance:

        @contextmanager
        def shared(label: str, total: int, unit: str) -> Iterator[Advance]:
            yield advance

        yield shared


def score_check(
    scorer: PairScorer | None, collection: Collection, options: MineNegativesOptions, context: StepContext
) -> ScoreCheck | None:
    """The check that these options ask for, if they do.

    Raises:
        OptionsError: there is a scorer without a bound, or a bound without a scorer.
        ModelError: the scorer's outputs cannot be read as asked.
    """
    if scorer is None and not options.needs_scorer:
        return None
    if not options.needs_scorer:
        raise OptionsError("A scorer needs a bound to heed: give max_score or score_margin, or no scorer.")
    if scorer is None:
        raise OptionsError("max_score and score_margin need a cross-encoder. Name it with --scorer.")
    return ScoreCheck(
        scores=PairScores.of(scorer, collection.pairs["anchor"], options, context),
        positives=collection.pairs["positive"],
        texts=collection.texts,
        max_score=options.max_score,
        margin=options.score_margin,
    )
