from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.training.tiny import scored, triplets


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "student"
    options = InitModelOptions(kind="static", dimension=16, tokenizer_from="corpus", vocabulary_size=200)
    return str(init_model(scored(), options=options, output=folder))


@pytest.fixture
def words(student: str, tmp_path: Path) -> list[str]:
    """A command that is done in seconds."""
    pairs = scored().sample(fraction=1, shuffle=True, seed=7)
    pairs.head(16).write_parquet(tmp_path / "test.parquet")
    triplets().write_parquet(tmp_path / "triplets.parquet")
    triplets().drop("negative").with_columns(pl.col(pl.String) + " now").write_parquet(tmp_path / "pairs.parquet")
    return [
        "compare", "pairs.parquet", "with=triplets.parquet", "--task", "sts:test.parquet", "--student", student,
        "--steps", "2", "--batch-size", "8", "--seeds", "2", "--bootstrap-samples", "100",
    ]  # fmt: skip


def test_corpora_are_compared_told_and_kept(run: Callable, words: list[str]) -> None:
    ran = run(*words, "--dry-run")
    assert ran.code == 0, ran.err
    assert ran.out == "6 students, of which 0 are there already; results in comparison.json.\n"
    assert not Path("comparison.trials").exists()
    ran = run(*words, "--plot", "plot.svg")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("sts:test.parquet, 16 pairs\nRank")
    assert {"pairs", "with", "untrained"} <= {word for line in ran.out.splitlines()[3:] for word in line.split()}
    assert "usual" in ran.out
    assert "with shares texts with sts:test.parquet in " in ran.err
    assert "Held equal: the student (" in ran.err
    assert Path("plot.svg").exists()
    ran = run(*words, "--dry-run")
    assert ran.out == "6 students, of which 6 are there already; results in comparison.json.\n"
    ran = run(*words, "--json", "-o", "again/two.json", "--work", "comparison.trials")
    told = json.loads(ran.out)
    assert told.pop("output") == "again/two.json"
    assert told == json.loads(Path("comparison.json").read_text(encoding="utf-8"))
    ran = run(*words, "--json", "--dry-run")
    assert json.loads(ran.out) == {"output": "comparison.json", "stages": [], "students": 6, "done": 6}


def test_a_dry_run_says_what_recipes_would_do(run: Callable, words: list[str], nli: Path) -> None:
    recipe = "[stages.p]\nstep = 'convert-nli'\nnli = 'nli.jsonl'\n[stages.t]\nstep = 'train'\ncorpus = 'stage:p'\n"
    Path("own.toml").write_text(recipe, encoding="utf-8")
    ran = run(*words, "own.toml", "--dry-run", "--set", "output=elsewhere")
    assert ran.code == 0, ran.err
    assert "elsewhere/p.parquet" in ran.out
    assert "is known once the recipes have made their corpora" in ran.out
    ran = run(*words, "own.toml")
    assert ran.code == 1
    assert "own: has " in ran.err
    assert "fewer than one batch of 8" in ran.err
    assert not Path("comparison.trials").exists()


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--task", "st:x"], 2, "--task: there is no task 'st:x'"),
        (["--rate", "0.1,0.2"], 2, "2 rates are given, but nothing to choose among them by: give --dev, or one rate"),
        (["--baseline", "wth"], 2, "--baseline wth is no corpus; did you mean with"),
        (["--steps", "0"], 2, "--steps should be a whole number at least 1, but it is '0'"),
        (["--plot", "plot.png"], 2, "plot.png: plots are drawn as SVG"),
        (["--learning-curve", "8", "--leave-one-out", "x"], 2, "--learning-curve and --leave-one-out are two"),
        (["--set", "a=b"], 2, "--set a=b is for recipes, and none is compared"),
    ],
)
def test_wrong_words_get_one_sentence(
    more: list[str], code: int, said: str, run: Callable, words: list[str], tmp_path: Path
) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    ran = run(*words, *more)
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert said in ran.err
    assert {path.name for path in tmp_path.iterdir()} == before
