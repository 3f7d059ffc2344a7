"""What all steps share that have texts written for each text of a corpus; each says only what is its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import polars as pl

from pairforge.execution.step import NO_REQUESTS, Requests, RowWise, StepContext
from pairforge.frames import TEXT
from pairforge.generators import TextGenerator
from pairforge.models import Encoder
from pairforge.steps.columns import extra_columns
from pairforge.steps.generation.copies import Known
from pairforge.steps.generation.options import GeneratingOptions
from pairforge.steps.generation.wishes import Check, Verifier, Wish, WrittenTexts
from pairforge.steps.generation.writing import Writing, previewed

Options = TypeVar("Options", bound=GeneratingOptions)


def _no_checks(texts: pl.Series, encoder: Encoder | None, options: Any, context: StepContext) -> Sequence[Check]:
    return ()


@dataclass(frozen=True)
class FromTexts(Generic[Options]):
    """A step that has texts written for texts.

    Args:
        role: The name of its input, whose column is text.
        answer: What an answer holds.
        what: What is written, in the plural.
        columns: The columns of its output that it writes.
        wish: From a row's ordinal and its text to what is wanted.
        fault: Why a text cannot serve, by its words alone, or None.
        shape: From the rows that stay and their wishes to `columns`, with the names of the columns that travel.
        checks: What models say of the texts.
    """

    role: str
    answer: type[WrittenTexts]
    what: str
    columns: Sequence[str]
    wish: Callable[[int, str, Options], Wish]
    fault: Callable[[Wish, str, Sequence[Known], Options], str | None]
    shape: Callable[[pl.DataFrame, Sequence[Wish], Sequence[str]], pl.DataFrame]
    checks: Callable[[pl.Series, Encoder | None, Options, StepContext], Sequence[Check]] = _no_checks

    def whole(
        self,
        texts: pl.DataFrame,
        *,
        generator: TextGenerator,
        encoder: Encoder | None = None,
        options: Options,
        context: StepContext | None,
    ) -> pl.DataFrame:
        """All rows in one part: what the step's function does."""
        context = context or StepContext()
        given = TEXT.check(texts, self.role)
        writing = self.prepare(
            generator=generator, encoder=encoder, options=options, context=context, **{self.role: given}
        )
        return self.run(given, first_row=0, prepared=writing, options=options, context=context)

    def prepare(
        self,
        *,
        generator: TextGenerator,
        encoder: Encoder | None = None,
        options: Options,
        context: StepContext,
        **given: Any,
    ) -> Writing:
        """Ready the checks and say what asking will take.

        Raises:
            FrameError: a column is in the way.
            OptionsError: the prompt does not fit, or a check has no model.
        """
        texts: pl.DataFrame = given[self.role]
        saved = ["asked", "answered"] if options.save_prompts else []
        extra_columns(texts, ("text",), [*self.columns, *saved], self.role)
        asked = texts.head(options.limit or texts.height)
        verifier = Verifier(
            self.what,
            lambda wish, text, known: self.fault(wish, text, known, options),
            self.checks(asked["text"], encoder, options, context),
        )
        writing = Writing(generator, self.answer, verifier, options)
        writing.tell_cost(self._wishes(asked, 0, options), context)
        return writing

    def run(
        self, rows: pl.DataFrame, *, first_row: int, prepared: Writing, options: Options, context: StepContext
    ) -> pl.DataFrame:
        """What is written for one part of the texts, whose first row is number `first_row` (from 0) of all."""
        asked = options.limited(rows, first_row, context.ledger)
        kept, served = prepared.fulfil(asked, self._wishes(asked, first_row, options), context, enough=1)
        return self.shape(kept, served, [name for name in kept.columns if name != "text"])

    def preview(self, *, options: Options, models: Requests = NO_REQUESTS, **given: pl.DataFrame) -> list[str]:
        """What would be asked about these texts."""
        return previewed(options, self._wishes(given[self.role], 0, options), {})

    @property
    def row_wise(self) -> RowWise:
        """How the step is cut into parts."""
        return RowWise(role=self.role, prepare=self.prepare, run=self.run)

    def _wishes(self, rows: pl.DataFrame, first_row: int, options: Options) -> list[Wish]:
        return [self.wish(row, text, options) for row, text in enumerate(rows["text"].to_list(), start=first_row)]
