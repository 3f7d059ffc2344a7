"""NLI rows that a language model writes: hypotheses that a premise entails, leaves open or contradicts.

Source: Bowman et al. 2015 (SNLI: one hypothesis of each kind for a premise).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from pairforge.execution.step import Input, ModelRole, Step, StepContext
from pairforge.frames import NLI, TEXT
from pairforge.generators import TextGenerator
from pairforge.models import ModelKind
from pairforge.steps.generation.copies import Known
from pairforge.steps.generation.from_texts import FromTexts
from pairforge.steps.generation.options import GeneratingOptions, files_of
from pairforge.steps.generation.prompts import RowText
from pairforge.steps.generation.text_checks import TextCheckOptions, text_fault
from pairforge.steps.generation.wishes import WISH_FIELDS, Wish, Written, WrittenTexts
from pairforge.steps.generation.writing import one_row_each

Kind = Literal["entailed", "neutral", "contradicted"]
_KINDS: tuple[Kind, ...] = ("entailed", "neutral", "contradicted")


class Hypothesis(Written):
    """A hypothesis, as a model writes it."""

    kind: Kind


class Hypotheses(WrittenTexts):
    """What an answer holds."""

    hypotheses: list[Hypothesis]


class GenerateNliOptions(GeneratingOptions, TextCheckOptions):
    """Options of generate-nli."""

    step: ClassVar[str] = "generate-nli"
    fields: ClassVar[tuple[str, ...]] = ("premise", *WISH_FIELDS)

    per_class: Annotated[int, Field(ge=1, description="Hypotheses of each class for each premise.")] = 1


_DEFAULTS = GenerateNliOptions()


def generate_nli(
    premises: pl.DataFrame,
    *,
    generator: TextGenerator,
    options: GenerateNliOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Let a language model write hypotheses of all three classes for each premise.

    A hypothesis is refused that repeats the premise or another hypothesis, or is surely of another language. A premise
    keeps the hypotheses that it has.

    Args:
        premises: text; other columns travel.
        generator: The language model.
        options: How many, how they are verified.
        context: The caches, and where what was refused and dropped is counted.

    Returns:
        premise, hypothesis, label (0 entailment, 1 neutral, 2 contradiction) and the other columns; a row for each
        hypothesis.

    Raises:
        FrameError: a column is missing or in the way.
        OptionsError: the prompt does not fit.
        ModelError: the model cannot be asked.
    """
    return _WRITTEN.whole(premises, generator=generator, options=options, context=context)


def _wish(row: int, text: str, options: GenerateNliOptions) -> Wish:
    return Wish(
        row=row,
        shown={"premise": RowText(text)},
        number=len(_KINDS) * options.per_class,
        known=[Known("the premise", text)],
        speaking=text,
        kinds=_KINDS * options.per_class,
        another="another hypothesis",
    )


def _fault(wish: Wish, text: str, known: Sequence[Known], options: GenerateNliOptions) -> str | None:
    return text_fault(text, options, known, wish.speaking)


def _rows(kept: pl.DataFrame, served: Sequence[Wish], extra: Sequence[str]) -> pl.DataFrame:
    listed = one_row_each(kept, served, text="hypothesis", kind="label")
    label = pl.col("label").replace_strict(_KINDS, range(len(_KINDS)), return_dtype=pl.Int64)
    return listed.select(pl.col("text").alias("premise"), "hypothesis", label, *extra)


_WRITTEN = FromTexts(
    role="premises",
    answer=Hypotheses,
    what="hypotheses",
    columns=("premise", "hypothesis", "label"),
    wish=_wish,
    fault=_fault,
    shape=_rows,
)

STEP = Step(
    name="generate-nli",
    run=generate_nli,
    options=GenerateNliOptions,
    inputs={"premises": Input("Texts to be premises.", (TEXT,), many=True)},
    outputs=lambda options: {"corpus": NLI},
    models={"generator": ModelRole("Writes the hypotheses.", ModelKind.GENERATOR, flag="generator", default=None)},
    row_wise=_WRITTEN.row_wise,
    suffix="nli",
    files_in_options=files_of,
    preview=_WRITTEN.preview,
)
