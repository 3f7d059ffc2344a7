"""What is wrong with the values of options, in sentences."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


def fault_sentences(
    error: ValidationError, model: type[BaseModel], in_terms: Callable[[str], str] = str
) -> Iterator[str]:
    """A sentence for each value that pydantic does not take: the option, what was wanted and what was found.

    Args:
        error: What pydantic says.
        model: The options.
        in_terms: Puts pydantic's names of types into the reader's.
    """
    for detail in error.errors():
        name = ".".join(str(part) for part in detail["loc"])
        message = in_terms(detail["msg"].removeprefix("Value error, ").rstrip(".").replace("Input should", "should", 1))
        if detail["type"] == "missing":
            field = model.model_fields.get(name)
            wanted = (field.description or "").rstrip(".") if field else ""
            yield f"'{name}' is missing{f' ({wanted})' if wanted else ''}."
        elif detail["type"] == "extra_forbidden":
            yield f"there is no '{name}'; {nearest_names(name, model.model_fields)}."
        elif message.startswith("should"):
            yield f"{name} {message}, but it is {detail['input']!r}."
        else:
            yield f"{name}: {message}." if name else f"{message}."


def nearest_names(name: str, known: Iterable[str]) -> str:
    """The half sentence that helps after a mistyped name: "did you mean x or y", else "there are: …"."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}"
    return f"there are: {', '.join(names)}" if names else "there is none"
