"""Command-line parameters made from the fields of options models."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import annotated_types
import typer
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from pairforge.errors import OptionsError

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_METAVAR = 60
_METAVARS: Mapping[Any, str] = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}


@dataclass(frozen=True)
class ValueForm:
    """How the values of a field are typed.

    Args:
        metavar: What help shows in the value's place; empty for a switch.
        choices: The values allowed, where they are few.
        count: Values that one use of the flag takes; 0 for a switch.
        many: Whether the flag may be repeated.
    """

    metavar: str
    choices: tuple[str, ...] = ()
    count: int = 1
    many: bool = False

    @property
    def is_long(self) -> bool:
        """Whether the choices are too many to stand beside the flag."""
        return len(self.metavar) > _LONGEST_METAVAR

    @property
    def annotation(self) -> Any:
        """The type that typer is told: text, which pydantic reads in one place for flags and recipes alike."""
        if self.count == 0:
            return bool
        if self.many:
            return list[str]
        return str if self.count == 1 else tuple[(str,) * self.count]  # type: ignore[misc]


def value_form(annotation: Any) -> ValueForm:
    """How values of this type are typed."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return value_form(arguments[0])
    if origin in (Union, types.UnionType):
        return value_form(next(argument for argument in arguments if argument is not type(None)))
    if origin is Literal:
        return _choice([str(argument) for argument in arguments])
    if origin in (tuple, list, frozenset, set):
        item = value_form(arguments[0])
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        return ValueForm(item.metavar, item.choices, count=len(arguments) if fixed else 1, many=not fixed)
    return _plain_form(annotation)


def _plain_form(annotation: Any) -> ValueForm:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _choice([str(member.value) for member in annotation])
    return ValueForm("", count=0) if annotation is bool else ValueForm(_METAVARS.get(annotation, "TEXT"))


def _choice(choices: Sequence[str]) -> ValueForm:
    return ValueForm("|".join(choices), tuple(choices))


def flag(name: str) -> str:
    """The flag of an option."""
    return "--" + name.replace("_", "-")


def is_positional(field: FieldInfo) -> bool:
    """Whether an option is typed without a flag."""
    return isinstance(field.json_schema_extra, Mapping) and bool(field.json_schema_extra.get("positional"))


def field_parameter(name: str, field: FieldInfo, panel: str) -> inspect.Parameter:
    """The parameter of one options field, with its help, default, bounds and choices.

    Args:
        name: The parameter's name, from which its flag is made.
        field: The options field.
        panel: Heading under which help shows it.
    """
    form = value_form(field.annotation)
    default: Any = ... if field.is_required() else _text(field.get_default(call_default_factory=True), form)
    shared: dict[str, Any] = {
        "help": field_help(field) + (f" One of {', '.join(form.choices)}." if form.is_long else ""),
        "metavar": "NAME" if form.is_long else form.metavar,
        "autocompletion": _completion(form.choices) if form.choices else None,
        "show_default": default not in (None, ..., [], False),
    }
    if is_positional(field):
        info = typer.Argument(default, **shared)
    else:
        names = f"{flag(name)}/{flag(f'no_{name}')}" if form.count == 0 else flag(name)
        info = typer.Option(default, names, rich_help_panel=panel, **shared)
    return parameter(name, info, form.annotation)


def parameter(name: str, info: Any, annotation: Any) -> inspect.Parameter:
    """A keyword parameter of a command's function."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=info, annotation=annotation)


def field_help(field: FieldInfo) -> str:
    """The description with the bounds."""
    bounds = field_bounds(field)
    return " ".join(part for part in (field.description, f"{bounds.capitalize()}." if bounds else "") if part)


def field_bounds(field: FieldInfo) -> str:
    """The bounds in words, as "at least 1, below 5"; empty if there are none."""
    words = {annotated_types.Ge: "at least", annotated_types.Gt: "above", annotated_types.Le: "at most",
             annotated_types.Lt: "below"}  # fmt: skip
    return ", ".join(
        f"{word} {_number(getattr(bound, type(bound).__name__.lower()))}"
        for bound in field.metadata
        if (word := words.get(type(bound)))
    )


def _number(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def _text(default: Any, form: ValueForm) -> Any:
    if default is None or form.count == 0:
        return default
    if form.many:
        return [_word(item) for item in default]
    return _word(default) if form.count == 1 else tuple(_word(item) for item in default)


def _word(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _completion(choices: Sequence[str]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete


def validated(model: type[Model], values: Mapping[str, Any], names: Mapping[str, str]) -> Model:
    """The options that these values make.

    Args:
        model: The options model.
        values: Field → what was typed.
        names: Field → how a sentence calls it, where that is not its flag.

    Raises:
        OptionsError: with a sentence that names every flag at fault.
    """
    try:
        return model.model_validate(values)
    except OptionsError as error:
        raise OptionsError(in_flags(str(error), model, names)) from None
    except ValidationError as error:
        faults = [_fault(detail, model, names) for detail in error.errors()]
        raise OptionsError("; ".join(faults) + ".") from None


def in_flags(sentence: str, model: type[BaseModel], names: Mapping[str, str] = MappingProxyType({})) -> str:
    """A sentence about options by their flags: `strategy='easy'` as `--strategy easy`, `min_rank` as `--min-rank`.

    An option whose name is one word is known by its value alone: `threshold=9` as `--threshold 9`.

    Args:
        sentence: What is wrong, in the names of Python.
        model: The options.
        names: Field → how a sentence calls it, where that is not its flag.
    """
    for name in sorted(model.model_fields, key=len, reverse=True):
        called = names.get(name, flag(name))
        sentence = re.sub(rf"(?<![\w-]){name}=('[^']*'|-?\w(?:[\w./-]*\w)?)", partial(_typed, name, called), sentence)
        if "_" in name:
            sentence = re.sub(rf"(?<![\w-]){name}(?!\.?\w)", called, sentence)
    return sentence


@contextmanager
def told_in_flags(model: type[BaseModel]) -> Iterator[None]:
    """Let what is found wrong with options while they are used be told by their flags too."""
    try:
        yield
    except OptionsError as error:
        raise OptionsError(in_flags(str(error), model)) from error


def _typed(name: str, called: str, found: re.Match[str]) -> str:
    if found[1] in ("True", "False"):
        return called if found[1] == "True" else flag(f"no_{name}")
    return f"{called} {found[1] if ' ' in found[1] else found[1].strip(chr(39))}"


def _fault(detail: ErrorDetails, model: type[BaseModel], names: Mapping[str, str]) -> str:
    message = in_flags(detail["msg"].removeprefix("Value error, ").rstrip("."), model, names)
    if not detail["loc"]:
        return message
    name = str(detail["loc"][0])
    called, field = names.get(name, flag(name)), model.model_fields[name]
    if detail["type"] == "missing":
        return f"{called} is missing"
    if detail["type"] == "value_error":
        return f"{called}: {message}"
    return f"{called} should be {_wanted(field, detail)}, but it is '{detail['input']}'"


def _wanted(field: FieldInfo, detail: ErrorDetails) -> str:
    form = value_form(field.annotation)
    if form.choices:
        near = get_close_matches(str(detail["input"]), form.choices, n=1)
        return f"one of {', '.join(form.choices)}" + (f" (perhaps {near[0]})" if near else "")
    kind = {"INTEGER": "a whole number", "NUMBER": "a number", "PATH": "a path"}.get(form.metavar, "text")
    bounds = field_bounds(field)
    if detail["type"].endswith("_too_short"):
        return "given, not empty"
    return f"{kind}{', ' if ',' in bounds else ' '}{bounds}".strip()
