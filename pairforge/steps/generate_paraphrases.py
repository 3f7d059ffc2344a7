"""Positives that a language model writes: the same in other words, in the text's own language or another.

Source: Wang et al. 2024 (texts written for embedding models).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field

from pairforge.execution.step import Input, ModelRole, Step, StepContext
from pairforge.frames import PAIR, TEXT
from pairforge.generators import TextGenerator
from pairforge.models import Encoder, ModelKind
from pairforge.steps.generation.copies import Known
from pairforge.steps.generation.from_texts import FromTexts
from pairforge.steps.generation.languages import surely_not
from pairforge.steps.generation.model_checks import ENCODER_ROLE, SimilarityCheckOptions, likeness_of
from pairforge.steps.generation.options import GeneratingOptions, files_of
from pairforge.steps.generation.prompts import RowText
from pairforge.steps.generation.text_checks import LengthCheckOptions, fault_beside
from pairforge.steps.generation.wishes import WISH_FIELDS, Wish, Written, WrittenTexts
from pairforge.steps.generation.writing import one_row_each


class Paraphrases(WrittenTexts):
    """What an answer holds."""

    paraphrases: list[Written]


class GenerateParaphrasesOptions(GeneratingOptions, LengthCheckOptions, SimilarityCheckOptions):
    """Options of generate-paraphrases."""

    step: ClassVar[str] = "generate-paraphrases"
    fields: ClassVar[tuple[str, ...]] = ("text", "language", *WISH_FIELDS)

    num_paraphrases: Annotated[int, Field(ge=1, description="Paraphrases of each text.")] = 1
    language: Annotated[
        str | None,
        Field(min_length=1, description="Language to write in, by its English name; the text's own if not given."),
    ] = None


_DEFAULTS = GenerateParaphrasesOptions()


def generate_paraphrases(
    texts: pl.DataFrame,
    *,
    generator: TextGenerator,
    encoder: Encoder | None = None,
    options: GenerateParaphrasesOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Let a language model say each text in other words, and keep what passes.

    A paraphrase is refused that repeats the text or another paraphrase, is surely of another language than wanted, is
    far shorter or longer, or whose cosine with the text lies outside the band.

    Args:
        texts: text; other columns travel.
        generator: The language model.
        encoder: Measures similarity; with min_similarity or max_similarity.
        options: How many, in which language, how they are verified.
        context: The caches, and where what was refused and dropped is counted.

    Returns:
        anchor (the text), positive (the paraphrase) and the other columns; a row for each paraphrase.

    Raises:
        FrameError: a column is missing or in the way.
        OptionsError: the prompt does not fit, or a bound has no model.
        ModelError: a model cannot be asked.
    """
    return _WRITTEN.whole(texts, generator=generator, encoder=encoder, options=options, context=context)


def _wish(row: int, text: str, options: GenerateParaphrasesOptions) -> Wish:
    return Wish(
        row=row,
        shown={"text": RowText(text), "language": options.language or ""},
        number=options.num_paraphrases,
        known=[Known("the text", text)],
        like=text,
        speaking=None if options.language else text,
        another="another paraphrase",
        expected_letters=len(text),
    )


def _fault(wish: Wish, text: str, known: Sequence[Known], options: GenerateParaphrasesOptions) -> str | None:
    foreign = options.language is not None and options.check_language and surely_not(text, options.language)
    return "another language" if foreign else fault_beside(text, options, wish, known)


def _pairs(kept: pl.DataFrame, served: Sequence[Wish], extra: Sequence[str]) -> pl.DataFrame:
    listed = one_row_each(kept, served, text="positive", kind=None)
    return listed.select(pl.col("text").alias("anchor"), "positive", *extra)


_WRITTEN = FromTexts(
    role="texts",
    answer=Paraphrases,
    what="paraphrases",
    columns=("anchor", "positive"),
    wish=_wish,
    fault=_fault,
    shape=_pairs,
    checks=likeness_of,
)

STEP = Step(
    name="generate-paraphrases",
    run=generate_paraphrases,
    options=GenerateParaphrasesOptions,
    inputs={"texts": Input("Texts.", (TEXT,), many=True)},
    outputs=lambda options: {"corpus": PAIR},
    models={
        "generator": ModelRole("Writes the paraphrases.", ModelKind.GENERATOR, flag="generator", default=None),
        "encoder": ENCODER_ROLE,
    },
    row_wise=_WRITTEN.row_wise,
    suffix="paraphrases",
    files_in_options=files_of,
    preview=_WRITTEN.preview,
)
