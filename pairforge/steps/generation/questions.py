"""What is asked about a row, how an answer is read, and how the texts in it are verified.

A model that follows instructions is told what is wanted and answers once, in JSON. One that follows none is given the
text and nothing else, so that each text that is wanted is drawn by itself. An answer that cannot be read is never read
as anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from pairforge.generators import LONGEST_ANSWER, Answer, GeneratorRequest, NoReply
from pairforge.steps.generation.prompts import Prompt

Subject = TypeVar("Subject")
"""What a step wants of one row, and keeps of what it got: an object of the step's own."""
Given = TypeVar("Given", bound=BaseModel)
"""What an answer holds."""

_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True)
class Question(Generic[Subject, Given]):
    """What is asked about a row, and how an answer is verified.

    Args:
        prompt: The prompt.
        answer: What an answer has to hold; its JSON schema is what the model is held to.
        values: From a subject to the prompt's fields, called anew for each round.
        take: Verifies the answers of a round, each with its subject, and keeps what is good of them in the subject.
            Gives for each the reason why the row is to be asked about again, or None where it is served.
    """

    drawn: ClassVar[bool] = False
    """Whether an answer is one text of several that are drawn."""

    prompt: Prompt
    answer: type[Given]
    values: Callable[[Subject], Mapping[str, Any]]
    take: Callable[[Sequence[tuple[Subject, Given]]], Sequence[str | None]]

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema of an answer; None where it is plain text."""
        return self.answer.model_json_schema()

    def draws(self, subject: Subject) -> int:
        """Answers that are asked for at a time."""
        return 1

    def rounds(self, request: GeneratorRequest, attempts: int) -> int:
        """Times that asking this model may help.

        Raises:
            OptionsError: it follows no instructions.
        """
        request.refuse_without_instructions(self.prompt.place)
        return attempts

    def read(self, answers: Sequence[Answer]) -> tuple[Given | None, list[str]]:
        """What the answers hold together, and why some of them cannot be used."""
        (answer,) = answers
        given = read_answer(answer, self.answer)
        return (None, [given]) if isinstance(given, str) else (given, [])


@dataclass(frozen=True)
class DrawnQuestion(Question[Subject, Given]):
    """The same for a model that follows no instructions: an answer is one text.

    Args:
        wanted: How many texts are still wanted.
        gathered: From the texts that were drawn to what one answer in JSON would have held.
    """

    drawn: ClassVar[bool] = True

    wanted: Callable[[Subject], int]
    gathered: Callable[[Sequence[str]], Given]

    @property
    def schema(self) -> None:
        """None: such a model writes no JSON."""
        return

    def draws(self, subject: Subject) -> int:
        """One for each text that is wanted."""
        return self.wanted(subject)

    def rounds(self, request: GeneratorRequest, attempts: int) -> int:
        """Only one at temperature 0: nothing would tell a second from it."""
        return 1 if request.temperature == 0 else attempts

    def read(self, answers: Sequence[Answer]) -> tuple[Given | None, list[str]]:
        """The texts that came to their own end, and why others are not used."""
        texts, faults = [], []
        for answer in answers:
            if isinstance(answer, NoReply):
                faults.append(answer.reason)
            elif not answer.whole:
                faults.append("answer cut at --max-tokens")
            else:
                texts.append(answer.text)
        return (self.gathered(texts) if texts else None), faults


def read_answer(answer: Answer, wanted: type[Given]) -> Given | str:
    """What an answer in JSON holds, or why it cannot be used."""
    if isinstance(answer, NoReply):
        return answer.reason
    if len(answer.text) > LONGEST_ANSWER:
        return "answer too long to be read"
    text = _json_in(answer.text)
    if not text:
        return "empty answer"
    try:
        return wanted.model_validate_json(_escaped(text))
    except ValidationError:
        return "answer is not of the wanted form" if answer.whole else "answer cut at --max-tokens"


def _json_in(text: str) -> str:
    """The JSON in an answer: what follows a thought, without the fence that some models put about it."""
    answer = text.rpartition("</think>")[2].strip()
    if answer.startswith("```"):
        answer = answer.partition("\n")[2].rpartition("```")[0]
    return answer.strip()


def _escaped(text: str) -> str:
    """The JSON, control characters in its texts as escapes: some servers that hold a model to a schema let them in."""
    if not _CONTROL.search(text):
        return text
    try:
        return json.dumps(json.loads(text, strict=False))
    except (ValueError, RecursionError):
        return text
