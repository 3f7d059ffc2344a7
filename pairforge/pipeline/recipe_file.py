"""The file of a recipe: found by path or by name, and read as tables."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from pairforge.errors import RecipeError
from pairforge.option_faults import nearest_names
from pairforge.pipeline.faults import Faults, validated
from pairforge.pipeline.registry import shipped_folder, shipped_recipes

STAGE_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
PUBLISHED = "published"
"""The scale of a recipe as it is written."""


@dataclass(frozen=True)
class RecipeTables:
    """A recipe as it is written.

    Args:
        path: Its file.
        description: What it does.
        settings: Setting → value; `output`, the folder the stages write to, is always among them.
        stages: Stage → its table, in the order of the file.
        scales: Scale → its values: setting → value, stage → key → value, "stage.key" → value; under `stages`, stages of
            its own.
        published: The table of what was published of the recipe, if it has one.
    """

    path: Path
    description: str
    settings: dict[str, Any]
    stages: dict[str, dict[str, Any]]
    scales: dict[str, dict[str, Any]] = field(default_factory=dict)
    published: dict[str, Any] | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    description: str = ""
    settings: dict[str, Any] = {}
    scales: dict[str, dict[str, Any]] = {}
    published: dict[str, Any] | None = None
    stages: dict[str, dict[str, Any]]


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe: a path, or the name of a shipped one (`quickstart`) where no such file exists.

    Raises:
        RecipeError: there is neither.
    """
    path = Path(recipe).expanduser()
    if path.is_dir():
        raise RecipeError(f"{path}: is a folder, but a recipe is a TOML file. Name a file in it.")
    if path.exists():
        return path
    shipped = {found.name: found.path for found in shipped_recipes()}
    name = str(recipe).removesuffix(".toml")
    if name in shipped:
        return shipped[name]
    raise RecipeError(f"{recipe}: there is no such file, and no shipped recipe of that name; "
                      f"{nearest_names(name, shipped)}.")  # fmt: skip


def read_tables(path: Path, faults: Faults) -> RecipeTables:
    """Read a recipe's file and check that it has the tables of one.

    In a shipped recipe, a path that begins with `examples/` and does not exist here stands for the examples that come
    with pairforge.

    Raises:
        RecipeError: the file cannot be read or is no TOML, or its tables are not those of a recipe.
    """
    content = _parsed(path)
    for name in content:
        if name not in _File.model_fields:
            faults.add(name, f"a recipe has no such table; {nearest_names(name, _File.model_fields)}.")
    if not content.get("stages"):
        faults.add("stages", "a recipe needs at least one stage: a table [stages.NAME] with a step.")
        raise faults.error()
    known = {name: value for name, value in content.items() if name in _File.model_fields}
    file = validated(_File, known, "the recipe", faults)
    if file is None:
        raise faults.error()
    for place, stages in [("", file.stages), *((f"scales.{n}.", v.get("stages")) for n, v in file.scales.items())]:
        for name in stages if isinstance(stages, dict) else ():
            if not re.fullmatch(STAGE_NAME, name):
                faults.add(f"{place}stages.{name}", "a stage's name is made of letters, digits, - and _; rename it.")
    given = {"scale": PUBLISHED} if file.scales else {}
    if "output" not in file.settings:
        given["output"] = f"runs/{path.stem}"
    settings = {**given, **file.settings}
    tables = RecipeTables(path, file.description, settings, file.stages, file.scales, file.published)
    return _with_examples(tables) if _is_shipped(path) else tables


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        reason = re.sub(r" \(at (.+)\)$", r" at \1", str(error))
        raise RecipeError(f"{path}: is no TOML: {reason[0].lower()}{reason[1:]}. Mend that line.") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: is not UTF-8 text, as TOML must be. Save it as UTF-8.") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from None


def _is_shipped(path: Path) -> bool:
    return path.resolve().is_relative_to(shipped_folder("recipes").resolve())


def _with_examples(tables: RecipeTables) -> RecipeTables:
    return replace(
        tables,
        settings=_shipped_paths(tables.settings),
        stages=_shipped_paths(tables.stages),
        scales=_shipped_paths(tables.scales),
    )


def _shipped_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shipped_paths(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shipped_paths(item) for item in value]
    if isinstance(value, str) and (found := re.fullmatch(r"(\w+:)?examples(?:/(.+))?", value)):
        below = found[2] or ""
        shipped = shipped_folder("examples") / below
        if shipped.exists() and not Path("examples", below).exists():
            return f"{found[1] or ''}{shipped}"
    return value
