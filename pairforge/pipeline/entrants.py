"""What is compared: corpora by name, those that a recipe makes, samples of them, and mixes without a source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from pairforge.errors import FrameError, OptionsError, RecipeError
from pairforge.execution.inputs import FileInput
from pairforge.files import read_frame, write_frame
from pairforge.option_faults import nearest_names
from pairforge.pipeline.schema import Recipe, RecipeStage, read_recipe
from pairforge.pipeline.trial import TRIAL
from pairforge.randomness import row_uniforms

Sources = Sequence[str | Path] | Mapping[str, str | Path]
"""Corpora or recipes, each by itself or as `NAME=FILE`; or name → file."""

_MOST_SOURCES = 50
_NAMED = re.compile(r"([^=:/\\]+)=(.+)", re.DOTALL)


@dataclass(frozen=True)
class Entrant:
    """A corpus, or a recipe that makes one.

    Args:
        name: What the table calls it.
        given: Where the corpus is read from, and how.
        recipe: The stages that make it; None where it is there.
    """

    name: str
    given: FileInput
    recipe: Recipe | None = None

    @property
    def source(self) -> str:
        """Where the corpus is read from."""
        return self.given.place


@dataclass(frozen=True)
class Part:
    """What one student is trained on.

    Args:
        name: What the table calls it.
        source: The corpus' own source.
        corpus: The rows, as a corpus of a shape that trains.
        place: Where they can be read from.
        part_of: The entrant that it is a sample of, or that it is a mix of less one source; None for a whole one.
        without: The source that is left out.
    """

    name: str
    source: str
    corpus: pl.DataFrame
    place: str | Path
    part_of: str | None = None
    without: str | None = None


def entrants_in(corpora: Sources, settings: Sequence[str] = ()) -> list[Entrant]:
    """The corpora and recipes by name: the given one, or the file's without its ending.

    Of a recipe (a `.toml` file) the corpus of its last `train` stage is compared, and only the stages that lead to it
    will be run.

    Args:
        corpora: Corpora or recipes.
        settings: `setting=value` or `stage.key=value` for every recipe, as for `pairforge run --set`.

    Raises:
        OptionsError: two have the same name, or settings are given without a recipe.
        RecipeError: a recipe is wrong, or trains nothing, or on several corpora.
    """
    named = [*corpora.items()] if isinstance(corpora, Mapping) else [_named(str(word)) for word in corpora]
    names = [name for name, _ in named]
    for name in names:
        if names.count(name) > 1:
            raise OptionsError(f"two corpora are called {name}. Name them apart, as OTHER=FILE.")
    found = [_entrant(name, str(source), settings) for name, source in named]
    if settings and not any(entrant.recipe for entrant in found):
        raise OptionsError(f"--set {settings[0]} is for recipes, and none is compared. Leave it out.")
    return found


def _named(word: str) -> tuple[str, str]:
    if not Path(word).expanduser().exists() and (found := _NAMED.fullmatch(word)):
        return found[1].strip(), found[2]
    if word.startswith("hub:"):
        return word, word
    return Path(word).name.partition(".")[0] or word, word


def _entrant(name: str, source: str, settings: Sequence[str]) -> Entrant:
    if not source.endswith(".toml"):
        return Entrant(name, FileInput((source,)))
    recipe = read_recipe(source, settings)
    trained = [stage for stage in recipe.stages if stage.stage.step.name == "train"]
    if not trained:
        raise RecipeError(
            f"{recipe.path}: has no train stage, whose corpus would be compared. Name its output instead."
        )
    given = trained[-1].stage.inputs["corpus"]
    if len(given.sources) > 1:
        raise RecipeError(
            f"{recipe.path}: its stage {trained[-1].name} trains on {len(given.sources)} corpora, but one is compared. "
            "Name their files one by one."
        )
    return Entrant(name, given, replace(recipe, stages=tuple(_leading_to(given.sources[0], trained[-1], recipe))))


def _leading_to(source: str, trained: RecipeStage, recipe: Recipe) -> list[RecipeStage]:
    """The stages that the corpus of a training comes from, in the order in which they run."""
    wanted = {name for name, paths in trained.needs.items() if Path(source) in paths}
    for stage in reversed(recipe.stages):
        if stage.name in wanted:
            wanted |= stage.needs.keys()
    return [stage for stage in recipe.stages if stage.name in wanted]


def whole(entrant: Entrant, folder: Path) -> Part:
    """The corpus of an entrant, read and checked.

    Args:
        entrant: The corpus.
        folder: Where it is kept if it cannot be read as it is, but has columns of other names or scores to be scaled.

    Raises:
        FileError, FrameError: it cannot be read, or is of no shape that trains.
    """
    given, wanted = entrant.given, TRIAL.inputs["corpus"]
    corpus = given.adopt(read_frame(entrant.source), wanted, entrant.source).frame
    part = Part(entrant.name, entrant.source, corpus, entrant.source)
    if given.columns or given.score_scale is not None:
        return replace(_kept(part, entrant.name, corpus, folder), part_of=None)
    return part


def samples(mother: Part, sizes: Sequence[float], *, seed: int, folder: Path) -> list[Part]:
    """Samples of a corpus by rising size, each part of the next, and the whole at the end.

    Sizes that the corpus does not have are passed by.

    Args:
        mother: The corpus.
        sizes: Rows, or shares below 1.
        seed: Decides the order in which rows join.
        folder: Where the samples are kept.

    Raises:
        OptionsError: no size is below the corpus' own.
    """
    rows = mother.corpus.height
    order = np.argsort(row_uniforms(seed, np.arange(rows), 0), kind="stable")
    wanted = sorted({round(size * rows) if size < 1 else int(size) for size in sizes})
    found = [
        _kept(mother, f"{mother.name}, {size:,} rows", mother.corpus[np.sort(order[:size])], folder)
        for size in wanted
        if 0 < size < rows
    ]
    if not found:
        raise OptionsError(
            f"{mother.name}: has {rows:,} rows, and no smaller size is asked of learning_curve. Add one."
        )
    return [*found, mother]


def mixes(mother: Part, column: str, folder: Path) -> list[Part]:
    """A mix, and the mix without each of its sources in the order in which they first come.

    Args:
        mother: The mix.
        column: Names the source of each row.
        folder: Where the others are kept.

    Raises:
        FrameError: there is no such column, a row has no source, or there are fewer than two sources or too many.
    """
    corpus = mother.corpus
    if column not in corpus.columns:
        raise FrameError(f"{mother.source}: has no column '{column}'; {nearest_names(column, corpus.columns)}.")
    sources = corpus[column].cast(pl.String)
    if sources.null_count():
        raise FrameError(f"{mother.source}: {sources.null_count():,} rows have no '{column}'. Fill it in.")
    every = sources.unique(maintain_order=True).to_list()
    if not 1 < len(every) <= _MOST_SOURCES:
        raise FrameError(
            f"{mother.source}: '{column}' names {len(every):,} source{'s' * (len(every) > 1)}, but from 2 to "
            f"{_MOST_SOURCES} were wanted. Name the column of sources."
        )
    return [mother, *_without_each(mother, sources, every, folder)]


def _without_each(mother: Part, sources: pl.Series, every: Sequence[str], folder: Path) -> Iterator[Part]:
    for source in every:
        rest = mother.corpus.filter(sources != source)
        yield replace(_kept(mother, f"without {source}", rest, folder), without=source)


def _kept(mother: Part, name: str, corpus: pl.DataFrame, folder: Path) -> Part:
    called = re.sub(r"\W+", "-", name).strip("-")
    # Names that differ in signs alone are not the same corpus.
    place = folder / f"{called}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.parquet"
    write_frame(corpus, place)
    return Part(name, mother.source, corpus, place, part_of=mother.name)
