"""What a recipe is: stages in a chain, read from TOML and checked as a whole before anything runs.

# pairforge run recipes/example.toml
description = "What it does, in one sentence."

[settings]                    # values for --set; "${nli}" in a stage is replaced by one
output = "runs/example"       # where the stages write: <output>/<stage>.parquet or <output>/<stage>.model
nli = ["examples/nli.jsonl"]
seed = 42                     # for --seeds, where stages say seed = "${seed}"

[stages.triplets]
step = "convert-nli"
nli = "${nli}"                # an input: a source, a list, or {source = …, columns = {premise = "text"}}
to = "triplet"                # an option; inputs, model flags and options share one namespace

[stages.student]
step = "train"
corpus = "stage:triplets"     # the main output of another stage; "stage:NAME.OUTPUT" for a named one
model = "all-MiniLM-L6-v2"    # a model: a name, {name = …, dtype = …}, "stage:NAME", or a list of these

[scales.small]                # the recipe in another size (scales.py), by --set scale=small
student.max_steps = 100

[published]                   # what was published of it (published.py)
metrics = { spearman_cosine = 0.81 }
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pairforge.execution.stage import Stage
from pairforge.pipeline.faults import Faults
from pairforge.pipeline.linking import check_references, in_order, linked, needs_of, paths_of
from pairforge.pipeline.preflight import check_files, check_models
from pairforge.pipeline.published import Target, target_of
from pairforge.pipeline.recipe_file import RecipeTables, find_recipe, read_tables
from pairforge.pipeline.registry import STEPS, Entry
from pairforge.pipeline.scales import scaled
from pairforge.pipeline.seeds import folders, with_seed
from pairforge.pipeline.settings import filled_in, override
from pairforge.pipeline.stage_table import Draft, draft


@dataclass(frozen=True)
class RecipeStage:
    """One stage of a recipe.

    Args:
        name: Its name in the recipe.
        stage: What is executed.
        needs: Stage whose outputs it uses → the paths of those outputs.
    """

    name: str
    stage: Stage
    needs: Mapping[str, tuple[Path, ...]]

    @property
    def main(self) -> Path:
        """The path of its main output."""
        return next(iter(self.stage.outputs.values()))


@dataclass(frozen=True)
class Recipe:
    """A recipe that was checked and may run.

    Args:
        path: Its file.
        description: What it does.
        output: The folder its stages write to.
        stages: Its stages, in the order in which they run.
        scale: The scale that was chosen; None for a recipe without scales.
        seed: The seed that was given to it; None for its own.
        target: The scores by which it is told from others; None where no stage evaluates.
    """

    path: Path
    description: str
    output: Path
    stages: tuple[RecipeStage, ...]
    scale: str | None = None
    seed: int | None = None
    target: Target | None = None

    @property
    def names(self) -> list[str]:
        """The stages' names, in the order in which they run."""
        return [stage.name for stage in self.stages]


def read_recipe(
    recipe: str | Path, settings: Sequence[str] = (), *, seed: int | None = None, steps: Mapping[str, Entry] = STEPS
) -> Recipe:
    """Read a recipe and check all of it: structure, options, files, shapes, references, models.

    Nothing is written, and nothing is read of a parquet file but its first rows. Relative paths start from the current
    folder; in a shipped recipe, a path that begins with `examples/` and does not exist there stands for the examples
    that come with pairforge.

    Args:
        recipe: A TOML file, or the name of a shipped recipe where no such file exists.
        settings: `setting=value` or `stage.key=value`, as for `--set`.
        seed: The value of its setting `seed`; what hangs on it is then written to `<output>/seed-<seed>`.
        steps: The steps that stages may name.

    Raises:
        OptionsError: an entry of `settings` has no "=".
        RecipeError: there is no such recipe, or it is wrong; the message lists every fault found.
    """
    path = find_recipe(recipe)
    faults = Faults(path)
    tables = scaled(read_tables(path, faults), settings, faults)
    return recipe_of(override(tables, settings, faults), faults, seed=seed, steps=steps)


def recipe_of(
    tables: RecipeTables,
    faults: Faults | None = None,
    *,
    seed: int | None = None,
    steps: Mapping[str, Entry] = STEPS,
) -> Recipe:
    """The recipe that these tables describe, all of it checked; tables need not come from a file.

    Args:
        tables: Settings and stages; `path` is what errors call the recipe.
        faults: What was found wrong so far.
        seed: As for `read_recipe`.
        steps: The steps that stages may name.

    Raises:
        RecipeError: something is wrong; the message lists every fault found.
    """
    faults = faults or Faults(tables.path)
    tables, seeded = (filled_in(tables, faults), set[str]()) if seed is None else with_seed(tables, seed, faults)
    output = _folder(tables.settings["output"], faults)
    read = {name: draft(name, table, steps, faults) for name, table in tables.stages.items()}
    drafts = in_order([made for made in read.values() if made is not None], faults)
    check_references(drafts, read, faults)
    folder = folders(drafts, output, seed, seeded)
    paths = {made.name: paths_of(made, folder[made.name]) for made in drafts if made.valid}
    _check_surroundings(drafts, paths, faults)
    target = target_of(tables.published, drafts, faults)
    faults.refuse()
    stages = tuple(RecipeStage(made.name, linked(made, paths), needs_of(made, paths)) for made in drafts)
    scale = str(tables.settings["scale"]) if tables.scales else None
    return Recipe(tables.path, tables.description, output, stages, scale, seed, target)


def _folder(output: object, faults: Faults) -> Path:
    if not isinstance(output, str) or not output:
        faults.add("settings.output", f"a folder was wanted, as text, but it is {output!r}.")
    return Path(str(output)).expanduser()


def _check_surroundings(drafts: Sequence[Draft], paths: Mapping[str, Mapping[str, Path]], faults: Faults) -> None:
    written = {path.absolute(): name for name, outputs in paths.items() for path in outputs.values()}
    for made in drafts:
        check_files(made, written, faults)
        check_models(made, faults)
