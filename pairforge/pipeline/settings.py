"""Settings: values that a recipe's user may change, and where they stand in its stages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pairforge.errors import OptionsError, PairforgeError
from pairforge.files import source_exists
from pairforge.option_faults import nearest_names
from pairforge.pipeline.faults import Faults
from pairforge.pipeline.recipe_file import RecipeTables

_PLACE = re.compile(r"\$\{([^}]*)\}")


def override(tables: RecipeTables, assignments: Sequence[str], faults: Faults) -> RecipeTables:
    """The recipe with what `--set` says.

    Args:
        tables: The recipe as it is written.
        assignments: `setting=value`, or `stage.key=value` for a key of a stage's table. A value is read as TOML
            (`3`, `true`, `["a", "b"]`), and where it is none, as text.
        faults: Where unknown settings and stages are noted.

    Raises:
        OptionsError: an assignment has no "=".
    """
    settings, stages = dict(tables.settings), {name: dict(table) for name, table in tables.stages.items()}
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        stage, dot, key = target.strip().partition(".")
        if not equals or not stage or (dot and not key):
            raise OptionsError(f"--set {assignment}: name=value or stage.key=value was wanted.")
        place = f"--set {assignment}"
        if dot and stage in stages:
            stages[stage][key] = toml_value(text)
        elif dot:
            faults.add(place, f"there is no stage '{stage}'; {nearest_names(stage, stages)}.")
        elif stage in settings:
            settings[stage] = toml_value(text)
        else:
            faults.add(place, f"there is no setting '{stage}'; {nearest_names(stage, settings)}.")
    return replace(tables, settings=settings, stages=stages)


def toml_value(text: str) -> Any:
    """A value as TOML has it; the text itself where it is no TOML value, or one that no recipe has (a date)."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = parsed.pop("value")
    return value if not parsed and isinstance(value, str | int | float | list | dict) else text


def filled_in(tables: RecipeTables, faults: Faults) -> RecipeTables:
    """The recipe with each "${name}" replaced by the setting of that name.

    Where it is the whole text, the setting's value takes its place, whatever its type (in a list, a list's items do);
    within a text, its text does. A setting may use those that stand above it. A table of one key, `first`, which lists
    sources, stands for the first of them that is there; where none is, for the last.
    """
    settings: dict[str, Any] = {}
    for name, value in tables.settings.items():
        settings[name] = _filled(value, settings, f"settings.{name}", faults)
    stages = {
        stage: {key: _filled(value, settings, f"stages.{stage}", faults) for key, value in table.items()}
        for stage, table in tables.stages.items()
    }
    published = None if tables.published is None else _filled(tables.published, settings, "published", faults)
    return replace(tables, settings=settings, stages=stages, published=published)


def _filled(value: Any, settings: Mapping[str, Any], place: str, faults: Faults) -> Any:
    if isinstance(value, dict) and value.keys() == {"first"} and isinstance(value["first"], list) and value["first"]:
        return _first(_filled(value["first"], settings, place, faults))
    if isinstance(value, dict):
        return {key: _filled(item, settings, place, faults) for key, item in value.items()}
    if isinstance(value, list):
        return [part for item in value for part in _parts(item, _filled(item, settings, place, faults))]
    if not isinstance(value, str):
        return value
    if (whole := _PLACE.fullmatch(value)) and whole[1] in settings:
        return settings[whole[1]]
    return _PLACE.sub(lambda found: _as_text(found[1], settings, place, faults), value)


def _first(sources: Sequence[Any]) -> Any:
    return next((source for source in sources[:-1] if _is_there(source)), sources[-1])


def _is_there(source: Any) -> bool:
    try:
        source_exists(str(source))
    except PairforgeError:
        return False
    return True


def _parts(written: Any, filled: Any) -> list[Any]:
    return filled if isinstance(written, str) and isinstance(filled, list) else [filled]


def _as_text(name: str, settings: Mapping[str, Any], place: str, faults: Faults) -> str:
    if name not in settings:
        faults.add(place, f"there is no setting '{name}' for ${{{name}}}; {nearest_names(name, settings)}.")
        return f"${{{name}}}"
    value = settings[name]
    if isinstance(value, list | dict):
        faults.add(place, f"setting '{name}' is no single value, so ${{{name}}} cannot stand within a text.")
    return str(value).lower() if isinstance(value, bool) else str(value)
