from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FileError, FrameError, ModelError, OptionsError, StageError
from pairforge.evaluation.statistics import paired_bootstrap
from pairforge.pipeline.compare import compare, plan_comparison, run_comparison
from pairforge.pipeline.compare_options import CompareOptions
from pairforge.pipeline.compare_results import Comparison, read_comparison
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.tiny_models import save_cross_encoder
from tests.training.tiny import classed, listed, scored, triplets

_RECIPE = """
[settings]
output = "made"
[stages.pairs]
step = "convert-nli"
nli = "nli.jsonl"
to = "pair"
[stages.student]
step = "train"
corpus = "stage:pairs"
"""


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "student"
    options = InitModelOptions(kind="static", dimension=16, tokenizer_from="corpus", vocabulary_size=200)
    return str(init_model(scored(), options=options, output=folder))


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = scored().sample(fraction=1, shuffle=True, seed=7)
    pairs.head(16).write_parquet("test.parquet")
    pairs.slice(16, 16).write_parquet("dev.parquet")
    triplets().with_columns(source=pl.Series(["a", "b"] * 24)).write_parquet("triplets.parquet")
    triplets().drop("negative").write_parquet("pairs.parquet")
    pairs.write_parquet("scored.parquet")


def _options(student: str, **changes: object) -> CompareOptions:
    asked = {"task": ("sts:test.parquet",), "student": student, "steps": 3, "batch_size": 8, "seeds": 2,
             "bootstrap_samples": 100, "rate": (0.1,), **changes}  # fmt: skip
    return CompareOptions(**asked)  # type: ignore[arg-type]


def _trials() -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in Path("comparison.trials").glob("*.predictions")}


def test_corpora_of_any_shape_are_compared_at_their_own_best_rates(student: str) -> None:
    corpora = ["pairs.parquet", "triplets.parquet", "gold=scored.parquet"]
    tasks = ("sts:test.parquet", "pairs:scored.parquet")
    found = compare(corpora, options=_options(student, task=tasks, dev="sts:dev.parquet", rate=(0.001, 0.1)))
    assert [corpus.name for corpus in found.corpora] == ["untrained", "pairs", "triplets", "gold"]
    assert [corpus.loss for corpus in found.trained] == ["multiple-negatives-ranking"] * 2 + ["cosent"]
    assert all(corpus.rate in (0.001, 0.1) for corpus in found.trained)
    assert {corpus.epochs for corpus in found.trained} == {0.5}
    for corpus in found.corpora:
        assert list(corpus.tasks) == list(tasks)
        reached = corpus.tasks["sts:test.parquet"].measures
        assert list(reached) == ["spearman", "pearson"]
        assert (reached["spearman"].ahead is None) == (corpus.name == "pairs")
        assert reached["spearman"].around.low <= reached["spearman"].mean <= reached["spearman"].around.high
    assert any("differ in shape and so in loss" in note for note in found.notes)
    assert found.conclusion[0].startswith("sts:test.parquet: ")
    assert read_comparison(Path("comparison.json")) == found
    page = Path("comparison.md").read_text(encoding="utf-8")
    assert page.count("| gold |") == 2
    assert all(sentence in page for sentence in (*found.conclusion, *found.notes))


def test_a_corpus_may_have_a_loss_of_its_own_and_its_samples_have_it_too(student: str) -> None:
    corpora = ["pairs.parquet", "gold=scored.parquet"]
    found = compare(corpora, options=_options(student, loss_of=("gold=cosine",), learning_curve=(8,)))
    losses = {corpus.name: corpus.loss for corpus in found.trained}
    assert set(losses.values()) == {"multiple-negatives-ranking", "cosine-similarity"}
    assert all((loss == "cosine-similarity") == name.startswith("gold") for name, loss in losses.items())


def test_whatever_evaluate_judges_by_judges_corpora_too(student: str) -> None:
    tasks = ("retrieval:pairs.parquet", "triplets:triplets.parquet", "clustering:classes.parquet")
    classed().write_parquet("classes.parquet")
    found = compare(["scored.parquet", "triplets.parquet"], options=_options(student, task=tasks, cutoff=(10,)))
    assert [task.measures[0] for task in found.tasks] == ["ndcg@10", "accuracy", "v_measure"]
    for corpus in found.trained:
        assert all(
            0 < on.measures[task.measures[0]].mean <= 1
            for on, task in zip(corpus.tasks.values(), found.tasks, strict=True)
        )
    # Of a search the queries count alone: documents are there to be known.
    shared = found.corpora[2].tasks["retrieval:pairs.parquet"].shared_rows
    assert shared == 48
    assert found.conclusion[0].startswith("retrieval:pairs.parquet: ")


def test_intervals_are_those_of_the_kept_predictions(student: str) -> None:
    found = compare(["pairs.parquet", "triplets.parquet"], options=_options(student))
    kept = {
        name: [
            pl.read_parquet(next(Path("comparison.trials").glob(f"{name}-0.1-{seed}-*/0.parquet")))["cosine"]
            for seed in (0, 1)
        ]
        for name in ("pairs", "triplets")
    }
    gold = pl.read_parquet("test.parquet")["score"]
    wanted = paired_bootstrap(kept["triplets"], kept["pairs"], gold, samples=100)
    assert found.corpora[2].tasks["sts:test.parquet"].measures["spearman"].ahead == wanted


def test_a_second_run_trains_nobody_and_gives_the_same_bytes(student: str) -> None:
    asked = ["pairs.parquet", "triplets.parquet"]
    compare(asked, options=_options(student), plot="plot.svg")
    trials, written = _trials(), [Path(name).read_bytes() for name in ("comparison.json", "comparison.md", "plot.svg")]
    compare(asked, options=_options(student), plot="plot.svg")
    assert _trials() == trials
    assert [Path(name).read_bytes() for name in ("comparison.json", "comparison.md", "plot.svg")] == written
    # Another corpus, another baseline and other intervals cost its own trials alone.
    more = _options(student, baseline="triplets", confidence=0.9, bootstrap_samples=200)
    compare([*asked, "scored.parquet"], options=more)
    assert {name: when for name, when in _trials().items() if name in trials} == trials
    assert len(_trials()) == len(trials) + 2


def test_two_files_of_one_content_are_never_called_different(student: str) -> None:
    Path("again.parquet").write_bytes(Path("pairs.parquet").read_bytes())
    found = compare(["pairs.parquet", "again.parquet"], options=_options(student))
    reached = [corpus.tasks["sts:test.parquet"] for corpus in found.trained]
    assert [on.rank for on in reached] == ["1–2", "1–2"]
    assert reached[1].measures["spearman"].ahead is not None
    assert not reached[1].measures["spearman"].ahead.excludes_zero


def test_a_learning_curve_has_a_point_for_each_size(student: str) -> None:
    asked = _options(student, learning_curve=(8, 0.5))
    found = compare(["pairs.parquet", "triplets.parquet"], options=asked, plot="curve.svg")
    assert [(corpus.name, corpus.rows, corpus.part_of) for corpus in found.trained] == [
        ("pairs, 8 rows", 8, "pairs"), ("pairs, 24 rows", 24, "pairs"), ("pairs", 48, None),
        ("triplets, 8 rows", 8, "triplets"), ("triplets, 24 rows", 24, "triplets"), ("triplets", 48, None),
    ]  # fmt: skip
    assert found.conclusion[0].startswith("pairs: from 8 to 24 rows ")
    assert all(on.rank is None for corpus in found.corpora for on in corpus.tasks.values())
    assert "Rank" not in found.table(found.tasks[0])[0]
    assert "untrained" in Path("curve.svg").read_text(encoding="utf-8")


def test_each_source_of_a_mix_is_left_out(student: str) -> None:
    found = compare(["triplets.parquet"], options=_options(student, leave_one_out="source"), plot="mix.svg")
    assert [corpus.name for corpus in found.trained] == ["triplets", "without a", "without b"]
    assert [sentence.split()[0] for sentence in found.conclusion[:2]] == ["a", "b"]
    assert found.baseline == "triplets"


def test_a_recipe_is_run_up_to_the_corpus_of_its_training(student: str) -> None:
    rows = triplets().select(premise="anchor", hypothesis="positive", label=pl.lit(0))
    rows.write_ndjson("nli.jsonl")
    Path("own.toml").write_text(_RECIPE, encoding="utf-8")
    planned = plan_comparison(["own.toml", "triplets.parquet"], options=_options(student))
    assert not planned.is_made
    assert [stage.name for stage in planned.recipe_plans()] == ["pairs"]
    found = run_comparison(planned)
    assert {path.name for path in Path("made").iterdir()} == {"pairs.parquet", "pairs.parquet.manifest.json"}
    assert [corpus.source for corpus in found.trained] == ["made/pairs.parquet", "triplets.parquet"]
    assert planned.is_made
    assert planned.trainings() == (6, 6)


def test_a_corpus_that_shares_texts_with_a_task_is_named_before_students_are_trained(student: str) -> None:
    said: list[str] = []
    pl.read_parquet("pairs.parquet").with_columns(pl.col(pl.String) + " now").write_parquet("clean.parquet")
    planned = plan_comparison(["scored.parquet", "clean.parquet"], options=_options(student))
    found = run_comparison(planned, say=said.append)
    (sentence,) = said
    shared = found.corpora[1].tasks["sts:test.parquet"].shared_rows
    assert shared is not None
    assert shared >= 16
    assert sentence.startswith(f"scored shares texts with sts:test.parquet in {shared} of 48 rows (")
    assert sentence in found.notes
    assert found.corpora[2].tasks["sts:test.parquet"].shared_rows == 0


def test_a_fresh_student_learns_too() -> None:
    asked = _options("static", steps=1, bootstrap_samples=100)
    found = compare(["pairs.parquet", "scored.parquet"], options=asked)
    assert "static of 512 dimensions from random weights" in found.conclusion[-1]
    by_seed = found.corpora[0].tasks["sts:test.parquet"].measures["spearman"].by_seed
    assert len(set(by_seed)) == 2


@pytest.mark.parametrize(
    ("corpora", "changes", "kind", "said"),
    [
        (["pairs.parquet"], {}, OptionsError, "there is one corpus, but a comparison needs two"),
        (["pairs.parquet", "x/pairs.parquet"], {}, OptionsError, "two corpora are called pairs"),
        (["pairs.parquet", "untrained=triplets.parquet"], {}, OptionsError, "a corpus is called untrained"),
        (["pairs.parquet", "nosuch.parquet"], {}, FileError, "nosuch.parquet: there is no such file"),
        (["pairs.parquet", "triplets.parquet"], {"batch_size": 49}, FrameError, "pairs: has 48 rows, fewer than one"),
        (["gold=scored.parquet", "pairs.parquet"], {"batch_size": 49}, FrameError, "gold: has 48 rows, fewer than one"),
        (["pairs.parquet", "triplets.parquet"], {"task": ("sts:none.parquet",)}, FileError, "none.parquet"),
        (["pairs.parquet", "triplets.parquet"], {"dev": "sts:copy.parquet"}, OptionsError,
         "sts:copy.parquet: holds the same as sts:test.parquet"),
        (["pairs.parquet", "lists.parquet"], {}, FrameError,
         "lists: has the shape labelled list, from which no encoder can learn"),
        (["pairs.parquet", "scored.parquet"], {"loss": "multiple-negatives-ranking"}, FrameError,
         "scored: has the columns"),
        (["pairs.parquet", "triplets.parquet"], {"baseline": "pair"}, OptionsError, "is no corpus; did you mean pairs"),
        (["pairs.parquet", "triplets.parquet"], {"loss_of": ("pair=mnr",)}, OptionsError,
         "loss_of: 'pair' is no corpus; did you mean pairs"),
        (["pairs.parquet", "triplets.parquet"], {"leave_one_out": "source"}, OptionsError, "takes one mix apart"),
        (["pairs.parquet"], {"leave_one_out": "source"}, FrameError, "pairs.parquet: has no column 'source'"),
        (["pairs.parquet"], {"learning_curve": (4,)}, FrameError, "pairs, 4 rows: has 4 rows, fewer than one batch"),
        (["pairs.parquet"], {"learning_curve": (100,)}, OptionsError, "no smaller size is asked of learning_curve"),
        (["pairs.parquet", "triplets.parquet"], {"student": "no/such/model"}, ModelError, "no/such/model: "),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_gets_one_sentence_before_anything_is_trained(
    corpora: list[str], changes: dict[str, object], kind: type[Exception], said: str, student: str
) -> None:
    listed().write_parquet("lists.parquet")
    Path("copy.parquet").write_bytes(Path("test.parquet").read_bytes())
    with pytest.raises(kind) as raised:
        compare(corpora, options=_options(**{"student": student, **changes}))  # type: ignore[arg-type]
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not Path("comparison.trials").exists()
    assert not Path("comparison.json").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dev": "sts:test.parquet"}, "is a task that is reported as well"),
        ({"rate": (0.1, 0.2)}, "2 rates are given, but nothing to choose among them by"),
        ({"rate": (0.0,)}, "a learning rate is above 0"),
        ({"dev": "st:test.parquet"}, "there is no task 'st:test.parquet'"),
        ({"learning_curve": (8,), "leave_one_out": "source"}, "are two comparisons"),
        ({"loss_of": ("cosine",)}, "should be NAME=LOSS"),
        ({"loss_of": ("a=cosin",)}, "there is no loss 'cosin'; did you mean cosine"),
        ({"loss_of": ("a=cosine", "a=mnr")}, "names two losses for a"),
        ({"learning_curve": ("1.5",)}, "a whole number of rows or a share"),
    ],
)
def test_options_at_odds_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(OptionsError, match=said):
        _options("static", **changes)


def test_a_student_that_is_no_encoder_is_refused_by_its_own_flag(tmp_path: Path) -> None:
    student = save_cross_encoder(tmp_path / "cross")
    with pytest.raises(ModelError, match=r"cross: the model is a cross-encoder, .*; name .* with --student\."):
        plan_comparison(["pairs.parquet", "triplets.parquet"], options=_options(str(student)))


def test_results_of_other_making_are_not_replaced_unasked(student: str) -> None:
    Path("comparison.md").write_text("mine", encoding="utf-8")
    asked = (["pairs.parquet", "triplets.parquet"],)
    with pytest.raises(StageError, match=r"comparison\.json: it or comparison\.md exists, and no comparison made it"):
        plan_comparison(*asked, options=_options(student))
    with pytest.raises(OptionsError, match=r"result\.csv: results are written as JSON"):
        plan_comparison(*asked, options=_options(student), output="result.csv")
    with pytest.raises(StageError, match="would be written where"):
        plan_comparison(*asked, options=_options(student), output="other.json", plot="pairs.parquet")
    compare(*asked, options=_options(student), overwrite=True)
    assert Path("comparison.md").read_text(encoding="utf-8") != "mine"


def test_a_kill_loses_one_trial_at_most(student: str) -> None:
    asked = _options(student, seeds=3)
    code = (
        "from pairforge.pipeline.compare import compare\n"
        "from pairforge.pipeline.compare_options import CompareOptions\n"
        f"options = CompareOptions.model_validate_json({asked.model_dump_json()!r})\n"
        "compare(['pairs.parquet', 'triplets.parquet'], options=options)\n"
    )
    running = subprocess.Popen([sys.executable, "-c", code], env=os.environ)
    while len(_trials()) < 3 and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = _trials()
    found = compare(["pairs.parquet", "triplets.parquet"], options=asked)
    lost = {name for name, when in kept.items() if _trials()[name] != when}
    assert len(lost) <= 1
    Path("again").mkdir()
    undisturbed = compare(["pairs.parquet", "triplets.parquet"], options=asked, output="again/comparison.json")
    assert undisturbed == found
    assert Comparison.model_validate(json.loads(Path("comparison.json").read_text(encoding="utf-8"))) == found
