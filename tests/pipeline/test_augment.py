from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pairforge.errors import FrameError, OptionsError, PairforgeError, StageError, Stopped
from pairforge.files import read_frame
from pairforge.pipeline.augment import augment, plan_augmentation, run_augmentation, teacher_score
from pairforge.pipeline.augment_options import AugmentOptions
from pairforge.pipeline.runner import StageReport
from pairforge.steps.row_texts import normalised_texts
from pairforge.steps.sentence_pairs import FIRST, SECOND, with_keys
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.training.tiny import nli, scored


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A transformer of one layer, to start the teacher from."""
    folder = tmp_path_factory.mktemp("models") / "base"
    options = InitModelOptions(
        kind="transformer", dimension=16, layers=1, heads=2, max_length=24, tokenizer_from="corpus", vocabulary_size=200
    )
    return str(init_model(scored(), options=options, output=folder))


@pytest.fixture
def options(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AugmentOptions]:
    monkeypatch.chdir(tmp_path)
    scored().write_parquet("gold.parquet")

    def made(**changed: Any) -> AugmentOptions:
        quick = {
            "teacher": base, "restarts": 1, "teacher_epochs": 1, "candidates": "bm25", "top_k": 2, "sample": "all",
            "min_teacher_score": -1.0,
        }  # fmt: skip
        if changed.get("candidates") == "given":
            del quick["top_k"]
        return AugmentOptions(**quick | changed)

    return made


def _statuses(*arguments: Any, **keywords: Any) -> dict[str, str]:
    return {
        report.name: report.outcome.status for report in run_augmentation(plan_augmentation(*arguments, **keywords))
    }


def test_gold_and_silver_come_out_and_a_second_run_does_nothing(options: Callable[..., AugmentOptions]) -> None:
    assert augment("gold.parquet", options=options()) == Path("gold.augmented.parquet")
    made = with_keys(read_frame("gold.augmented.parquet"))
    train, dev = (read_frame(f"gold.augment/split{side}.parquet") for side in ("", ".dev"))
    assert made.filter(pl.col("origin") == "gold").height == train.height
    silver = made.filter(pl.col("origin") == "silver")
    assert silver.height > 20
    assert silver["proposed_by"].unique().to_list() == ["bm25"]
    assert made.select(FIRST, SECOND).is_unique().all()
    assert made["score"].is_between(0, 1).all()
    held_out = set(normalised_texts(dev, "dev")["text"])
    assert not held_out & set(normalised_texts(made, "made")["text"])
    assert set(_statuses("gold.parquet", options=options()).values()) == {"up to date"}


def test_another_choice_of_silver_does_not_train_the_teacher_again(options: Callable[..., AugmentOptions]) -> None:
    _statuses("gold.parquet", options=options())
    again = _statuses("gold.parquet", output=Path("other.parquet"), options=options(sample="uniform", num_silver=9))
    done = {name for name, status in again.items() if status == "done"}
    assert done == {"sampled", "augmented"}
    assert (read_frame("other.parquet")["origin"] == "silver").sum() == 9


def test_a_run_that_was_stopped_goes_on(options: Callable[..., AugmentOptions]) -> None:
    def stop(report: StageReport) -> None:
        if report.name == "teacher":
            raise Stopped("now")

    with pytest.raises(Stopped):
        run_augmentation(plan_augmentation("gold.parquet", options=options()), after=stop)
    statuses = _statuses("gold.parquet", options=options())
    assert {name for name, status in statuses.items() if status == "up to date"} == {"gold", "split", "teacher"}


def test_a_weak_teacher_labels_nothing_unless_it_is_accepted(options: Callable[..., AugmentOptions]) -> None:
    scored().with_columns(pl.col("score").shuffle(seed=1)).write_parquet("gold.parquet")
    wanted = options(min_teacher_score=0.99)
    with pytest.raises(StageError, match=r"coefficient of only -?0\.\d+, below 0.99: .*--accept-weak-teacher"):
        run_augmentation(plan_augmentation("gold.parquet", options=wanted))
    assert not Path("gold.augment/candidates.parquet").exists()
    assert not Path("gold.augmented.parquet").exists()
    statuses = _statuses("gold.parquet", options=wanted.model_copy(update={"accept_weak_teacher": True}))
    assert statuses["teacher"] == "up to date"
    assert statuses["augmented"] == "done"


def test_a_perfect_teacher_scores_one_whatever_the_ties(options: Callable[..., AugmentOptions]) -> None:
    planned = plan_augmentation("gold.parquet", options=options())
    checked = planned.path_of("checked")
    checked.parent.mkdir()
    gold = [0.0, 0.0, 0.0, 1.0]
    pl.DataFrame({"gold_score": gold, "score": [0.1, 0.2, 0.3, 0.4]}).write_parquet(checked)
    assert teacher_score(planned) == pytest.approx(1)
    pl.DataFrame({"gold_score": gold, "score": [0.4, 0.3, 0.2, 0.1]}).write_parquet(checked)
    assert teacher_score(planned) == pytest.approx(-1)


@pytest.mark.parametrize("kind", ["0 to 5", "labels", "nli"])
def test_gold_may_be_on_any_scale_or_labelled(kind: str, options: Callable[..., AugmentOptions]) -> None:
    gold = {
        "0 to 5": scored().with_columns(pl.col("score") * 5),
        "labels": scored().select("sentence1", "sentence2", label=(pl.col("score") > 0.4).cast(pl.Int64)),
        "nli": nli().with_columns(label=pl.col("label").replace_strict({0: "entailment", 1: "neutral", 2: "-"})),
    }[kind]
    gold.write_parquet("gold.parquet")
    statuses = _statuses("gold.parquet", options=options(sample="kde"))
    assert set(statuses.values()) == {"done"}
    scores = read_frame("gold.augmented.parquet").filter(pl.col("origin") == "gold")["score"].unique().sort().to_list()
    assert scores == ([0.0, 0.5, 1.0] if kind == "0 to 5" else [0.0, 1.0])


def test_texts_of_another_domain_are_labelled_and_gold_left_out(options: Callable[..., AugmentOptions]) -> None:
    texts = [f"the {animal} {deed} on the mat" for animal in ("cat", "dog", "hen") for deed in ("sat", "ran")]
    pl.DataFrame({"text": texts}).write_parquet("texts.parquet")
    augment("gold.parquet", ["texts.parquet"], options=options(cross_domain=True))
    made = read_frame("gold.augmented.parquet")
    assert set(made["origin"]) == {"silver"}
    assert {*made["sentence1"], *made["sentence2"]} <= set(texts)


def test_no_sentence_of_a_dev_file_comes_back_by_the_texts(options: Callable[..., AugmentOptions]) -> None:
    held_out = pl.DataFrame(
        {
            "sentence1": ["the fox ran", "the owl sat"],
            "sentence2": ["a fox ran far", "an owl slept"],
            "score": [0.9, 0.2],
        }
    )
    held_out.write_parquet("dev.parquet")
    pl.DataFrame({"text": [*held_out["sentence1"], "a bird hops"]}).write_parquet("texts.parquet")
    augment("gold.parquet", ["texts.parquet"], options=options(dev="dev.parquet"))
    made = set(normalised_texts(read_frame("gold.augmented.parquet"), "made")["text"])
    assert not made & set(normalised_texts(held_out, "dev")["text"])
    assert "a bird hops" in made


def test_given_candidates_of_another_domain_need_no_texts(options: Callable[..., AugmentOptions]) -> None:
    given = pl.DataFrame({"sentence1": ["a cat sat", "rain fell"], "sentence2": ["the cat lay", "it was wet"]})
    given.write_parquet("given.parquet")
    augment("gold.parquet", options=options(candidates="given", given="given.parquet", cross_domain=True))
    made = read_frame("gold.augmented.parquet")
    assert made.select("sentence1", "sentence2", "origin").rows() == [(*row, "silver") for row in given.rows()]


def test_given_candidates_lose_what_is_known_of_them(options: Callable[..., AugmentOptions]) -> None:
    pairs = scored()
    pairs.head(20).write_parquet("gold.parquet")
    pairs.slice(20, 8).write_parquet("dev.parquet")
    pairs.slice(16).write_parquet("given.parquet")
    asked = options(candidates="given", given="given.parquet", dev="dev.parquet")
    augment("gold.parquet", options=asked)
    made = read_frame("gold.augmented.parquet")
    assert made["origin"].value_counts().sort("origin").rows() == [("gold", 20), ("silver", 20)]


def test_where_things_go_may_be_named(options: Callable[..., AugmentOptions], tmp_path: Path) -> None:
    output = augment("gold.parquet", output=Path("out/made.jsonl"), work=Path("kept"), options=options())
    assert read_frame(output).height > 40
    assert Path("kept/teacher.model").is_dir()
    assert not list(tmp_path.glob("gold.aug*"))


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"output": Path("gold.parquet")}, StageError, "would be written where gold.parquet is read"),
        ({"gold": "gone.parquet"}, PairforgeError, r"gone\.parquet: there is no such file"),
        ({"options": {"verify": ("gone.parquet",)}}, PairforgeError, r"gone\.parquet: there is no such file"),
        ({"options": {"cross_domain": True}}, OptionsError, "Give --texts"),
        ({"options": {"teacher": "gone/model"}}, PairforgeError, "gone/model"),
        ({"options": {"score_column": "grade"}}, FrameError, "'grade'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(
    change: dict[str, Any],
    error: type[PairforgeError],
    said: str,
    options: Callable[..., AugmentOptions],
    tmp_path: Path,
) -> None:
    asked = options(**change.get("options", {}))
    with pytest.raises(error, match=said):
        plan_augmentation(change.get("gold", "gold.parquet"), output=change.get("output"), options=asked)
    assert [path.name for path in tmp_path.iterdir()] == ["gold.parquet"]
