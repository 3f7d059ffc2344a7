"""Texts that a step wants written for a row, and what may serve.

All steps that have texts written share this: a `Wish` says what is wanted of one row, a `Verifier` decides what of an
answer may serve, and `Writing.fulfil` asks about the rows of one part. A step adds its prompt, its answer's form, how a
row becomes a wish, and what becomes of the texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from pairforge.execution.ledger import Ledger
from pairforge.steps.generation.copies import Known
from pairforge.steps.generation.prompts import RowText

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
