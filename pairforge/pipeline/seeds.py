"""A recipe with another seed: what hangs on the seed is made anew for each, what does not is made once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pairforge.pipeline.faults import Faults
from pairforge.pipeline.recipe_file import RecipeTables
from pairforge.pipeline.settings import filled_in
from pairforge.pipeline.stage_table import Draft

SEED = "seed"
"""The setting that seeds are given to."""


def with_seed(tables: RecipeTables, seed: int, faults: Faults) -> tuple[RecipeTables, set[str]]:
    """The recipe with its setting `seed` at this value, settings filled in; and the stages whose tables hang on it.

    Args:
        tables: The recipe, settings not yet filled in.
        seed: The seed.
        faults: Where it is noted that there is no such setting, and what is wrong with the settings.
    """
    if SEED not in tables.settings:
        faults.add(
            "--seeds", f"the recipe has no setting '{SEED}': add it, and say seed = \"${{seed}}\" in its stages."
        )
        return filled_in(tables, faults), set()
    one = filled_in(_at(tables, seed), faults)
    other = filled_in(_at(tables, seed + 1), Faults(tables.path))
    return one, {name for name, table in one.stages.items() if table != other.stages[name]}


def _at(tables: RecipeTables, seed: int) -> RecipeTables:
    return replace(tables, settings={**tables.settings, SEED: seed})


def folders(drafts: Sequence[Draft], output: Path, seed: int | None, seeded: Iterable[str]) -> dict[str, Path]:
    """Stage → the folder it writes to: that of the seed, where it or what it uses hangs on the seed.

    Args:
        drafts: The stages, each after those it uses.
        output: The folder of the recipe.
        seed: The seed; None where the recipe runs with its own.
        seeded: The stages whose tables hang on it.
    """
    moved = set(seeded)
    for made in drafts:
        if any(reference.stage in moved for reference in made.references()):
            moved.add(made.name)
    return {made.name: output / f"seed-{seed}" if made.name in moved else output for made in drafts}
