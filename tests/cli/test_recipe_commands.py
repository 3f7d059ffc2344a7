from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pairforge

_RECIPE = """
description = "Pairs with random negatives."
[settings]
output = "out"
source = "nli.jsonl"
[stages.pairs]
step = "convert-nli"
nli = "${source}"
[stages.mined]
step = "mine-negatives"
pairs = "stage:pairs"
strategy = "easy"
num_negatives = 1
"""


@pytest.fixture
def recipe(tmp_path: Path, nli: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(_RECIPE, encoding="utf-8")
    return path


def test_a_recipe_runs_and_says_what_each_stage_made(run: Callable, recipe: Path) -> None:
    done = run("run", recipe)
    assert (done.code, done.out) == (0, "")
    assert "✓ pairs  nli.jsonl → out/pairs.parquet" in done.err
    assert "✓ mined  out/pairs.parquet → out/mined.parquet" in done.err
    assert "mined  out/mined.parquet" in done.err.split("what it made:")[1]
    assert "-o names another" not in done.err


def test_a_recipe_that_is_done_says_so_and_loads_nothing_heavy(run: Callable, recipe: Path) -> None:
    run("run", recipe)
    assert "mined: out/mined.parquet is up to date.\n" in run("run", recipe).err
    code = f"import sys\nfrom pairforge.cli.app import main\nassert main(['run', '{recipe}']) == 0\n" + (
        "assert not {'torch', 'sentence_transformers', 'transformers', 'datasets', 'faiss'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_a_dry_run_shows_the_plan_and_makes_nothing(run: Callable, recipe: Path, tmp_path: Path) -> None:
    planned = run("run", recipe, "--dry-run")
    assert planned.code == 0
    assert "will run" in planned.out
    assert "waits for pairs" in planned.out
    assert not (tmp_path / "out").exists()


def test_json_of_a_run_is_one_object(run: Callable, recipe: Path) -> None:
    told = json.loads(run("run", recipe, "--json").out)
    assert [stage["stage"] for stage in told["recipes"][0]["stages"]] == ["pairs", "mined"]
    planned = json.loads(run("run", recipe, "--dry-run", "--json").out)
    assert [stage["intent"] for stage in planned["recipes"][0]["stages"]] == ["up to date"] * 2


def test_settings_and_stage_keys_can_be_changed(run: Callable, recipe: Path, tmp_path: Path) -> None:
    assert run("run", recipe, "--set", "output=elsewhere", "--set", "pairs.bidirectional=true").code == 0
    assert pairforge.read_frame(tmp_path / "elsewhere" / "pairs.parquet").height == 4


def test_one_stage_alone_can_be_run(run: Callable, recipe: Path, tmp_path: Path) -> None:
    assert run("run", recipe, "--only", "pairs").code == 0
    assert not (tmp_path / "out" / "mined.parquet").exists()
    assert run("run", recipe, "--from", "mined").code == 0
    assert (tmp_path / "out" / "mined.parquet").exists()


def test_a_stage_cannot_be_chosen_among_several_recipes(run: Callable, recipe: Path) -> None:
    refused = run("run", recipe, recipe, "--only", "pairs")
    assert refused.code == 2
    assert "--only names a stage of one recipe" in refused.err


def test_shipped_recipes_are_listed(run: Callable) -> None:
    assert run("recipes").code == 0
    assert isinstance(json.loads(run("recipes", "--json").out)["recipes"], list)


def test_python_runs_a_recipe_too(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reports = pairforge.run_recipe(recipe, only="pairs")
    assert [report.outcome.status for report in reports] == ["done"]


_SCORED = """
[settings]
output = "out/{name}"
seed = 42
[published]
metrics = {{ spearman_cosine = 0.9 }}
[stages.fresh]
step = "init-model"
kind = "static"
dimension = {dimension}
tokenizer_from = "corpus"
corpus = {{ source = "nli.jsonl" }}
seed = "${{seed}}"
[stages.scores]
step = "evaluate"
models = "stage:fresh"
task = "sts:sts.jsonl"
bootstrap_samples = 100
"""


@pytest.fixture
def two(tmp_path: Path, nli: Path) -> list[Path]:
    """Two recipes that judge a fresh model, the second of them wrong."""
    rows = [{"sentence1": f"A cat {v}.", "sentence2": "The cat rests.", "score": s} for s, v in enumerate("abc")]
    (tmp_path / "sts.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    paths = [tmp_path / f"{name}.toml" for name in ("right", "wrong")]
    for path, dimension in zip(paths, (8, 0), strict=True):
        path.write_text(_SCORED.format(name=path.stem, dimension=dimension))
    return paths


def test_several_recipes_end_with_one_table_and_one_that_fails_with_an_exit_code(
    run: Callable, two: list[Path]
) -> None:
    done = run("run", *two)
    assert done.code == 1
    assert "error: " in done.err
    assert "dimension should be greater than or equal to 1" in done.err
    heading, _, right, wrong = done.out.splitlines()[-4:]
    assert heading.split()[:4] == ["Recipe", "Scale", "Metric", "Published"]
    assert right.split()[:4] == ["right", "–", "spearman_cosine", "0.9000"]
    assert wrong.startswith("wrong")
    assert "failed: " in wrong


def test_the_table_is_in_json_too(run: Callable, two: list[Path]) -> None:
    done = run("run", *two, "--json")
    told = json.loads(done.out)
    assert done.code == 1
    assert [(row["recipe"], row["published"], row["failed"] is None) for row in told["table"]] == [
        ("right", 0.9, True),
        ("wrong", None, False),
    ]
    assert "dimension" in told["recipes"][1]["failed"]


def test_seeds_are_run_one_after_the_other(run: Callable, two: list[Path], tmp_path: Path) -> None:
    done = run("run", two[0], "--seeds", "3,5")
    assert done.code == 0
    assert "±" in done.out.splitlines()[-1]
    assert {path.name for path in (tmp_path / "out/right").iterdir() if path.is_dir()} == {"seed-3", "seed-5"}
    told = json.loads(run("run", two[0], "--seeds", "3,5", "--json").out)
    assert [ran["seed"] for ran in told["recipes"][0]["seeds"]] == [3, 5]
    assert len(told["table"][0]["by_seed"]) == 2
    planned = run("run", two[0], "--seeds", "3,5", "--dry-run")
    assert planned.out.count("up to date") == 4
    heads = [line for line in planned.out.splitlines() if line.endswith(":")]
    assert heads == [f"{two[0]}, seed 3:", f"{two[0]}, seed 5:"]


def test_one_recipe_that_is_wrong_gives_its_sentence_alone(run: Callable, two: list[Path]) -> None:
    refused = run("run", two[1])
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.count("error: ") == 1
