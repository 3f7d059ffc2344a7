"""Several recipes and seeds, with a real student of eight dimensions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.errors import OptionsError, RecipeError, Stopped
from pairforge.pipeline.runner import StageReport
from pairforge.pipeline.runner import run as run_recipe
from pairforge.pipeline.schema import Recipe, read_recipe
from pairforge.pipeline.score_table import ScoreRow, shown_rows
from pairforge.pipeline.several import RecipeRun, read_recipes, run_recipes, seeds_in

RECIPE = """
[settings]
output = "out/one"
seed = 42
start = "stage:fresh"
[published]
model = "stage:student"
metrics = { spearman_cosine = 0.6, pearson_cosine = 0.5 }
[stages.pairs]
step = "convert-nli"
nli = "nli.jsonl"
[stages.fresh]
step = "init-model"
kind = "static"
dimension = 8
tokenizer_from = "corpus"
corpus = "stage:pairs"
seed = "${seed}"
[stages.student]
step = "train"
corpus = "stage:pairs"
model = "${start}"
batch_size = 4
max_steps = 3
seed = "${seed}"
[stages.scores]
step = "evaluate"
models = ["${start}", "stage:student"]
task = "sts:sts.jsonl"
bootstrap_samples = 200
[scales.small]
start = "stage:fresh"
"""
ANIMALS = ("cat", "dog", "owl", "cow", "hen", "fox")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nli = [{"premise": f"a {a} sleeps", "hypothesis": f"the {a} rests", "label": 0} for a in ANIMALS]
    pl.DataFrame(nli).write_ndjson("nli.jsonl")
    sts = [
        {"sentence1": f"a {a} sleeps", "sentence2": f"a {b} rests", "score": float(a == b) * 4 + 0.1 * place}
        for place, a in enumerate(ANIMALS)
        for b in ANIMALS[:3]
    ]
    pl.DataFrame(sts).write_ndjson("sts.jsonl")
    Path("one.toml").write_text(RECIPE)


def ran(*names: str, settings: Sequence[str] = (), seeds: Sequence[int] = ()) -> list[RecipeRun]:
    runs = read_recipes(names, settings, seeds)
    run_recipes(runs, run_recipe)
    return runs


def table(*names: str, settings: Sequence[str] = (), seeds: Sequence[int] = ()) -> list[ScoreRow]:
    return [row for run in ran(*names, settings=settings, seeds=seeds) for row in run.rows()]


def evaluation(folder: str) -> dict[str, list[float]]:
    """Metric → value of the start and of the student."""
    models = json.loads(Path(folder, "scores.json").read_text())["tasks"][0]["models"]
    return {name: [model["metrics"][name]["value"] for model in models] for name in models[0]["metrics"]}


def test_a_recipe_is_told_by_what_was_published_and_what_came_out() -> None:
    spearman, pearson = table("one.toml")
    start, obtained = evaluation("out/one")["spearman_cosine"]
    assert (spearman.metric, spearman.published, pearson.published) == ("spearman_cosine", 0.6, 0.5)
    assert (spearman.recipe, spearman.scale, spearman.of_this_size) == ("one", "published", True)
    assert (spearman.rows, spearman.steps) == (6, 3)
    assert (spearman.start, spearman.obtained) == (start, obtained)
    assert spearman.interval is not None
    assert spearman.interval.low <= obtained <= spearman.interval.high
    assert spearman.ahead is not None
    assert spearman.ahead.value == pytest.approx(obtained - start, abs=2e-6)
    assert spearman.seconds


def test_at_another_scale_the_published_figure_is_of_another_size() -> None:
    [shown, _] = shown_rows(table("one.toml", settings=["scale=small"]))
    assert shown["Published"] == "0.6000 (other size)"
    assert shown["Scale"] == "small"


def test_a_recipe_without_a_published_score_shows_its_first_measure() -> None:
    Path("plain.toml").write_text(RECIPE.replace(RECIPE[RECIPE.index("[published]") : RECIPE.index("[stages.p")], ""))
    [row] = table("plain.toml")
    assert (row.metric, row.published) == ("spearman_cosine", None)
    assert row.obtained is not None
    assert shown_rows([row])[0]["Published"] == "–"


def test_a_recipe_that_judges_nothing_stands_in_the_table_too() -> None:
    Path("pairs.toml").write_text('[stages.pairs]\nstep = "convert-nli"\nnli = "nli.jsonl"\n')
    [row] = table("pairs.toml")
    assert row.metric is None
    assert shown_rows([row])[0]["Metric"] == "judges nothing"


def test_each_seed_gets_a_student_and_what_hangs_on_no_seed_is_made_once() -> None:
    [run] = ran("one.toml", seeds=(0, 1, 2))
    assert sorted(path.name for path in Path("out/one").glob("*") if not path.name.endswith(".manifest.json")) == [
        "pairs.parquet",
        "seed-0",
        "seed-1",
        "seed-2",
    ]
    assert [[report.outcome.status for report in reports] for reports in run.reports] == [
        ["done"] * 4,
        ["up to date", *["done"] * 3],
        ["up to date", *["done"] * 3],
    ]
    weights = {Path(f"out/one/seed-{seed}/student.model/model.safetensors").read_bytes() for seed in range(3)}
    assert len(weights) == 3


def test_over_seeds_the_table_has_means_and_a_paired_interval() -> None:
    spearman, pearson = table("one.toml", seeds=(0, 1, 2))
    for row in (spearman, pearson):
        by_seed = [evaluation(f"out/one/seed-{seed}")[row.metric or ""] for seed in range(3)]
        assert row.by_seed == pytest.approx([student for _, student in by_seed], abs=1e-6)
        assert row.obtained == pytest.approx(np.mean([student for _, student in by_seed]), abs=1e-6)
        assert row.start == pytest.approx(np.mean([start for start, _ in by_seed]), abs=1e-6)
        assert row.ahead is not None
        assert row.ahead.value == pytest.approx((row.obtained or 0) - (row.start or 0), abs=1e-6)
        assert row.ahead.low <= row.ahead.value <= row.ahead.high
        spread = np.std([student for _, student in by_seed], ddof=1)
        assert shown_rows([row])[0]["Obtained"] == f"{row.obtained:.4f} ± {spread:.4f}"


def test_a_start_that_hangs_on_no_seed_stands_for_all() -> None:
    Path("one.toml").write_text(RECIPE.replace('corpus = "stage:pairs"\nseed = "${seed}"', 'corpus = "stage:pairs"', 1))
    [row, _] = table("one.toml", seeds=(3, 4))
    assert Path("out/one/fresh.model").exists()
    starts = {evaluation(f"out/one/seed-{seed}")["spearman_cosine"][0] for seed in (3, 4)}
    assert len(starts) == 1
    assert row.start == pytest.approx(starts.pop(), abs=1e-6)


def test_a_recipe_without_the_setting_takes_no_seeds() -> None:
    Path("fixed.toml").write_text(RECIPE.replace("seed = 42\n", "").replace('seed = "${seed}"\n', ""))
    [run] = read_recipes(["fixed.toml"], seeds=(0, 1))
    assert isinstance(run.failure, RecipeError)
    assert "--seeds: the recipe has no setting 'seed': add it" in str(run.failure)


def test_one_that_fails_does_not_stop_the_others() -> None:
    Path("wrong.toml").write_text(RECIPE.replace("nli.jsonl", "none.jsonl"))
    Path("late.toml").write_text(
        RECIPE.replace("out/one", "out/late").replace("spearman_cosine = 0.6", "spearman_cosin = 0.6")
    )
    heard: list[str] = []
    runs = read_recipes(["wrong.toml", "late.toml", "one.toml"])
    run_recipes(runs, run_recipe, failed=lambda run: heard.append(run.name))
    rows = [row for run in runs for row in run.rows()]
    assert [row.recipe for row in rows] == ["wrong", "late", "one", "one"]
    assert "none.jsonl" in (rows[0].failed or "")
    assert "measures no 'spearman_cosin'; did you mean spearman_cosine" in (rows[1].failed or "")
    assert [run.failure is None for run in runs] == [False, False, True]
    assert shown_rows(rows)[0]["Metric"].startswith("failed: wrong.toml: ")
    assert heard == []


def test_a_failure_while_it_runs_is_told_and_kept() -> None:
    def work(recipe: Recipe) -> list[StageReport]:
        raise RuntimeError("the disk is on fire")

    heard: list[str] = []
    runs = read_recipes(["one.toml"])
    run_recipes(runs, work, failed=lambda run: heard.append(run.name))
    assert heard == ["one.toml"]
    assert runs[0].rows()[0].failed == "the disk is on fire"


def test_a_stop_stops_all() -> None:
    def work(recipe: Recipe) -> list[StageReport]:
        raise Stopped("now")

    with pytest.raises(Stopped):
        run_recipes(read_recipes(["one.toml", "one.toml"]), work)


@pytest.mark.parametrize(
    ("published", "sentence"),
    [
        ('stage = "score"', "published: there is no stage 'score' that evaluates; did you mean scores."),
        (
            'model = "stage:studnt"',
            "published: stage 'scores' judges no model 'stage:studnt'; did you mean stage:student",
        ),
        (
            "metrics = { spearman_cosine = 60 }",
            "metrics.spearman_cosine should be less than or equal to 1, but it is 60",
        ),
        ('metric = "x"', "'metric'"),
    ],
)
def test_a_published_table_that_fits_no_stage_is_refused(published: str, sentence: str) -> None:
    start = RECIPE.index("[published]")
    Path("one.toml").write_text(RECIPE[:start] + f"[published]\n{published}\n" + RECIPE[RECIPE.index("[stages.p") :])
    with pytest.raises(RecipeError) as refused:
        read_recipe("one.toml")
    assert sentence in str(refused.value)


def test_what_was_trained_is_told_from_what_it_is_compared_with() -> None:
    mixed = RECIPE.replace('models = ["${start}", "stage:student"]', 'models = ["stage:student", "bm25", "${start}"]')
    Path("one.toml").write_text(mixed.replace('model = "stage:student"\nmetrics', "metrics"))
    target = read_recipe("one.toml").target
    assert target is not None
    assert (target.model, target.start, target.trained) == (0, 1, "student")


@pytest.mark.parametrize("text", ["", "1,", "0,0", "a", "-1", "1.5"])
def test_seeds_are_different_whole_numbers(text: str) -> None:
    with pytest.raises(OptionsError, match="different whole numbers were wanted"):
        seeds_in(text)


def test_seeds_are_read_in_their_order() -> None:
    assert seeds_in("2, 0,11") == [2, 0, 11]
