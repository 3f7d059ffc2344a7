"""Negatives of one pair: what is wanted, what of an answer may serve, and the corpora that they leave in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel

from pairforge.execution.ledger import Ledger
from pairforge.frames import N_TUPLE
from pairforge.steps.generation.copies import Known
from pairforge.steps.generation.languages import most_telling
from pairforge.steps.generation.model_checks import Check
from pairforge.steps.generation.prompts import RowText
from pairforge.steps.generation.text_checks import TextCheckOptions, text_fault

Kind = Literal["same-topic-wrong-fact", "same-words-other-meaning", "neighbouring-question", "contradiction"]
_OTHERS_SHOWN = 5


class Negative(BaseModel):
    """A negative, as a model writes it."""

    kind: Kind
    text: str


class Negatives(BaseModel):
    """What an answer holds."""

    negatives: list[Negative]


@dataclass
class Wanted:
    """The negatives that one pair is to have, and those it has.

    Args:
        row: The pair's ordinal.
        anchor: The pair's anchor.
        positive: Its own positive.
        others: What else is right for the anchor.
        number: Negatives that are wanted.
        kinds: The kind of each; empty for any.
        kept: Those that passed.
    """

    row: int
    anchor: str
    positive: str
    others: Sequence[str]
    number: int
    kinds: Sequence[Kind] = ()
    kept: list[Negative] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """How many are still wanted."""
        return self.number - len(self.kept)

    @property
    def missing_kinds(self) -> Mapping[Kind, int]:
        """How many of each kind are still wanted."""
        left = Counter(self.kinds)
        left.subtract(negative.kind for negative in self.kept if self.kinds)
        return {kind: number for kind, number in left.items() if number > 0}

    @property
    def in_order(self) -> list[Negative]:
        """Those that passed, in the order of the kinds that were asked for."""
        return sorted(self.kept, key=lambda negative: self.kinds.index(negative.kind) if self.kinds else 0)

    @property
    def known(self) -> list[Known]:
        """The texts that a negative must not repeat."""
        return [
            Known("the anchor", self.anchor, passages=False),
            Known("the positive", self.positive),
            *(Known("another positive", text) for text in self.others),
            *(Known("another negative", negative.text) for negative in self.kept),
        ]

    def values(self) -> dict[str, Any]:
        """The fields of the prompt, but for the examples."""
        return {
            "anchor": RowText(self.anchor),
            "positive": RowText(self.positive),
            "others": [RowText(text) for text in self.others[:_OTHERS_SHOWN]],
            "number": self.missing,
            "kinds": dict(self.missing_kinds),
            "kept": [RowText(negative.text) for negative in self.kept],
        }


@dataclass(frozen=True)
class Verifier:
    """Decides which of the negatives in an answer may serve.

    Args:
        options: How their words are verified.
        checks: What models say of them.
        ledger: Where those that are refused are counted, by reason.
    """

    options: TextCheckOptions
    checks: Sequence[Check] = ()
    ledger: Ledger = field(default_factory=Ledger)

    def take(self, answers: Sequence[tuple[Wanted, Negatives]]) -> list[str | None]:
        """Keep what may serve; for each answer the last reason against one of its negatives if too few are kept."""
        return [self._taken(wanted, answer.negatives) for wanted, answer in answers]

    def _taken(self, wanted: Wanted, written: Sequence[Negative]) -> str | None:
        reasons: list[str] = []
        for negative in self._unrefused(wanted, written, reasons):
            if wanted.missing and (not wanted.kinds or negative.kind in wanted.missing_kinds):
                wanted.kept.append(negative)
        for reason, number in Counter(reasons).items():
            self.ledger.count(f"negatives refused: {reason}", number)
        if not wanted.missing:
            return None
        return reasons[-1] if reasons else "fewer negatives than asked for"

    def _unrefused(self, wanted: Wanted, written: Sequence[Negative], reasons: list[str]) -> list[Negative]:
        left: list[Negative] = []
        spoken = most_telling(wanted.positive, wanted.anchor)
        for negative in written:
            known = [*wanted.known, *(Known("another negative", other.text) for other in left)]
            fault = text_fault(negative.text, self.options, known=known, like=wanted.positive, speaking=spoken)
            if fault is None and wanted.kinds and negative.kind not in wanted.missing_kinds:
                fault = "not of a kind that was asked for"
            if fault is None:
                left.append(Negative(kind=negative.kind, text=negative.text.strip()))
            else:
                reasons.append(fault)
        for check in self.checks:
            faults = check.faults(wanted.row, [negative.text for negative in left]) if left else []
            reasons += [fault for fault in faults if fault is not None]
            left = [negative for negative, fault in zip(left, faults, strict=True) if fault is None]
        return left


def as_triplets(pairs: pl.DataFrame, extra: Sequence[str], served: Sequence[Wanted]) -> pl.DataFrame:
    """A row for each negative, its kind behind the columns that travel along."""
    negatives = [[negative.text for negative in wanted.in_order] for wanted in served]
    kinds = [[negative.kind for negative in wanted.in_order] for wanted in served]
    listed = pairs.select(
        "anchor", "positive", pl.Series("negative", negatives, pl.List(pl.String)), *extra,
        pl.Series("kind", kinds, pl.List(pl.String)),
    )  # fmt: skip
    return listed.explode("negative", "kind")


def as_n_tuples(pairs: pl.DataFrame, extra: Sequence[str], served: Sequence[Wanted], number: int) -> pl.DataFrame:
    """A row for each pair, the kinds of its negatives behind the columns that travel along."""
    places = range(number)
    return pairs.select(
        "anchor",
        "positive",
        *(
            pl.Series(f"negative_{place + 1}", [wanted.in_order[place].text for wanted in served], pl.String)
            for place in places
        ),
        *extra,
        pl.Series("kinds", [[negative.kind for negative in wanted.in_order] for wanted in served], pl.List(pl.String)),
    )


def examples_of(rows: pl.DataFrame | None) -> list[dict[str, Any]]:
    """Pairs with negatives, as the prompt shows them."""
    if rows is None:
        return []
    names = N_TUPLE.columns[2].names_in(rows.columns) or ["negative"]
    return [
        {
            "anchor": RowText(row["anchor"]),
            "positive": RowText(row["positive"]),
            "negatives": [RowText(row[name]) for name in names],
        }
        for row in rows.iter_rows(named=True)
    ]
