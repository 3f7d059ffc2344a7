"""From wishes to texts: what a model is asked for them, by the way that suits it, and what becomes of what it wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.generators import GeneratorRequest, TextGenerator
from pairforge.steps.generation.asking import Case, ask, first_prompts, saved_prompts, told_cost
from pairforge.steps.generation.options import GeneratingOptions
from pairforge.steps.generation.prompts import bare
from pairforge.steps.generation.questions import DrawnQuestion, Question
from pairforge.steps.generation.wishes import Verifier, Wish, Written, WrittenTexts

_LETTERS_PER_TOKEN = 4
_TOKENS_AROUND = 20


class DrawnTexts(WrittenTexts):
    """Texts that were drawn one by one, of unknown kinds."""

    drawn: list[Written]

    @classmethod
    def of(cls, texts: Sequence[str]) -> DrawnTexts:
        """These texts."""
        return cls(drawn=[Written(text=text) for text in texts])


@dataclass(frozen=True)
class Writing:
    """How a step has texts written: what its parts share.

    Args:
        generator: The language model.
        answer: What an answer holds.
        verifier: What may serve, as yet without a ledger.
        options: The step's options.
        shared: Prompt fields that are the same for all rows.
    """

    generator: TextGenerator
    answer: type[WrittenTexts]
    verifier: Verifier
    options: GeneratingOptions
    shared: Mapping[str, Any] = field(default_factory=dict)

    def tell_cost(self, wishes: Sequence[Wish], context: StepContext) -> None:
        """Say what asking for all of these will take."""
        cost = told_cost(
            self.question(context.ledger), _cases(wishes), generator=self.generator, options=self.options,
            output_tokens=_expected_tokens if self.generator.spec.request.follows_instructions else _drawn_tokens,
        )  # fmt: skip
        context.say(cost)

    def question(self, ledger: Ledger) -> Question[Wish, WrittenTexts]:
        """What is asked, its refusals counted in this ledger."""
        verifier = Verifier(self.verifier.what, self.verifier.fault, self.verifier.checks, ledger)
        return asked_for(self.answer, verifier, self.options, self.shared, self.generator.spec.request)

    def fulfil(
        self, rows: pl.DataFrame, wishes: Sequence[Wish], context: StepContext, *, enough: int
    ) -> tuple[pl.DataFrame, list[Wish]]:
        """Ask until every wish is fulfilled or the rounds are over.

        Args:
            rows: The rows of the wishes.
            wishes: What is wanted, one a row.
            context: Where answers are kept and rows counted.
            enough: Texts with which a row may stay; others are dropped by the last reason against them.

        Returns:
            The rows that stay, with their prompts and answers where those are kept, and their wishes.
        """
        cases = _cases(wishes)
        ask(self.question(context.ledger), cases, generator=self.generator, options=self.options, context=context)
        stays = [len(wish.kept) >= enough for wish in wishes]
        for case, stay in zip(cases, stays, strict=True):
            context.ledger.drop(f"too few {self.verifier.what}, lastly: {case.fault}", not stay)
        saved = [pl.Series(name, texts, pl.String) for name, texts in saved_prompts(cases, self.options).items()]
        kept = rows.with_columns(saved).filter(pl.Series(stays, dtype=pl.Boolean))
        return kept, [wish for wish, stay in zip(wishes, stays, strict=True) if stay]


def asked_for(
    answer: type[WrittenTexts],
    verifier: Verifier,
    options: GeneratingOptions,
    shared: Mapping[str, Any],
    request: GeneratorRequest | None,
) -> Question[Wish, WrittenTexts]:
    """The question that asks this model for texts; one that follows instructions if it is not known."""
    if request is not None and not request.follows_instructions and (shown := options.plain_field) is not None:
        return DrawnQuestion(
            prompt=options.read_plain_prompt(),
            answer=DrawnTexts,
            values=lambda wish: {shown: bare(wish.shown[shown])},
            take=verifier.take,
            wanted=lambda wish: wish.missing,
            gathered=DrawnTexts.of,
        )
    return Question(
        prompt=options.read_prompt(),
        answer=answer,
        values=lambda wish: {**shared, **wish.values()},
        take=verifier.take,
    )


def previewed(
    options: GeneratingOptions,
    wishes: Sequence[Wish],
    shared: Mapping[str, Any],
    request: GeneratorRequest | None = None,
) -> list[str]:
    """What this model would be asked about these; one that follows instructions if it is not known."""
    verifier = Verifier("texts", lambda wish, text, known: None)
    return first_prompts(asked_for(WrittenTexts, verifier, options, shared, request), wishes)


def one_row_each(rows: pl.DataFrame, wishes: Sequence[Wish], *, text: str, kind: str | None) -> pl.DataFrame:
    """The rows with a written text each, repeated for as many as there are, in the columns of these names."""
    written = [wish.in_order for wish in wishes]
    texts = pl.Series(text, [[one.text for one in of] for of in written], pl.List(pl.String))
    kinds = [pl.Series(kind, [[one.kind for one in of] for of in written], pl.List(pl.String))] if kind else []
    return rows.with_columns(texts, *kinds).explode(text, *([kind] if kind else []))


def _cases(wishes: Sequence[Wish]) -> list[Case[Wish]]:
    return [Case(wish, wish.row) for wish in wishes]


def _expected_tokens(cases: Sequence[Case[Wish]]) -> float:
    wishes = [case.subject for case in cases]
    return sum(w.number * (w.expected_letters / _LETTERS_PER_TOKEN + _TOKENS_AROUND) for w in wishes) / len(wishes)


def _drawn_tokens(cases: Sequence[Case[Wish]]) -> float:
    return sum(case.subject.expected_letters / _LETTERS_PER_TOKEN for case in cases) / len(cases)
