from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError
from pairforge.evaluation.statistics import Estimate
from pairforge.execution.inputs import FileInput
from pairforge.pipeline.augment_options import AugmentOptions
from pairforge.pipeline.augment_verify import (
    GOLD,
    GOLD_PLAINLY,
    SILVER,
    TRUTH,
    UNTRAINED,
    Verification,
    findings,
    judges_of,
    truth_of,
    verify,
    with_true_scores,
)
from pairforge.pipeline.standings import Scores, Standing
from pairforge.pipeline.students import usual_rates
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.training.tiny import scored

_READING = FileInput(())


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "student"
    options = InitModelOptions(kind="static", dimension=8, tokenizer_from="corpus", vocabulary_size=200)
    return str(init_model(scored(), options=options, output=folder))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = scored()
    pairs.head(8).write_parquet("gold.parquet")
    pairs.slice(8, 6).write_parquet("dev.parquet")
    pairs.slice(14, 6).with_columns(pl.col("score") * 5).write_parquet("test.parquet")
    silver = pairs.slice(20, 24).with_columns(score=1 - pl.col("score"), origin=pl.lit("silver"))
    gold = pairs.head(8).with_columns(origin=pl.lit("gold"))
    pl.concat([gold, silver]).write_parquet("augmented.parquet")
    pairs.slice(20, 10).rename({"sentence1": "sentence2", "sentence2": "sentence1"}).write_parquet("true.parquet")


def _verified(**options: object) -> Verification:
    asked = AugmentOptions(student_seeds=2, student_rates=(0.05,), student_steps=3, verify=("test.parquet",), **options)  # type: ignore[arg-type]
    paths = (Path("gold.parquet"), Path("dev.parquet"), Path("augmented.parquet"))
    return verify(*paths, folder=Path("trials"), options=asked, reading=_READING, cache=Path("cache"))


def test_students_are_compared_at_equal_steps_and_gold_at_equal_epochs_too(files: None, student: str) -> None:
    found = _verified(student=student, true="true.parquet")
    told = {standing.name: (standing.rows, standing.steps) for standing in found.standings}
    assert told == {
        "untrained": (8, 0), GOLD_PLAINLY: (8, 1), GOLD: (8, 3), SILVER: (32, 3), TRUTH: (18, 3),
    }  # fmt: skip
    assert all(list(standing.scores) == ["dev", "test"] for standing in found.standings)
    assert [row["Trained on"] for row in found.table()] == list(told)
    assert len(found.findings) == 3
    assert Verification.model_validate_json(found.model_dump_json()) == found


def test_true_scores_take_the_place_of_silver_where_they_are_known_either_way_round() -> None:
    augmented = pl.DataFrame(
        {
            "sentence1": ["a", "b", "c", "d"],
            "sentence2": ["x", "y", "z", "w"],
            "score": [1.0, 0.5, 0.5, 0.5],
            "origin": ["gold", "silver", "silver", "silver"],
        }
    )
    truth = pl.DataFrame(
        {"sentence1": ["Y.", "c", "a", "c"], "sentence2": ["B", "z", "x", "z"], "score": [0.1, 0.2, 0.3, 0.4]}
    )
    found = with_true_scores(augmented, truth)
    assert found.rows() == [("a", "x", 1.0, "gold"), ("b", "y", 0.1, "silver"), ("c", "z", 0.2, "silver")]


def test_a_truth_that_knows_no_silver_pair_is_refused(files: None, student: str) -> None:
    pl.DataFrame({"sentence1": ["no"], "sentence2": ["such"], "label": [1]}).write_parquet("other.parquet")
    with pytest.raises(FrameError, match=r"other\.parquet: knows none of the silver pairs"):
        _verified(student=student, true="other.parquet")


def test_truth_may_be_nli(files: None) -> None:
    rows = {"premise": ["a", "b", "c"], "hypothesis": ["d", "e", "f"], "label": ["entailment", "neutral", "-"]}
    pl.DataFrame(rows).write_parquet("nli.parquet")
    truth = truth_of(AugmentOptions(true="nli.parquet", verify=("test.parquet",)), _READING)
    assert truth is not None
    assert truth["score"].to_list() == [1.0, 0.0]
    assert truth_of(AugmentOptions(), _READING) is None


def test_the_truth_about_given_candidates_may_stand_in_their_own_file(files: None) -> None:
    asked = {"candidates": "given", "verify": ("test.parquet",)}
    known = truth_of(AugmentOptions(given="true.parquet", **asked), _READING)  # type: ignore[arg-type]
    assert known is not None
    assert known.height == 10
    pl.read_parquet("true.parquet").drop("score").write_parquet("bare.parquet")
    assert truth_of(AugmentOptions(given="bare.parquet", **asked), _READING) is None  # type: ignore[arg-type]
    assert truth_of(AugmentOptions(candidates="given", given="true.parquet"), _READING) is None


def test_judges_are_named_by_their_stems_where_that_is_enough(files: None, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("more/test.parquet", "more/other.parquet"):
        pl.read_parquet("test.parquet").write_parquet(name)
    asked = AugmentOptions(verify=("test.parquet", "more/test.parquet", "more/other.parquet", "dev.parquet"))
    judges = judges_of(asked, _READING)
    assert list(judges) == ["test.parquet", "more/test.parquet", "other", "dev.parquet"]
    assert judges["other"]["score"].max() == 1


def test_rates_suit_the_student(student: str) -> None:
    assert usual_rates("static") == (0.01, 0.03, 0.1)
    assert usual_rates(student) == (0.003, 0.01, 0.03)


def test_findings_say_what_steps_alone_would_have_done() -> None:
    def standing(name: str, score: float, steps: int, ahead: Estimate | None = None) -> Standing:
        scores = {"dev": Scores(by_seed=(score, score)), "test": Scores(by_seed=(score, score), ahead=ahead)}
        return Standing(name=name, rows=10, steps=steps, rate=0.1, scores=scores)

    standings = [
        standing(UNTRAINED, 0.50, 0), standing(GOLD_PLAINLY, 0.60, 30), standing(GOLD, 0.70, 300),
        standing(SILVER, 0.72, 300, Estimate(0.02, -0.01, 0.05)), standing(TRUTH, 0.75, 300),
    ]  # fmt: skip
    named = {found.name: found for found in standings}
    told = findings(named, ["test"], teacher_score=0.5)
    assert told == [
        "test: silver adds +0.0200 (-0.0100 to +0.0500, unclear) to gold alone, both at 300 steps.",
        "test: compared plainly, as many epochs of each (30 steps of gold alone), it would seem to add +0.1200; what "
        "that is more is the steps, not the silver.",
        "test: gold and silver reach 96.0% of what all true labels give.",
    ]
    weaker, *others = findings(named, ["test"], teacher_score=0.45)
    assert "the student ranks it better untrained (0.500) than the teacher does (0.450)" in weaker
    assert others == told
