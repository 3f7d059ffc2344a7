"""The options that all generating steps share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, ClassVar

import polars as pl
from pydantic import Field, computed_field, model_validator

from pairforge.errors import FileError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import SeededOptions
from pairforge.files import read_frame
from pairforge.frames import FrameContract, adopt
from pairforge.steps.generation.prompts import Prompt


class GeneratingOptions(SeededOptions):
    """Options of a step that asks a language model; a step names itself and the fields of its prompt."""

    step: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]
    plain_field: ClassVar[str | None] = None
    """The text of a row that a model gets which follows no instructions; None where the step needs one that does."""

    prompt: Annotated[
        str | None, Field(min_length=1, description="Markdown file with the prompt; the shipped one if not given.")
    ] = None
    attempts: Annotated[
        int, Field(ge=1, description="Times a row is asked about at most, until what comes back is verified.")
    ] = 3
    limit: Annotated[int | None, Field(ge=1, description="Ask about the first rows only; all if not given.")] = None
    save_prompts: Annotated[
        bool, Field(description="Keep the last prompt and answer of each row in the columns asked and answered.")
    ] = False

    @model_validator(mode="after")
    def _refuse_a_prompt_that_does_not_fit(self) -> GeneratingOptions:
        # Before a model is loaded, which may take minutes; a file that is missing is told with all the others.
        if self.prompt is not None:
            with suppress(FileError):
                self.read_prompt()
        return self

    @computed_field  # type: ignore[prop-decorator] # mypy takes no decorator above property
    @property
    def prompt_digest(self) -> str:
        """SHA-256 of the prompt, so that another text of it counts as another option."""
        try:
            return self.read_prompt().digest
        except (FileError, OptionsError):
            return "unreadable"

    def read_prompt(self) -> Prompt:
        """The prompt.

        Raises:
            FileError, OptionsError: it cannot be read, or does not fit the step.
        """
        return Prompt.read(self.step, self.fields, self.prompt)

    def read_plain_prompt(self) -> Prompt:
        """The prompt of a model that follows no instructions: the row's text alone, unless the user put words about it.

        Raises:
            FileError, OptionsError: it cannot be read, shows something else than that text, or speaks to a chat model.
        """
        field = self.plain_field or ""
        if self.prompt is None:
            return Prompt(f"the prompt of {self.step}", f"# User\n{{{{ {field} }}}}", (field,))
        prompt = Prompt.read(self.step, (field,), self.prompt)
        prompt.refuse_system()
        return prompt

    def limited(self, rows: pl.DataFrame, first_row: int, ledger: Ledger) -> pl.DataFrame:
        """The rows of a part that are asked about; the others count as dropped.

        Args:
            rows: A part of the input.
            first_row: The ordinal of its first row in the whole input, from 0.
            ledger: Where rows are counted.
        """
        if self.limit is None:
            return rows
        kept = rows.head(max(0, self.limit - first_row))
        ledger.drop("beyond the limit", rows.height - kept.height)
        return kept


class FewShotOptions(GeneratingOptions):
    """Options of a step whose prompt shows examples from a file."""

    examples: Annotated[
        str | None, Field(min_length=1, description="Corpus of examples for the prompt, of the shape that is made.")
    ] = None
    num_examples: Annotated[int, Field(ge=1, description="Examples shown: the first rows of that file.")] = 3

    def read_examples(self, shapes: Sequence[FrameContract]) -> pl.DataFrame | None:
        """The rows that are shown, of the first of the shapes that fits; None without a file.

        Raises:
            FileError, FrameError: the file cannot be read, or fits none of the shapes.
        """
        if self.examples is None:
            return None
        return adopt(read_frame(self.examples), shapes, self.examples).frame.head(self.num_examples)


def files_of(options: GeneratingOptions) -> Sequence[str]:
    """The files that these options name."""
    examples = options.examples if isinstance(options, FewShotOptions) else None
    return [file for file in (options.prompt, examples) if file is not None]
