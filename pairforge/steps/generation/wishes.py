"""Texts that a step wants written for a row, and the way from wanting to having them: ask, verify, ask for the rest.

All steps that have texts written share this: a `Wish` says what is wanted of one row, a `Verifier` decides what of an
answer may serve, and `fulfil` asks about the rows of one part. A step adds its prompt, its answer's form, how a row
becomes a wish, and what becomes of the texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import polars as pl
from pydantic import BaseModel

from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.generators import TextGenerator
from pairforge.steps.generation.asking import Case, Question, ask, first_prompts, saved_prompts, told_cost
from pairforge.steps.generation.copies import Known
from pairforge.steps.generation.options import GeneratingOptions
from pairforge.steps.generation.prompts import RowText

_LETTERS_PER_TOKEN = 4
_TOKENS_AROUND = 20

WISH_FIELDS = ("number", "kinds", "kept")
"""The prompt fields that every wish fills: texts still wanted, how many of each kind (empty for any), what is there."""


class Written(BaseModel):
    """A text, as a model writes it; a step whose texts are of kinds narrows the kind."""

    kind: str = ""
    text: str


class WrittenTexts(BaseModel):
    """What an answer holds: one list of texts, under the name that a step gives it."""

    @property
    def texts(self) -> Sequence[Written]:
        """The texts."""
        (name,) = type(self).model_fields
        texts: Sequence[Written] = getattr(self, name)
        return texts


@dataclass
class Wish:
    """The texts that one row is to have, and those it has.

    Args:
        row: The row's ordinal in the whole input.
        shown: The prompt fields of the row.
        number: Texts that are wanted.
        known: Texts that they must not repeat.
        like: The text whose length they should have; None for any.
        speaking: The text whose language they should have; None for any.
        kinds: The kind of each; empty for any.
        another: What a text is called that repeats an earlier one: "another negative".
        expected_letters: Letters of one text, for the estimate of the cost.
        kept: Those that passed.
    """

    row: int
    shown: Mapping[str, Any]
    number: int
    known: Sequence[Known]
    like: str | None = None
    speaking: str | None = None
    kinds: Sequence[str] = ()
    another: str = "another text"
    expected_letters: int = 60
    kept: list[Written] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """How many are still wanted."""
        return self.number - len(self.kept)

    @property
    def missing_kinds(self) -> Mapping[str, int]:
        """How many of each kind are still wanted."""
        left = Counter(self.kinds)
        left.subtract(written.kind for written in self.kept if self.kinds)
        return {kind: number for kind, number in left.items() if number > 0}

    @property
    def in_order(self) -> list[Written]:
        """Those that passed, in the order of the kinds that were asked for."""
        return sorted(self.kept, key=lambda written: self.kinds.index(written.kind) if self.kinds else 0)

    def must_not_repeat(self, also: Sequence[Written]) -> list[Known]:
        """The known texts, what is kept, and these."""
        return [*self.known, *(Known(self.another, written.text) for written in (*self.kept, *also))]

    def values(self) -> dict[str, Any]:
        """The fields of the prompt."""
        return {
            **self.shown,
            "number": self.missing,
            "kinds": dict(self.missing_kinds),
            "kept": [RowText(written.text) for written in self.kept],
        }


class Check(Protocol):
    """What a model, or a search, says of written texts."""

    def faults(self, rows: Sequence[int], texts: Sequence[Sequence[str]]) -> list[list[str | None]]:
        """For each text of each row, why it cannot be used, or None; texts of other rows must not matter."""
        ...


@dataclass(frozen=True)
class Verifier:
    """Decides which of the texts in an answer may serve.

    Args:
        what: What the texts are, in the plural, for counts.
        fault: Why a text cannot serve a wish, by its words alone, or None; told what it must not repeat.
        checks: What models say of them.
        ledger: Where those that are refused are counted, by reason.
    """

    what: str
    fault: Callable[[Wish, str, Sequence[Known]], str | None]
    checks: Sequence[Check] = ()
    ledger: Ledger = field(default_factory=Ledger)

    def take(self, answers: Sequence[tuple[Wish, WrittenTexts]]) -> list[str | None]:
        """Keep what may serve; for each answer the last reason against one of its texts if too few are kept."""
        reasons: list[list[str]] = [[] for _ in answers]
        left = [
            self._by_words(wish, answer.texts, against)
            for (wish, answer), against in zip(answers, reasons, strict=True)
        ]
        for check in self.checks:
            rows, texts = [wish.row for wish, _ in answers], [[written.text for written in of] for of in left]
            for place, faults in enumerate(check.faults(rows, texts)):
                reasons[place] += [fault for fault in faults if fault is not None]
                left[place] = [written for written, fault in zip(left[place], faults, strict=True) if fault is None]
        for (wish, _), texts_left in zip(answers, left, strict=True):
            for written in texts_left:
                if wish.missing and (not wish.kinds or written.kind in wish.missing_kinds):
                    wish.kept.append(written)
        for reason, number in Counter(reason for against in reasons for reason in against).items():
            self.ledger.count(f"{self.what} refused: {reason}", number)
        return [
            None if not wish.missing else (against[-1] if against else f"fewer {self.what} than asked for")
            for (wish, _), against in zip(answers, reasons, strict=True)
        ]

    def _by_words(self, wish: Wish, written: Sequence[Written], reasons: list[str]) -> list[Written]:
        left: list[Written] = []
        for one in written:
            fault = self.fault(wish, one.text, wish.must_not_repeat(left))
            if fault is None and wish.kinds and one.kind not in wish.missing_kinds:
                fault = "not of a kind that was asked for"
            if fault is None:
                left.append(Written(kind=one.kind, text=one.text.strip()))
            else:
                reasons.append(fault)
        return left


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
            output_tokens=_expected_tokens,
        )  # fmt: skip
        context.say(cost)

    def question(self, ledger: Ledger) -> Question[Wish, WrittenTexts]:
        """What is asked, its refusals counted in this ledger."""
        verifier = Verifier(self.verifier.what, self.verifier.fault, self.verifier.checks, ledger)
        return asked_for(self.answer, verifier, self.options, self.shared)

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
    answer: type[WrittenTexts], verifier: Verifier, options: GeneratingOptions, shared: Mapping[str, Any]
) -> Question[Wish, WrittenTexts]:
    """The question that asks for texts."""
    return Question(
        prompt=options.read_prompt(),
        answer=answer,
        values=lambda wish: {**shared, **wish.values()},
        take=verifier.take,
    )


def previewed(options: GeneratingOptions, wishes: Sequence[Wish], shared: Mapping[str, Any]) -> list[str]:
    """What would be asked about these."""
    verifier = Verifier("texts", lambda wish, text, known: None)
    return first_prompts(asked_for(WrittenTexts, verifier, options, shared), wishes)


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
