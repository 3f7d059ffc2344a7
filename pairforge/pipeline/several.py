"""Several recipes one after the other, each from several seeds if wanted; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pairforge.cache import cache_folder
from pairforge.errors import OptionsError, Stopped
from pairforge.pipeline.runner import StageReport
from pairforge.pipeline.schema import Recipe, read_recipe
from pairforge.pipeline.score_table import ScoreRow, rows_of


@dataclass
class RecipeRun:
    """One recipe of several.

    Args:
        name: As it was asked for.
        recipes: The recipe as it runs: itself, or with each seed; empty where it is wrong.
        reports: What came of the stages of each.
        failure: Why it failed; None if it did not.
    """

    name: str
    recipes: list[Recipe] = field(default_factory=list)
    reports: list[list[StageReport]] = field(default_factory=list)
    failure: Exception | None = None

    def rows(self, cache: Path | None = None) -> list[ScoreRow]:
        """Its rows of the table; judging several seeds may fail too, which is then what it says."""
        found: list[ScoreRow] = []
        with self.caught():
            if self.failure is None:
                found = rows_of(self.recipes, cache=cache or cache_folder())
        if self.failure is None:
            return found
        scale = self.recipes[0].scale if self.recipes else None
        return [ScoreRow(recipe=Path(self.name).stem, scale=scale, failed=_first_line(self.failure))]

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Keep why it failed; a stop by the user goes on up."""
        try:
            yield
        except Stopped:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever one recipe meets, the others are to run
            self.failure = failure


def _first_line(failure: Exception) -> str:
    return (str(failure) or type(failure).__name__).partition("\n")[0].removesuffix(":")


def seeds_in(text: str) -> list[int]:
    """The seeds of "0,1,2".

    Raises:
        OptionsError: the text is no list of different whole numbers.
    """
    numbers = [number.strip() for number in text.split(",")]
    if not all(number.isdecimal() for number in numbers) or len(set(numbers)) < len(numbers):
        raise OptionsError(f"--seeds {text}: different whole numbers were wanted, as --seeds 0,1,2.")
    return [int(number) for number in numbers]


def read_recipes(names: Sequence[str], settings: Sequence[str] = (), seeds: Sequence[int] = ()) -> list[RecipeRun]:
    """Read several recipes; one that is wrong is kept with its failure.

    Args:
        names: Files, or names of shipped recipes.
        settings: As for `read_recipe`.
        seeds: The seeds of each; its own where none is given.

    Raises:
        OptionsError: an entry of `settings` has no "=".
    """
    runs = [RecipeRun(name) for name in names]
    for run in runs:
        with run.caught():
            run.recipes = [read_recipe(run.name, settings, seed=seed) for seed in seeds or (None,)]
        if isinstance(run.failure, OptionsError):
            raise run.failure
    return runs


def run_recipes(
    runs: Sequence[RecipeRun],
    work: Callable[[Recipe], list[StageReport]],
    *,
    failed: Callable[[RecipeRun], None] = lambda run: None,
) -> None:
    """Run them in order; each is done whole, all its seeds, before the next.

    Args:
        runs: As they were read; reports and failures are noted in them.
        work: Runs one recipe.
        failed: Called with one that failed.

    Raises:
        Stopped: Ctrl-C; what was finished is kept.
    """
    for run in runs:
        with run.caught():
            for recipe in run.recipes:
                run.reports.append(work(recipe))
        if run.failure is not None and run.recipes:
            failed(run)
