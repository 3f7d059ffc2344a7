"""What a written text must be, whatever step asked for it: no copy, of the wanted language, of a sensible length."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, model_validator

from pairforge.errors import OptionsError
from pairforge.execution.step import StepOptions
from pairforge.steps.generation.copies import Known, copied
from pairforge.steps.generation.languages import other_language
from pairforge.steps.generation.wishes import Wish


class TextCheckOptions(StepOptions):
    """Options of a step whose written texts are verified by their words alone."""

    max_overlap: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Share of spelling in common with a known text from which a written one counts as its copy; "
            "with 1 only the same words do.",
        ),
    ] = 0.85
    check_language: Annotated[
        bool, Field(description="Refuse texts that are surely of another language, by script and little words.")
    ] = True


class LengthCheckOptions(TextCheckOptions):
    """Options of a step whose written texts should be about as long as one that is there."""

    min_length_ratio: Annotated[
        float, Field(ge=0, description="Least length of a written text, as a multiple of the one it stands beside.")
    ] = 0.25
    max_length_ratio: Annotated[float, Field(gt=0, description="Greatest length, as such a multiple.")] = 3.0

    @model_validator(mode="after")
    def _refuse_an_empty_range(self) -> LengthCheckOptions:
        if self.min_length_ratio > self.max_length_ratio:
            raise OptionsError(
                f"min_length_ratio {self.min_length_ratio:g} is above max_length_ratio {self.max_length_ratio:g}. "
                "No text could be as long; change one of them."
            )
        return self


def text_fault(text: str, options: TextCheckOptions, known: Iterable[Known], speaking: str | None) -> str | None:
    """Why a written text cannot be used, or None.

    Args:
        text: What was written.
        options: How strict to be.
        known: Texts that it must not repeat.
        speaking: A text whose language it should have; None for any.
    """
    if not text.strip():
        return "empty text"
    name = copied(text, known, options.max_overlap)
    if name is not None:
        return f"copy of {name}"
    foreign = speaking is not None and options.check_language and other_language(text, speaking)
    return "another language" if foreign else None


def length_fault(text: str, options: LengthCheckOptions, like: str) -> str | None:
    """Whether a written text is too long or too short beside one that is there, or None."""
    ratio = len(text.strip()) / max(len(like.strip()), 1)
    if ratio > options.max_length_ratio:
        return "too long"
    return "too short" if ratio < options.min_length_ratio else None


def fault_beside(text: str, options: LengthCheckOptions, wish: Wish, known: Iterable[Known]) -> str | None:
    """Both: why a text cannot serve a wish, by its words and its length, or None."""
    fault = text_fault(text, options, known, wish.speaking)
    return length_fault(text, options, wish.like) if fault is None and wish.like is not None else fault
