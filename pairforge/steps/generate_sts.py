"""Scored pairs that a language model writes: sentences of a wanted similarity to a text.

Source: Schick and Schütze 2021 (DINO: pairs for similarity written to an instruction for each grade).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from pairforge.execution.step import Input, ModelRole, Step, StepContext
from pairforge.frames import SCORED_PAIR, TEXT
from pairforge.generators import TextGenerator
from pairforge.models import ModelKind
from pairforge.steps.generation.copies import Known
from pairforge.steps.generation.from_texts import FromTexts
from pairforge.steps.generation.options import GeneratingOptions, files_of
from pairforge.steps.generation.prompts import RowText
from pairforge.steps.generation.text_checks import LengthCheckOptions, fault_beside
from pairforge.steps.generation.wishes import WISH_FIELDS, Wish, Written, WrittenTexts
from pairforge.steps.generation.writing import one_row_each

Grade = Literal["0", "1", "2", "3", "4", "5"]
_HIGHEST = 5


class GradedSentence(Written):
    """A sentence, as a model writes it, with the grade that it is meant to have."""

    kind: Grade


class GradedSentences(WrittenTexts):
    """What an answer holds."""

    sentences: list[GradedSentence]


class GenerateStsOptions(GeneratingOptions, LengthCheckOptions):
    """Options of generate-sts."""

    step: ClassVar[str] = "generate-sts"
    fields: ClassVar[tuple[str, ...]] = ("text", *WISH_FIELDS)

    grade: Annotated[
        tuple[Grade, ...], Field(min_length=1, description="Similarity wanted, from 0 to 5; a sentence for each.")
    ] = ("0", "1", "2", "3", "4", "5")


_DEFAULTS = GenerateStsOptions()


def generate_sts(
    texts: pl.DataFrame,
    *,
    generator: TextGenerator,
    options: GenerateStsOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Let a language model write a sentence of each wanted similarity to each text.

    A sentence is refused that repeats the text or another sentence, is surely of another language, or is far shorter or
    longer. A text keeps the sentences that it has.

    Args:
        texts: text; other columns travel.
        generator: The language model.
        options: Which grades, how sentences are verified.
        context: The caches, and where what was refused and dropped is counted.

    Returns:
        sentence1 (the text), sentence2, score (the wanted grade over 5, in [0, 1]) and the other columns; a row for
        each sentence.

    Raises:
        FrameError: a column is missing or in the way.
        OptionsError: the prompt does not fit.
        ModelError: the model cannot be asked.
    """
    return _WRITTEN.whole(texts, generator=generator, options=options, context=context)


def _wish(row: int, text: str, options: GenerateStsOptions) -> Wish:
    return Wish(
        row=row,
        shown={"text": RowText(text)},
        number=len(options.grade),
        known=[Known("the text", text)],
        like=text,
        speaking=text,
        kinds=options.grade,
        another="another sentence",
        expected_letters=len(text),
    )


def _fault(wish: Wish, text: str, known: Sequence[Known], options: GenerateStsOptions) -> str | None:
    return fault_beside(text, options, wish, known)


def _rows(kept: pl.DataFrame, served: Sequence[Wish], extra: Sequence[str]) -> pl.DataFrame:
    listed = one_row_each(kept, served, text="sentence2", kind="score")
    score = pl.col("score").cast(pl.Float64) / _HIGHEST
    return listed.select(pl.col("text").alias("sentence1"), "sentence2", score, *extra)


_WRITTEN = FromTexts(
    role="texts",
    answer=GradedSentences,
    what="sentences",
    columns=("sentence1", "sentence2", "score"),
    wish=_wish,
    fault=_fault,
    shape=_rows,
)

STEP = Step(
    name="generate-sts",
    run=generate_sts,
    options=GenerateStsOptions,
    inputs={"texts": Input("Texts.", (TEXT,), many=True)},
    outputs=lambda options: {"corpus": SCORED_PAIR},
    models={"generator": ModelRole("Writes the sentences.", ModelKind.GENERATOR, flag="generator", default=None)},
    row_wise=_WRITTEN.row_wise,
    suffix="sts",
    files_in_options=files_of,
    preview=_WRITTEN.preview,
)
