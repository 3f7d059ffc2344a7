"""Damaged texts beside the originals, for an encoder that learns to make one from the other.

Source: Wang, Reimers and Gurevych 2021 (TSDAE): words are deleted, each with a chance of 0.6, and the one vector of
what is left has to hold all that a decoder needs to write the whole text again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal, TypeVar

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from pairforge.engines.words import TreebankWords
from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import Input, RowWise, SeededOptions, Step, StepContext
from pairforge.frames import DENOISING, TEXT
from pairforge.steps.columns import extra_columns
from pairforge.steps.noise import Draws, Ordinals, Words, deleted, masked, shuffled, swapped

_Ratio = Annotated[float, Field(ge=0, le=1)]
_OPTIONS_OF_NOISE = {
    "deletion_ratio": "delete",
    "swap_ratio": "swap",
    "mask_ratio": "mask",
    "mask_token": "mask",
}

Given = TypeVar("Given")
Made = TypeVar("Made")


class AddNoiseOptions(SeededOptions):
    """Options of add-noise."""

    noise: Annotated[
        tuple[Literal["delete", "swap", "shuffle", "mask"], ...],
        Field(min_length=1, description="What is done to the words; several are done in the order given."),
    ] = ("delete",)
    deletion_ratio: Annotated[_Ratio, Field(description="Chance of each word to be deleted; one always stays.")] = 0.6
    swap_ratio: Annotated[_Ratio, Field(description="Chance of each word to change places with the one after it.")] = (
        0.6
    )
    mask_ratio: Annotated[_Ratio, Field(description="Chance of each word to be masked; one always stays.")] = 0.6
    mask_token: Annotated[
        str, Field(pattern=r"^\S+$", description="What stands for a masked word: the mask token of your model.")
    ] = "[MASK]"  # noqa: S105 - no password
    copies: Annotated[int, Field(ge=1, description="Rows made of each text, damaged differently.")] = 1

    @model_validator(mode="after")
    def _refuse_options_without_effect(self) -> AddNoiseOptions:
        for name, noise in _OPTIONS_OF_NOISE.items():
            if noise not in self.noise and getattr(self, name) != type(self).model_fields[name].default:
                asked = ", ".join(f"noise='{kind}'" for kind in self.noise)
                raise OptionsError(f"{name} needs noise='{noise}', but there is only {asked}. Change one of them.")
        return self


_DEFAULTS = AddNoiseOptions()


def add_noise(
    texts: pl.DataFrame, *, options: AddNoiseOptions = _DEFAULTS, context: StepContext | None = None
) -> pl.DataFrame:
    """Set each text beside a damaged form of it.

    Words are those of nltk's Treebank tokenizer, and nltk's detokenizer joins what is left of them. A text without
    words is its own damaged form; of a text with words, one at least stays, as in the method's own code. A row's draws
    hang on the seed, its ordinal and the copy alone.

    Args:
        texts: text; other columns travel.
        options: Which noise, how much of it, how often.
        context: Not used; every row is kept.

    Returns:
        damaged, original and the other columns; the copies of a text stand together, in the texts' order.

    Raises:
        FrameError: an extra column bears the name of one that is written, or nltk gives up on a text.
    """
    context = context or StepContext()
    given = TEXT.check(texts, "texts")
    words = prepare(options=options, context=context)
    return damaged_rows(given, first_row=0, prepared=words, options=options, context=context)


def prepare(*, options: AddNoiseOptions, context: StepContext) -> TreebankWords:
    """What cuts and joins words, and remembers those that it met."""
    return TreebankWords()


def damaged_rows(
    rows: pl.DataFrame,
    *,
    first_row: int,
    prepared: TreebankWords,
    options: AddNoiseOptions,
    context: StepContext,
) -> pl.DataFrame:
    """The damaged texts of one part of the rows, whose first is number `first_row` (from 0) of all."""
    written = [column.name for column in DENOISING.columns]
    extra = extra_columns(rows, ("text",), written, "texts")
    ordinals = np.arange(first_row, first_row + rows.height)
    damaged = damaged_texts(rows["text"].to_list(), ordinals, prepared, options)
    repeated = rows.select(pl.all().gather(np.repeat(np.arange(rows.height), options.copies)))
    return repeated.select(pl.Series("damaged", damaged, dtype=pl.String), pl.col("text").alias("original"), *extra)


def damaged_texts(
    texts: Sequence[str], ordinals: Ordinals, words: TreebankWords, options: AddNoiseOptions
) -> list[str]:
    """The damaged forms of texts, the copies of each together.

    Args:
        texts: Some texts of the input.
        ordinals: The row of each in the input, shape (texts,); with the seed and the copy, it decides the draws.
        words: What cuts and joins words.
        options: Which noise, how much of it, how often.

    Raises:
        FrameError: nltk gives up on a text.
    """
    words.learn(texts)
    cut = _each(words.split, texts, ordinals)
    copies = [_each(words.join, _damaged(cut, ordinals, copy, options), ordinals) for copy in range(options.copies)]
    return [copy or text for text, *made in zip(texts, *copies, strict=True) for copy in made]


def _damaged(words: Words, ordinals: Ordinals, copy: int, options: AddNoiseOptions) -> Words:
    for place, noise in enumerate(options.noise):
        draws = Draws(options.seed, ordinals, copy * len(options.noise) + place)
        if noise == "delete":
            words = deleted(words, options.deletion_ratio, draws)
        elif noise == "mask":
            words = masked(words, options.mask_ratio, options.mask_token, draws)
        elif noise == "swap":
            words = swapped(words, options.swap_ratio, draws)
        else:
            words = shuffled(words, draws)
    return words


def _each(change: Callable[[Given], Made], given: Iterable[Given], ordinals: Ordinals) -> list[Made]:
    made: list[Made] = []
    try:
        for one in given:
            made.append(change(one))
    except TimeoutError as error:
        raise FrameError(
            f"texts: the text of row {ordinals[len(made)] + 1:,} keeps one of nltk's regular expressions busy for "
            "more than five seconds. Shorten or remove it."
        ) from error
    return made


STEP = Step(
    name="add-noise",
    run=add_noise,
    options=AddNoiseOptions,
    inputs={"texts": Input("Plain texts; may be larger than memory.", (TEXT,), many=True)},
    outputs=lambda options: {"corpus": DENOISING},
    row_wise=RowWise(role="texts", prepare=prepare, run=damaged_rows, streamed=True),
    suffix="damaged",
)
