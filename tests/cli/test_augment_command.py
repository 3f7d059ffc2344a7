from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pairforge.files import read_frame
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.training.tiny import scored


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "base"
    options = InitModelOptions(
        kind="transformer", dimension=16, layers=1, heads=2, max_length=24, tokenizer_from="corpus", vocabulary_size=200
    )
    return str(init_model(scored(), options=options, output=folder))


@pytest.fixture
def words(base: str, tmp_path: Path) -> list[str]:
    """A command that is done in seconds."""
    scored().write_parquet(tmp_path / "gold.parquet")
    scored().tail(9).with_columns(pl.col("sentence1") + "!").write_parquet(tmp_path / "test.parquet")
    return [
        "augment", "--gold", "gold.parquet", "--teacher", base, "--restarts", "1", "--teacher-epochs", "1",
        "--candidates", "bm25", "--top-k", "3", "--accept-weak-teacher",
    ]  # fmt: skip


def test_silver_is_made_compared_and_told(run: Callable, words: list[str], base: str) -> None:
    compared = ["--verify", "test.parquet", "--student", base, "--student-seeds", "2", "--student-steps", "2"]
    ran = run(*words, *compared, "--student-rates", "0.001", "--true", "gold.parquet")
    assert ran.code == 1
    assert "gold.parquet: knows none of the silver pairs" in ran.err
    ran = run(*words, *compared, "--student-rates", "0.001")
    assert ran.code == 0, ran.err
    assert [line.split("  ")[0] for line in ran.out.splitlines()[2:]] == [
        "untrained", "gold alone, as many epochs", "gold alone", "gold + silver",
    ]  # fmt: skip
    assert "test: silver adds " in ran.err
    assert "The teacher's rank correlation on dev is " in ran.err
    assert set(read_frame("gold.augmented.parquet")["origin"]) == {"gold", "silver"}
    again = run(*words, *compared, "--student-rates", "0.001", "--json")
    told = json.loads(again.out)
    assert {stage["status"] for stage in told["stages"]} == {"up to date"}
    assert told["output"] == "gold.augmented.parquet"
    assert told["verification"] == json.loads(Path("gold.augment/verification.json").read_text())
    assert -1 <= told["teacher_score"] <= 1


def test_a_dry_run_says_what_would_run(run: Callable, words: list[str], tmp_path: Path) -> None:
    ran = run(*words, "--dry-run")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()[2:]] == [
        "gold", "split", "teacher", "checked", "candidates", "apart", "scored", "sampled", "augmented",
    ]  # fmt: skip
    assert not (tmp_path / "gold.augment").exists()


@pytest.mark.parametrize(
    ("more", "said", "code"),
    [
        (["--candidates", "given"], ("--candidates given", "--given"), 2),
        (["--dev", "2"], ("--dev", "between 0 and 1"), 2),
        (["--sample", "kdee"], ("--sample", "kde"), 2),
        (["--teacher-ready", "other"], ("--teacher-ready", "Give one of them"), 2),
        (["--verify", "gone.parquet"], ("gone.parquet: there is no such file",), 1),
        (["--cross-domain"], ("--texts",), 2),
        (["-o", "gold.parquet"], ("gold.parquet", "-o"), 1),
    ],
)
def test_wrong_options_get_one_sentence(
    more: list[str], said: tuple[str, ...], code: int, run: Callable, words: list[str], tmp_path: Path
) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    ran = run(*words, *more)
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert [word for word in said if word not in ran.err] == [], ran.err
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("gold", "said"),
    [
        ({"sentence1": ["a"], "sentence2": ["b"], "score": [7.0]}, ("gold.parquet", "'score'", "--score-scale")),
        ({"sentence1": ["a"], "sentence2": ["b"], "score": [float("nan")]}, ("gold.parquet", "NaN")),
        ({"sentence1": ["a"], "sentence2": ["b"], "score": [0.5]}, ("gold.parquet", "all scores are 0.5")),
        ({"sentence1": ["a", "b"], "sentence2": ["b", "c"], "score": [0.5, 1.0]}, ("would get none of 2 rows",)),
        ({"sentence1": ["a", "c"], "sentence2": ["b", None], "score": [0.5, 0.1]}, ("gold.parquet", "null")),
        ({"text": ["a"]}, ("gold.parquet", "sentence1")),
        ({"sentence1": [], "sentence2": [], "score": []}, ("gold.parquet", "no rows")),
    ],
)
def test_wrong_gold_gets_one_sentence(
    gold: dict[str, list[object]], said: tuple[str, ...], run: Callable, words: list[str], tmp_path: Path
) -> None:
    pl.DataFrame(gold).write_parquet(tmp_path / "gold.parquet")
    ran = run(*words)
    assert ran.code == 1, ran.err
    assert "Traceback" not in ran.err
    error = ran.err[ran.err.index("error: ") :]
    assert [word for word in said if word not in error] == [], ran.err
    assert not (tmp_path / "gold.augmented.parquet").exists()


@pytest.mark.parametrize("score", [0.0, 0.7])
def test_gold_of_one_score_is_refused_before_a_teacher_is_trained(
    score: float, run: Callable, words: list[str], tmp_path: Path
) -> None:
    scored().with_columns(score=pl.lit(score)).write_parquet(tmp_path / "gold.parquet")
    ran = run(*words)
    assert ran.code == 1
    assert "gold.parquet: all scores are" in ran.err
    assert not (tmp_path / "gold.augment").exists()
