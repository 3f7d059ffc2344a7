from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError, OptionsError, RecipeError
from pairforge.execution.inputs import FileInput
from pairforge.pipeline.entrants import Entrant, Part, entrants_in, mixes, samples, whole
from tests.training.tiny import triplets

_RECIPE = """
[settings]
output = "made"
to = "pair"
[stages.pairs]
step = "convert-nli"
nli = "nli.jsonl"
to = "${to}"
[stages.unused]
step = "convert-nli"
nli = "nli.jsonl"
[stages.other]
step = "split-corpus"
corpus = "stage:pairs"
[stages.student]
step = "train"
corpus = "stage:other.dev"
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _mother() -> Part:
    return Part("mother", "mother.parquet", triplets(), "mother.parquet")


def test_corpora_are_called_by_their_files_or_as_asked() -> None:
    Path("a=b.parquet").touch()
    found = entrants_in(["a/one.pairs.parquet", "mined=b/c=d.parquet", "hub:x/y:train", "a=b.parquet"])
    assert [(one.name, one.source) for one in found] == [
        ("one", "a/one.pairs.parquet"),
        ("mined", "b/c=d.parquet"),
        ("hub:x/y:train", "hub:x/y:train"),
        ("a=b", "a=b.parquet"),
    ]
    assert [one.name for one in entrants_in({"x": "a.parquet", "y": Path("a.parquet")})] == ["x", "y"]
    with pytest.raises(OptionsError, match=r"two corpora are called c\. Name them apart, as OTHER=FILE"):
        entrants_in(["a/c.parquet", "b/c.parquet"])


def test_of_a_recipe_the_stages_up_to_the_last_training_are_taken() -> None:
    Path("nli.jsonl").write_text('{"premise": "a", "hypothesis": "b", "label": 0}\n', encoding="utf-8")
    Path("own.toml").write_text(_RECIPE, encoding="utf-8")
    (found,) = entrants_in(["own.toml"], ["to=triplet"])
    assert found.name == "own"
    assert found.recipe is not None
    assert found.recipe.names == ["pairs", "other"]
    assert found.source == "made/other.dev.parquet"
    assert found.recipe.stages[0].stage.options.to == "triplet"  # type: ignore[attr-defined]
    with pytest.raises(OptionsError, match="--set to=triplet is for recipes, and none is compared"):
        entrants_in(["a.parquet"], ["to=triplet"])


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("[stages.other]\nstep = 'decontaminate'\ncorpus = 'stage:pairs'\nagainst = 'nli.jsonl'", "has no train stage"),
        ("[stages.s]\nstep = 'train'\ncorpus = ['stage:pairs', 'stage:pairs']", "stage s trains on 2 corpora"),
    ],
)
def test_a_recipe_that_trains_on_no_one_corpus_is_refused(last: str, said: str) -> None:
    Path("nli.jsonl").write_text('{"premise": "a", "hypothesis": "b", "label": 0}\n', encoding="utf-8")
    stages = _RECIPE.partition("[stages.unused]")[0] + last
    Path("own.toml").write_text(stages, encoding="utf-8")
    with pytest.raises(RecipeError, match=said):
        entrants_in(["own.toml"])


def test_a_corpus_with_names_of_its_own_is_kept_under_those_of_its_shape() -> None:
    triplets().rename({"anchor": "query"}).write_parquet("own.parquet")
    given = FileInput(("own.parquet",), {"anchor": "query"})
    part = whole(Entrant("own", given), Path("kept"))
    assert pl.read_parquet(part.place).equals(triplets())
    assert (part.source, part.part_of) == ("own.parquet", None)


def test_a_smaller_sample_is_part_of_every_larger_one() -> None:
    parts = samples(_mother(), [0.5, 10, 100, 0.25, 24], seed=3, folder=Path("kept"))
    assert [part.corpus.height for part in parts] == [10, 12, 24, 48]
    assert (parts[-1].name, parts[-1].place) == ("mother", "mother.parquet")
    assert [part.part_of for part in parts] == ["mother", "mother", "mother", None]
    for smaller, larger in pairwise(parts):
        assert smaller.corpus.join(larger.corpus, on="anchor", how="anti").is_empty()
        assert pl.read_parquet(smaller.place).equals(smaller.corpus)
    again = samples(_mother(), [10], seed=4, folder=Path("kept"))
    assert not again[0].corpus.equals(parts[0].corpus)
    with pytest.raises(OptionsError, match="mother: has 48 rows, and no smaller size"):
        samples(_mother(), [48, 1000], seed=3, folder=Path("kept"))


def test_a_mix_is_taken_apart_by_source() -> None:
    corpus = triplets().with_columns(source=pl.Series(["a b", "a-b", "c"] * 16))
    mother = Part("mix", "mix.parquet", corpus, "mix.parquet")
    parts = mixes(mother, "source", Path("kept"))
    assert [part.name for part in parts] == ["mix", "without a b", "without a-b", "without c"]
    assert [part.without for part in parts] == [None, "a b", "a-b", "c"]
    for part in parts[1:]:
        kept = pl.read_parquet(part.place)
        assert kept.height == 32
        assert part.without not in kept["source"]


@pytest.mark.parametrize(
    ("sources", "column", "said"),
    [
        (["a"], "source", "'source' names 1 source, but from 2 to 50 were wanted"),
        (["a", None], "source", "24 rows have no 'source'"),
        (["a", "b"], "sources", "has no column 'sources'; did you mean source"),
        ([f"{row}" for row in range(48)] + ["x", "y", "z"], "source", "names 51 sources"),
    ],
)
def test_a_mix_without_clear_sources_is_refused(sources: list[str | None], column: str, said: str) -> None:
    every = (sources * 48)[: max(48, len(sources))]
    corpus = pl.concat([triplets(), triplets()]).head(len(every)).with_columns(source=pl.Series(every))
    with pytest.raises(FrameError, match=f"mix.parquet: .*{said}"):
        mixes(Part("mix", "mix.parquet", corpus, "mix.parquet"), column, Path("kept"))
