"""Scales: a recipe in another size, by values for its settings and for keys of its stages, and by stages of its own.

[scales.small]                 # taken by --set scale=small
start = "stage:fresh"          # a setting
student.max_steps = 100        # a key of a stage, also as "student.max_steps"
[scales.small.stages.fresh]    # a stage that only this scale has, before those of the recipe, or one in place of the
step = "init-model"            # recipe's of the same name
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pairforge.option_faults import nearest_names
from pairforge.pipeline.faults import Faults
from pairforge.pipeline.recipe_file import PUBLISHED, RecipeTables
from pairforge.pipeline.settings import toml_value


def scaled(tables: RecipeTables, assignments: Sequence[str], faults: Faults) -> RecipeTables:
    """The recipe with the values of the scale that `--set` or the setting `scale` names.

    A single value that `--set` gives wins over a scale's, since it is taken after it.

    Args:
        tables: The recipe as it is written.
        assignments: As for `override`; only those of `scale` are looked at, of which the last counts.
        faults: Where unknown scales, and what the scales change that does not exist, are noted.
    """
    if not tables.scales:
        return tables
    for name, values in tables.scales.items():
        _check(tables, name, values, faults)
    wanted, place = _wanted(tables, assignments)
    if wanted == PUBLISHED:
        return tables
    if wanted not in tables.scales:
        faults.add(place, f"there is no scale '{wanted}'; {nearest_names(str(wanted), [PUBLISHED, *tables.scales])}.")
        return tables
    return _with_values(tables, tables.scales[wanted])


def _wanted(tables: RecipeTables, assignments: Sequence[str]) -> tuple[Any, str]:
    given = [assignment for assignment in assignments if assignment.partition("=")[0].strip() == "scale"]
    if not given:
        return tables.settings["scale"], "settings.scale"
    return toml_value(given[-1].partition("=")[2]), f"--set {given[-1]}"


def _with_values(tables: RecipeTables, values: Mapping[str, Any]) -> RecipeTables:
    settings = dict(tables.settings)
    own = values.get("stages", {})
    first = {name: table for name, table in own.items() if name not in tables.stages}
    stages = {name: dict(own.get(name, table)) for name, table in {**first, **tables.stages}.items()}
    for stage, key, value in _changes(values, settings, stages):
        if stage is None:
            settings[key] = value
        elif stage in stages:
            stages[stage][key] = value
    return replace(tables, settings=settings, stages=stages)


def _changes(
    values: Mapping[str, Any], settings: Container[str], stages: Container[str]
) -> Iterator[tuple[str | None, str, Any]]:
    """Stage, key and value of each change; a setting has no stage."""
    for name, value in values.items():
        stage, dot, key = name.partition(".")
        if name == "stages":
            continue
        if dot:
            yield stage, key, value
        elif name not in settings and name in stages and isinstance(value, dict):
            yield from ((name, key, item) for key, item in value.items())
        else:
            yield None, name, value


def _check(tables: RecipeTables, scale: str, values: Mapping[str, Any], faults: Faults) -> None:
    place = f"scales.{scale}"
    if scale == PUBLISHED:
        faults.add(place, f"'{PUBLISHED}' is the recipe as it is written; give this scale another name.")
    own = values.get("stages", {})
    if not isinstance(own, dict) or not all(isinstance(table, dict) for table in own.values()):
        faults.add(place, "'stages' should hold a table for each stage of the scale's own.")
        return
    stages = [*tables.stages, *own]
    for stage, key, _ in _changes(values, tables.settings, stages):
        if stage is None and key not in tables.settings:
            known = [*tables.settings, *stages]
            faults.add(place, f"there is no setting and no stage '{key}'; {nearest_names(key, known)}.")
        elif stage is not None and stage not in stages:
            faults.add(place, f"there is no stage '{stage}'; {nearest_names(stage, stages)}.")
