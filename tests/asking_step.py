"""A tiny step that asks a language model about each row, as a command: `python -m tests.asking_step WORDS…`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from pairforge.cli import app, step_commands
from pairforge.engines import server_faults
from pairforge.execution.step import Input, ModelRole, RowWise, Step, StepContext
from pairforge.frames import TEXT
from pairforge.generators import TextGenerator
from pairforge.models import ModelKind
from pairforge.pipeline.registry import STEPS, Entry, load_step
from pairforge.steps.generation.asking import Case, ask
from pairforge.steps.generation.options import GeneratingOptions, files_of
from pairforge.steps.generation.prompts import RowText
from pairforge.steps.generation.questions import Question

PROMPT = "# User\nWhat is the opposite of this?\n{{ text }}\n"


class Opposite(BaseModel):
    """What an answer holds."""

    model_config = ConfigDict(extra="forbid")

    opposite: str


SCHEMA = Opposite.model_json_schema()


class AskOptions(GeneratingOptions):
    step: ClassVar[str] = "ask"
    fields: ClassVar[tuple[str, ...]] = ("text",)

    timeout: Annotated[float, Field(description="A setting of a generator by name.")] = 0.0


@dataclass
class _Wanted:
    text: str
    opposite: str | None = None


def prepare_ask(*, generator: TextGenerator, options: AskOptions, context: StepContext) -> TextGenerator:
    return generator


def ask_part(
    rows: pl.DataFrame, *, first_row: int, prepared: TextGenerator, options: AskOptions, context: StepContext
) -> pl.DataFrame:
    rows = options.limited(rows, first_row, context.ledger)
    cases = [Case(_Wanted(text), first_row + place) for place, text in enumerate(rows["text"])]
    question = Question(options.read_prompt(), Opposite, lambda wanted: {"text": RowText(wanted.text)}, _take)
    ask(question, cases, generator=prepared, options=options, context=context)
    flagged = rows.with_columns(
        opposite=pl.Series([case.subject.opposite for case in cases], dtype=pl.String),
        drop_reason=pl.Series([case.fault for case in cases], dtype=pl.String),
    )
    return context.ledger.keep_unflagged(flagged)


def _take(answers: Sequence[tuple[_Wanted, Opposite]]) -> list[str | None]:
    for wanted, given in answers:
        wanted.opposite = given.opposite
    return [None] * len(answers)


def ask_rows(
    texts: pl.DataFrame, *, generator: TextGenerator, options: AskOptions, context: StepContext
) -> pl.DataFrame:
    return ask_part(texts, first_row=0, prepared=generator, options=options, context=context)


STEP = Step(
    name="ask",
    run=ask_rows,
    options=AskOptions,
    inputs={"texts": Input("Texts.", (TEXT,))},
    outputs=lambda options: {"texts": TEXT},
    models={"generator": ModelRole("Answers.", ModelKind.GENERATOR, flag="generator", default=None)},
    row_wise=RowWise("texts", prepare_ask, ask_part, streamed=True),
    suffix="asked",
    files_in_options=files_of,
)

ASKING_STEPS: Mapping[str, Entry] = {**STEPS, "ask": Entry("tests.asking_step", "Ask about each text.")}
"""The registered steps and this one."""


def register(patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """Make `ask` a command of this process."""
    patch(app, "STEPS", ASKING_STEPS)
    patch(step_commands, "STEPS", ASKING_STEPS)
    patch(step_commands, "load_step", partial(load_step, steps=ASKING_STEPS))


if __name__ == "__main__":
    register()
    server_faults._FIRST_WAIT = 0.02
    sys.exit(app.main())
