"""A teacher's scores for a student to learn: of pairs, of n-tuples, or of lists of documents.

Sources: Hinton et al. 2015 (distillation), Lin et al. 2020 (Kullback-Leibler divergence over a list), Hofstätter et al.
2020 (margins).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from pairforge.engines.search import Doubles
from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import Input, ModelRole, Step, StepContext
from pairforge.frames import (
    LABELLED_LIST,
    N_TUPLE,
    SCORED_LIST,
    SCORED_N_TUPLE,
    SCORED_PAIR,
    TRIPLET,
    FrameContract,
    detect_shape,
)
from pairforge.models import Encoder, ModelKind, PairScorer
from pairforge.steps.columns import extra_columns
from pairforge.steps.gold_pairs import ANCHORED_PAIR, GOLD, PAIRS_OF_ALL_KINDS, named_pairs
from pairforge.steps.pair_scores import OutputOptions
from pairforge.steps.teachers import QueryTexts, Similarity, teacher_logits, teacher_similarities

_TUPLES = (N_TUPLE, TRIPLET)
_LIST = FrameContract("list", LABELLED_LIST.columns[:2])
_SHAPES = {"pair": PAIRS_OF_ALL_KINDS, "n-tuple": _TUPLES, "list": (_LIST,)}
_MADE = {"pair": SCORED_PAIR, "n-tuple": SCORED_N_TUPLE, "list": SCORED_LIST}
_KEPT_LISTS = {"labels": "gold_labels", "scores": "gold_scores"}


class DistilScoresOptions(OutputOptions):
    """Options of distil-scores."""

    to: Annotated[
        Literal["pair", "n-tuple", "list"],
        Field(
            description="What is scored: pairs (for cosine and cosent losses), n-tuples or triplets, which get a list "
            "of scores (DistillKLDivLoss, MarginMSELoss), or lists of documents (a cross-encoder's listwise losses)."
        ),
    ] = "pair"
    teacher: Annotated[
        Literal["encoder", "cross-encoder"], Field(description="What scores: --model or --cross-encoder.")
    ] = "encoder"
    similarity: Annotated[
        Similarity, Field(description="An encoder's score: the cosine of two vectors, or their dot product.")
    ] = "cosine"

    @model_validator(mode="after")
    def _refuse_what_does_not_go_together(self) -> DistilScoresOptions:
        if self.teacher == "cross-encoder" and self.to == "pair":
            raise OptionsError(
                "teacher='cross-encoder' gives lists of scores; for what it holds of pairs there is score-pairs. Use "
                "that, or to='n-tuple' or to='list'."
            )
        if self.similarity == "dot" and (self.to == "pair" or self.teacher == "cross-encoder"):
            raise OptionsError(
                "similarity='dot' is for teacher='encoder' and for n-tuples or lists: a pair's score lies in [0, 1]. "
                "Leave it out."
            )
        if self.positive_label is not None and self.teacher == "encoder":
            raise OptionsError("positive_label is of teacher='cross-encoder'; an encoder has no labels. Leave it out.")
        return self


_DEFAULTS = DistilScoresOptions()


def distil_scores(
    corpus: pl.DataFrame,
    *,
    encoder: Encoder | None = None,
    scorer: PairScorer | None = None,
    options: DistilScoresOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Give each row a teacher's scores, in the shape that the student's loss wants.

    An encoder's score of a pair is its cosine, those below 0 raised to 0; of n-tuples and lists it is the cosine, or
    the dot product, as it is. A cross-encoder's scores are logits before any activation (of several classes, the
    log-odds of the one that means relevant). Scores or labels that the corpus had are kept as gold_score, gold_label,
    gold_scores or gold_labels.

    Args:
        corpus: With `to="pair"`, pairs of any kind; anchors are encoded as queries and positives as documents, and
            sentences without a direction all as queries. With "n-tuple", anchor, positive and negative or negative_1 …
            negative_n. With "list", query and documents.
        encoder: The teacher, where that is an encoder.
        scorer: The teacher, where that is a cross-encoder.
        options: What is made, by which teacher.
        context: The caches, and where what was found is noted.

    Returns:
        sentence1, sentence2, score; or anchor, positive, negative_1 … negative_n, scores (of the positive, then of each
        negative); or query, documents, scores; and the other columns, rows in their order.

    Raises:
        FrameError: a column is missing or in the way, or a list is empty.
        OptionsError: the teacher that the options name is not there.
        ModelError: the teacher gives NaN, or it is not known which of its outputs is meant.
    """
    context = context or StepContext()
    teach = partial(_taught, encoder=encoder, scorer=scorer, options=options, context=context)
    if options.to == "pair":
        return _scored_pairs(corpus, teach, context)
    return _scored_tuples(corpus, teach) if options.to == "n-tuple" else _scored_lists(corpus, teach)


def _taught(
    asked: QueryTexts,
    *,
    encoder: Encoder | None,
    scorer: PairScorer | None,
    options: DistilScoresOptions,
    context: StepContext,
    alike: bool = False,
) -> Doubles:
    if options.teacher == "cross-encoder" and scorer is not None:
        return teacher_logits(asked, scorer, options, context)
    if options.teacher == "encoder" and encoder is not None:
        scores = teacher_similarities(asked, encoder, options.similarity, context, alike=alike)
        if options.similarity == "cosine":
            context.ledger.observe("teacher's cosine", scores)
        return scores
    raise OptionsError(f"The teacher is to be {options.teacher}, and there is none. Name a model.")


def _scored_pairs(pairs: pl.DataFrame, teach: Callable[..., Doubles], context: StepContext) -> pl.DataFrame:
    alike = detect_shape(pairs, "corpus", PAIRS_OF_ALL_KINDS) is not ANCHORED_PAIR
    named = named_pairs(pairs, "corpus")
    extra = extra_columns(named, ("sentence1", "sentence2", *GOLD), ["score"], "corpus")
    cosines = teach(QueryTexts.of_columns(named, "sentence1", ["sentence2"]), alike=alike)
    context.ledger.count("negative cosines raised to 0", int((cosines < 0).sum()))
    kept = [name for name in GOLD if name in named.columns]
    scored = named.with_columns(score=pl.Series(np.clip(cosines, 0, 1)))
    return scored.select("sentence1", "sentence2", "score", *kept, *extra)


def _scored_tuples(tuples: pl.DataFrame, teach: Callable[..., Doubles]) -> pl.DataFrame:
    shape = detect_shape(tuples, "corpus", _TUPLES)
    given = shape.check(tuples, "corpus")
    if shape is TRIPLET:
        given = given.rename({"negative": "negative_1"})
    negatives = N_TUPLE.columns[2].names_in(given.columns)
    own = ("anchor", "positive", *negatives)
    kept, extra = _with_gold_kept(given, own)
    asked = QueryTexts.of_columns(given, "anchor", own[1:])
    return kept.with_columns(scores=asked.by_row(teach(asked))).select(*own, "scores", *extra)


def _scored_lists(lists: pl.DataFrame, teach: Callable[..., Doubles]) -> pl.DataFrame:
    given = _LIST.check(lists, "corpus")
    empty = (given["documents"].list.len() == 0).arg_true()
    if len(empty):
        raise FrameError(f"corpus: the list of documents in row {empty[0] + 1} is empty. Remove that row.")
    own = ("query", "documents")
    kept, extra = _with_gold_kept(given, own)
    asked = QueryTexts.of_lists(given, *own)
    return kept.with_columns(scores=asked.by_row(teach(asked))).select(*own, "scores", *extra)


def _with_gold_kept(rows: pl.DataFrame, own: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
    """The rows, their labels or scores under other names, and the columns that travel."""
    renaming = {name: kept for name, kept in _KEPT_LISTS.items() if name in rows.columns}
    extra_columns(rows, (*own, *renaming), ["scores", *renaming.values()], "corpus")
    kept = rows.rename(renaming)
    return kept, [name for name in kept.columns if name not in own]


STEP = Step(
    name="distil-scores",
    run=distil_scores,
    options=DistilScoresOptions,
    inputs={
        "corpus": Input(
            "Pairs, n-tuples or lists of documents.",
            tuple(shape for shapes in _SHAPES.values() for shape in shapes),
            shapes_for=lambda options: _SHAPES[options.to],
        )
    },
    outputs=lambda options: {"corpus": _MADE[options.to]},
    models={
        "encoder": ModelRole(
            "The teacher, an encoder.", ModelKind.ENCODER, needed=lambda options: bool(options.teacher == "encoder")
        ),
        "scorer": ModelRole(
            "The teacher, a cross-encoder.",
            ModelKind.SCORER,
            flag="cross-encoder",
            default=None,
            needed=lambda options: bool(options.teacher == "cross-encoder"),
        ),
    },
    suffix="distilled",
)
