"""Prompts: Markdown with Jinja fields, in which a corpus row is always data.

A prompt is a file with the headings `# System` (optional) and `# User`; what stands below them becomes the messages. A
field that holds a row's text renders as a fenced block, whose fence is longer than any run of backticks in the text, so
that no text can close it. Templates run in Jinja's sandbox, and no text is ever taken for a template.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pairforge.errors import FileError, OptionsError
from pairforge.generators import Message
from pairforge.quoting import quotable

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment

SHIPPED = Path(__file__).resolve().parents[1] / "prompts"
"""The folder of the prompts that come with pairforge, one a generating step."""

_SHORTEST_FENCE = 3
_HEADING = re.compile(r"^# (System|User)[ \t]*$", re.MULTILINE)
_Role = Literal["system", "user"]
_ROLES: Mapping[str, _Role] = {"System": "system", "User": "user"}


class RowText:
    """A text of a corpus row: wherever a prompt puts it, it stands in a fence.

    Not a string: a filter of the template (`trim`, `join`) would then give a bare one, as would a public attribute.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return fenced(self._text)


def bare(shown: RowText) -> str:
    """The text without a fence, for a model that follows no instructions, so that none in it can lead it astray."""
    return shown._text


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, RowText):
        yield str(value)
    elif isinstance(value, Mapping):
        yield from _texts_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts_in(item)


def fenced(text: str) -> str:
    """A text as a Markdown code block that it cannot end: CommonMark closes a fence only by one as long or longer."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(_SHORTEST_FENCE, longest + 1)
    return f"{fence}\n{text}\n{fence}"


@dataclass(frozen=True)
class Prompt:
    """A prompt, read and checked.

    Args:
        place: Its file, for errors.
        text: What stands in it.
        fields: The fields that it may use.
    """

    place: str
    text: str
    fields: tuple[str, ...]

    @classmethod
    def read(cls, step: str, fields: Iterable[str], file: str | None = None) -> Prompt:
        """The prompt of a step, or the one in a file that takes its place.

        Args:
            step: The step's name.
            fields: The fields that the step fills in.
            file: The user's own; the shipped one if None.

        Raises:
            FileError: the file cannot be read.
            OptionsError: it has no `# User` heading, is no Jinja template, or uses an unknown field.
        """
        path = Path(file).expanduser() if file else SHIPPED / f"{step}.md"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise FileError(f"{path}: the prompt cannot be read ({reason}). Name a Markdown file.") from error
        prompt = cls(str(path), text, tuple(fields))
        prompt.check()
        return prompt

    @property
    def digest(self) -> str:
        """SHA-256 of its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def check(self) -> None:
        """Refuse a prompt that could not be rendered.

        Raises:
            OptionsError: see `read`.
        """
        from jinja2 import TemplateSyntaxError, meta  # noqa: PLC0415 - only steps that ask a language model need it

        if "user" not in [role for role, _ in self._sections]:
            raise OptionsError(
                f"{self.place}: the heading '# User' is missing. Put the question to the model below it."
            )
        try:
            used = meta.find_undeclared_variables(self._environment.parse(self.text))
        except TemplateSyntaxError as error:
            raise OptionsError(f"{self.place}: line {error.lineno} is no Jinja template ({error.message}).") from None
        if unknown := sorted(used - set(self.fields)):
            raise OptionsError(
                f"{self.place}: has no value for {', '.join(f'{{{{ {name} }}}}' for name in unknown)} "
                f"(fields: {', '.join(self.fields)}). Use these alone."
            )

    def refuse_system(self) -> None:
        """Refuse a prompt for a chat.

        Raises:
            OptionsError: it has a `# System` heading.
        """
        if "system" in [role for role, _ in self._sections]:
            raise OptionsError(
                f"{self.place}: has a heading '# System', but the model follows no instructions. Put the little that "
                "it was trained to see, as 'generate query: {{ document }}', below '# User' alone."
            )

    def render(self, values: Mapping[str, Any]) -> tuple[Message, ...]:
        """The messages with these values in the fields.

        Args:
            values: Field → a `RowText`, a list of them, or a number or word of the step's own.

        Raises:
            OptionsError: the template fails on these values.
        """
        from jinja2 import TemplateError  # noqa: PLC0415 - loaded when it is used

        try:
            return tuple(Message(role, template.render(values).strip()) for role, template in self._templates)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            # Jinja names a key that it does not find, which may be a row's text.
            told = quotable(str(error), _texts_in(list(values.values()))) or type(error).__name__
            raise OptionsError(f"{self.place}: cannot be rendered ({told}). Mend the template.") from None

    @cached_property
    def _sections(self) -> list[tuple[_Role, str]]:
        """The messages' templates; what stands before the first heading is a note to the reader."""
        parts = _HEADING.split(self.text)
        return [(_ROLES[heading], body) for heading, body in zip(parts[1::2], parts[2::2], strict=True)]

    @cached_property
    def _templates(self) -> list[tuple[_Role, Template]]:
        return [(role, self._environment.from_string(body)) for role, body in self._sections]

    @cached_property
    def _environment(self) -> SandboxedEnvironment:
        from jinja2 import StrictUndefined  # noqa: PLC0415 - loaded when it is used
        from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - loaded when it is used

        # A prompt is plain text for a model, not HTML: escaping would change the corpus.
        return ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
