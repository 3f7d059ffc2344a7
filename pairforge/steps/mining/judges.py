"""Who tells false negatives from true ones, for the pairs of a sample of anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from pairforge.errors import OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import PairScorer
from pairforge.randomness import row_uniforms
from pairforge.steps.forbidden_rows import NONE, Rows
from pairforge.steps.mining.chosen import Chosen
from pairforge.steps.mining.collection import Collection
from pairforge.steps.mining.labels import same_label
from pairforge.steps.mining.relations import Flags, SameLabel
from pairforge.steps.mining.score_check import PairScores
from pairforge.steps.mining.sweep_options import SweepNegativesOptions

_SAMPLE_STREAM = 2


class Judge(Protocol):
    """Tells which texts are right for a pair's anchor after all."""

    def false(self, ordinals: Rows, corpus_rows: Rows) -> tuple[Flags, Flags]:
        """Whether it knows of pair `ordinals[i]` and text `corpus_rows[i]`, and whether the text is right; all (n,)."""
        ...


@dataclass(frozen=True)
class LabelJudge:
    """A text that bears a label of the anchor is right for it; of a text without a label nothing is known."""

    labels: SameLabel

    def false(self, ordinals: Rows, corpus_rows: Rows) -> tuple[Flags, Flags]:
        """Whether the text has a label, and whether the anchor bears it."""
        known: Flags = self.labels.text_labels.sizes(corpus_rows) > 0
        return known, self.labels.holds(ordinals, corpus_rows)


@dataclass(frozen=True)
class ScoreJudge:
    """A text whose score with the anchor is at least `least` is right for it."""

    scores: PairScores
    texts: pl.Series
    least: float

    def false(self, ordinals: Rows, corpus_rows: Rows) -> tuple[Flags, Flags]:
        """Of every text something is known; the score decides."""
        right: Flags = self.scores.between(ordinals, self.texts.gather(corpus_rows)) >= self.least
        return np.ones_like(right), right


@dataclass(frozen=True)
class JudgedSample:
    """Anchors whose negatives are judged.

    Args:
        judge: Tells false ones from true ones.
        places: Each pair's place among the anchors sampled, -1 outside the sample.
        size: Anchors sampled.
        num_texts: Texts in the corpus.
    """

    judge: Judge
    places: Rows
    size: int
    num_texts: int

    def codes(self, chosen: Chosen) -> Rows:
        """The negatives of sampled anchors among these, each as `ordinal * num_texts + corpus row`."""
        lines, columns = np.nonzero((chosen.negatives != NONE) & (self.places[chosen.ordinals] >= 0)[:, None])
        return chosen.ordinals[lines] * self.num_texts + chosen.negatives[lines, columns]

    def counts(self, listed: Sequence[Rows]) -> list[tuple[Rows, Rows]]:
        """For each list of codes, by sampled anchor: how many are false, and of how many the judge knows.

        The judge is asked of each negative once, of all in one go.
        """
        distinct, numbers = np.unique(np.concatenate(listed), return_inverse=True)
        ordinals = distinct // self.num_texts
        known, false = self.judge.false(ordinals, distinct % self.num_texts)
        anchors, false = self.places[ordinals], false & known
        ends = np.cumsum([len(codes) for codes in listed])
        return [
            (self._by_anchor(anchors[of[false[of]]]), self._by_anchor(anchors[of[known[of]]]))
            for of in np.split(numbers, ends[:-1])
        ]

    def _by_anchor(self, anchors: Rows) -> Rows:
        return np.bincount(anchors, minlength=self.size)


def judged_sample(
    collection: Collection, options: SweepNegativesOptions, scorer: PairScorer | None, context: StepContext
) -> JudgedSample | None:
    """The judge that these options name, with anchors drawn from those that it can judge for; None without one.

    Raises:
        FrameError: there is no such label column.
        OptionsError: a scorer is missing, or has no bound.
        ModelError: its outputs cannot be read as asked.
    """
    anchors, judge = np.arange(collection.num_groups), _judge(collection, options, scorer, context)
    if judge is None:
        return None
    if isinstance(judge, LabelJudge):
        anchors = anchors[judge.labels.anchor_labels.sizes(anchors) > 0]
    drawn = np.argsort(row_uniforms(options.seed, anchors, 0, stream=_SAMPLE_STREAM), kind="stable")
    sample = anchors[drawn[: options.sample]]
    place_of = np.full(collection.num_groups, -1)
    place_of[sample] = np.arange(len(sample))
    return JudgedSample(judge, place_of[collection.groups], len(sample), len(collection.texts))


def _judge(
    collection: Collection, options: SweepNegativesOptions, scorer: PairScorer | None, context: StepContext
) -> Judge | None:
    if options.label_column is not None:
        return LabelJudge(same_label(collection, options.label_column, "--label-column"))
    if options.false_score is None:
        if scorer is not None:
            raise OptionsError("A scorer needs a bound to judge by: give false_score, or no scorer.")
        return None
    if scorer is None:
        raise OptionsError("false_score needs a cross-encoder. Name it with --scorer.")
    scores = PairScores.of(scorer, collection.pairs["anchor"], options, context)
    return ScoreJudge(scores, collection.texts, options.false_score)
