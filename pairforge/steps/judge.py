"""A language model's verdicts on pairs, or on the negatives of a corpus: which of them are right after all.

A cascade: a first model judges all, and a stronger one only what the first doubts. A verdict that could not be read is
none. Source: Thakur et al. 2025 (RLHN: relabelling hard negatives that are right helps retrievers and rerankers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, model_validator

from pairforge.engines.scores import ScoreStore
from pairforge.engines.search import Doubles
from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import NO_REQUESTS, Input, ModelRole, Requests, RowWise, Step, StepContext
from pairforge.frames import ANY_CORPUS, N_TUPLE, PAIR, TRIPLET, detect_shape
from pairforge.generators import TextGenerator
from pairforge.models import ModelKind, PairScorer
from pairforge.steps.columns import extra_columns
from pairforge.steps.generation.asking import Case, ask, first_prompts, saved_prompts, told_cost
from pairforge.steps.generation.options import GeneratingOptions, files_of
from pairforge.steps.generation.policies import APART, JudgedRows, PolicyName
from pairforge.steps.generation.questions import Question
from pairforge.steps.generation.verdicts import (
    COLUMNS,
    SCALES,
    Judged,
    Opinions,
    Scale,
    ScaleName,
    Verdict,
    keep_verdicts,
)
from pairforge.steps.pair_scores import HeadOptions, choose_head, pair_scores

_SHAPES = (N_TUPLE, TRIPLET, PAIR)
_EXPECTED_TOKENS = 50.0
_SECOND = 500
"""Keeps the draws of second opinions apart from those of the first."""


class JudgeOptions(GeneratingOptions, HeadOptions):
    """Options of judge."""

    step: ClassVar[str] = "judge"
    fields: ClassVar[tuple[str, ...]] = ("first", "second", "scale")

    scale: Annotated[
        ScaleName, Field(description="Grades of relevance (0 to 3) or similarity (0 to 5), or yes-no (0 or 1).")
    ] = "relevance"
    threshold: Annotated[
        int | None,
        Field(ge=1, description="Grade from which a text is right; if not given 2 of relevance, 4 of similarity."),
    ] = None
    policy: Annotated[
        PolicyName,
        Field(
            description="keep: write verdicts only; drop: drop rows with a wrong positive or a right negative; mask: "
            "leave right negatives out; relabel: make them positives of their own."
        ),
    ] = "keep"
    score_threshold: Annotated[
        float, Field(ge=0, le=1, description="Score from which the cross-encoder of --scorer finds a text right.")
    ] = 0.5

    @model_validator(mode="after")
    def _refuse_a_threshold_beyond_the_scale(self) -> JudgeOptions:
        if self.right_from > self.grades.highest:
            raise OptionsError(
                f"threshold={self.right_from} is above the highest grade of scale='{self.scale}', "
                f"{self.grades.highest}. Choose a lower one."
            )
        return self

    @property
    def grades(self) -> Scale:
        """The scale."""
        return SCALES[self.scale]

    @property
    def right_from(self) -> int:
        """The grade from which a text counts as right."""
        return self.grades.threshold if self.threshold is None else self.threshold


_DEFAULTS = JudgeOptions()


def judge(
    corpus: pl.DataFrame,
    *,
    generator: TextGenerator,
    second_generator: TextGenerator | None = None,
    scorer: PairScorer | None = None,
    options: JudgeOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Let a language model judge the positives of pairs, or the negatives of triplets and n-tuples.

    A first verdict is doubted if the model was not sure, if its grade lies next to the threshold, if a cross-encoder
    disagrees, or if there is none; a second model is then asked, and its verdict stands above the first. A text on
    which models disagree, or of which nobody gave a verdict, counts neither as right nor as wrong: it is kept with
    policy "keep" alone.

    Args:
        corpus: anchor and positive, with or without negatives; other columns travel.
        generator: The model that judges all.
        second_generator: The model that judges what is doubted.
        scorer: A cross-encoder whose agreement is wanted.
        options: The scale, the threshold, and what becomes of the rows.
        context: The caches, and where verdicts and rows are counted.

    Returns:
        The rows with grade, sure, reason, second_grade, scorer_score (in [0, 1]) and relevant (null where not known),
        lists of them for an n-tuple; with mask and relabel triplets, a row for each negative that is left.

    Raises:
        FrameError: a column is missing or in the way, or there are no negatives for the policy.
        OptionsError: the prompt does not fit.
        ModelError: a model cannot be asked.
    """
    context = context or StepContext()
    given = detect_shape(corpus, "corpus", _SHAPES).check(corpus, "corpus")
    ready = prepare(
        given, generator=generator, second_generator=second_generator, scorer=scorer, options=options, context=context
    )
    return judged_rows(given, first_row=0, prepared=ready, options=options, context=context)


@dataclass(frozen=True)
class Ready:
    """What the parts of one run share.

    Args:
        first: Judges all.
        second: Judges what is doubted.
        texts: The columns that are judged.
        scores: The cross-encoder's score of each judged text, those of a row one after the other.
    """

    first: TextGenerator
    second: TextGenerator | None
    texts: Sequence[str]
    scores: Doubles | None


def prepare(
    corpus: pl.DataFrame,
    *,
    generator: TextGenerator,
    second_generator: TextGenerator | None = None,
    scorer: PairScorer | None = None,
    options: JudgeOptions,
    context: StepContext,
) -> Ready:
    """Find what is to be judged, score it and say what asking will take; errors as of `judge`."""
    texts = _judged_columns(corpus, options)
    asked = corpus.head(options.limit or corpus.height)
    cases = _cases(asked, 0, texts)
    scores = None if scorer is None else _scores(scorer, cases, options, context)
    cost = told_cost(
        _question(options), cases, generator=generator, options=options, output_tokens=lambda cases: _EXPECTED_TOKENS
    )
    context.say(cost if second_generator is None else f"{cost}; more for what {second_generator.spec.name} is asked")
    return Ready(generator, second_generator, texts, scores)


def judged_rows(
    rows: pl.DataFrame, *, first_row: int, prepared: Ready, options: JudgeOptions, context: StepContext
) -> pl.DataFrame:
    """The rows of one part, whose first is number `first_row` (from 0) of all, as the policy leaves them."""
    asked = options.limited(rows, first_row, context.ledger)
    cases = _cases(asked, first_row, prepared.texts)
    ask(_question(options), cases, generator=prepared.first, options=options, context=context)
    start = first_row * len(prepared.texts)
    scores = [None] * len(cases) if prepared.scores is None else prepared.scores[start : start + len(cases)].tolist()
    opinions = [Opinions(case.subject.verdict, score=score) for case, score in zip(cases, scores, strict=True)]
    if prepared.second is not None:
        opinions = _second_opinions(opinions, cases, prepared.second, options, context)
    lines = [opinion.row(options.right_from, options.score_threshold) for opinion in opinions]
    verdicts = pl.DataFrame(lines, schema=COLUMNS, orient="row").with_columns(
        pl.Series(name, saved, pl.String) for name, saved in saved_prompts(cases, options).items()
    )
    return JudgedRows(asked, prepared.texts, verdicts).settled(options.policy, context.ledger)


def preview(corpus: pl.DataFrame, *, options: JudgeOptions, models: Requests = NO_REQUESTS) -> list[str]:
    """What would be asked about these rows."""
    cases = _cases(corpus, 0, _judged_columns(corpus, options))
    return first_prompts(_question(options), [case.subject for case in cases])


def _second_opinions(
    opinions: Sequence[Opinions],
    cases: Sequence[Case[Judged]],
    generator: TextGenerator,
    options: JudgeOptions,
    context: StepContext,
) -> list[Opinions]:
    doubted = [
        place
        for place, opinion in enumerate(opinions)
        if opinion.doubted(options.right_from, options.grades.highest, options.score_threshold)
    ]
    again = {
        place: Case(Judged(cases[place].subject.first, cases[place].subject.second), cases[place].row, number)
        for place, number in ((place, cases[place].number + _SECOND) for place in doubted)
    }
    context.ledger.count("second opinions asked for", len(again))
    ask(_question(options), list(again.values()), generator=generator, options=options, context=context)
    made = [
        Opinions(opinion.first, again[place].subject.verdict if place in again else None, opinion.score)
        for place, opinion in enumerate(opinions)
    ]
    changed = [
        opinion.first is not None
        and opinion.second is not None
        and (opinion.first.grade >= options.right_from) != (opinion.second.grade >= options.right_from)
        for opinion in made
    ]
    context.ledger.count("second opinions that change the first", sum(changed))
    return made


def _judged_columns(corpus: pl.DataFrame, options: JudgeOptions) -> list[str]:
    shape = detect_shape(corpus, "corpus", _SHAPES)
    negatives = [] if shape is PAIR else shape.columns[2].names_in(corpus.columns)
    if options.policy in APART and not negatives:
        raise FrameError(
            f"corpus: has no negatives (columns: {', '.join(corpus.columns)}), which policy {options.policy} is about. "
            "Choose keep or drop, or name a corpus with negatives."
        )
    written = [*COLUMNS, *(["asked", "answered"] if options.save_prompts else [])]
    written += ["negative", "relabelled"] if options.policy in APART else []
    extra_columns(corpus, ("anchor", "positive", *negatives), written, "corpus")
    return negatives or ["positive"]


def _cases(corpus: pl.DataFrame, first_row: int, texts: Sequence[str]) -> list[Case[Judged]]:
    columns = [corpus[name].to_list() for name in texts]
    return [
        Case(Judged(anchor, column[row]), first_row + row, number)
        for row, anchor in enumerate(corpus["anchor"].to_list())
        for number, column in enumerate(columns)
    ]


def _question(options: JudgeOptions) -> Question[Judged, Verdict]:
    return Question(
        prompt=options.read_prompt(),
        answer=options.grades.answer,
        values=lambda judged: judged.values(options.scale),
        take=keep_verdicts,
    )


def _scores(scorer: PairScorer, cases: Sequence[Case[Judged]], options: JudgeOptions, context: StepContext) -> Doubles:
    head = choose_head(scorer, options)
    context.ledger.note(head.sentence)
    asked = [(case.subject.first, case.subject.second) for case in cases]
    return pair_scores(ScoreStore(context.cache / "scores").logits(scorer, asked, context.progress), head)


STEP = Step(
    name="judge",
    run=judge,
    options=JudgeOptions,
    inputs={"corpus": Input("Pairs, or triplets or n-tuples whose negatives are judged.", _SHAPES)},
    outputs=lambda options: {"corpus": TRIPLET if options.policy in APART else ANY_CORPUS},
    models={
        "generator": ModelRole("Judges all.", ModelKind.GENERATOR, flag="generator", default=None),
        "second_generator": ModelRole(
            "A stronger one that judges what the first doubts.",
            ModelKind.GENERATOR,
            flag="second-generator",
            default=None,
            optional=True,
        ),
        "scorer": ModelRole(
            "A cross-encoder that has to agree.", ModelKind.SCORER, flag="scorer", default=None, optional=True
        ),
    },
    row_wise=RowWise(role="corpus", prepare=prepare, run=judged_rows),
    suffix="judged",
    files_in_options=files_of,
    preview=preview,
)
