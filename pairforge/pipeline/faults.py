"""What is wrong with a recipe, collected so that one message can list it all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pairforge.errors import OptionsError, RecipeError
from pairforge.option_faults import fault_sentences

_TOML_TERMS = {
    "a valid dictionary": "a table",
    "a valid list": "a list",
    "a valid tuple": "a list",
    "a valid string": "text",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "true or false",
}

_KEPT_FLAGS = r"(?:set|from|only|overwrite|force-reinstall|no-deps)\b"
"""Flags of `pairforge run` itself, and of pip."""

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass
class Faults:
    """Faults by place, one line each.

    Args:
        recipe: The recipe's file.
        lines: "stages.mined: what is wrong and how to mend it."
    """

    recipe: Path
    lines: list[str] = field(default_factory=list)

    def add(self, place: str, sentence: str) -> None:
        """Note one fault, once."""
        line = f"{place}: {sentence}"
        if line not in self.lines:
            self.lines.append(line)

    def refuse(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            RecipeError: with all lines.
        """
        if self.lines:
            raise self.error()

    def error(self) -> RecipeError:
        """What was found, as one error."""
        if len(self.lines) == 1:
            return RecipeError(f"{self.recipe}: {self.lines[0]}")
        listed = "".join(f"\n  {line}" for line in self.lines)
        return RecipeError(f"{self.recipe}: {len(self.lines)} faults, so nothing was run:{listed}")


def validated(model: type[_Model], values: Mapping[str, Any], place: str, faults: Faults) -> _Model | None:
    """The model that these values make; None where they make none, with a fault for each wrong value."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        for sentence in fault_sentences(error, model, _in_toml_terms):
            faults.add(place, in_recipe_terms(sentence))
    except OptionsError as error:
        faults.add(place, in_recipe_terms(str(error)))
    return None


def _in_toml_terms(message: str) -> str:
    for python, toml in _TOML_TERMS.items():
        message = message.replace(python, toml)
    return message


def in_recipe_terms(sentence: str) -> str:
    """A sentence that mends by a command's flags, with what a recipe has in their place."""
    sentence = sentence.replace("the --…-column options", 'columns = { wanted = "found" }')
    sentence = sentence.replace("another place with -o", "another folder with --set output=…")
    sentence = re.sub(r"--([a-z0-9-]+)-column", lambda flag: f'columns = {{ {_key(flag[1])} = "…" }}', sentence)
    return re.sub(rf"--(?!{_KEPT_FLAGS})([a-z][a-z-]*)", lambda flag: _key(flag[1]), sentence)


def _key(flag: str) -> str:
    return flag.replace("-", "_")
