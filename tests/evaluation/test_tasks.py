from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FileError, FrameError
from pairforge.evaluation.pair_tasks import LabelledPairs, Reading, ScoredPairs
from pairforge.evaluation.task import Task
from pairforge.evaluation.tasks import read_task, source_of

ROWS = [
    {"sentence1": "a cat", "sentence2": "one cat", "score": 5.0},
    {"sentence1": "a cat", "sentence2": "a dog", "score": 2.0},
    {"sentence1": "a cat", "sentence2": "rain", "score": 0.0},
]


PLAIN = Reading({}, None)


def _written(folder: Path, rows: pl.DataFrame, kind: str = "sts") -> str:
    path = folder / "pairs.parquet"
    rows.write_parquet(path)
    return f"{kind}:{path}"


def pairs_of(task: Task) -> pl.DataFrame:
    assert isinstance(task, ScoredPairs | LabelledPairs)
    return task.pairs


@pytest.mark.parametrize(
    ("task", "source"),
    [
        ("sts:a/b.csv", "a/b.csv"),
        ("sts:hub:x/y:test", "hub:x/y:test"),
        ("stsb", "hub:sentence-transformers/stsb:test"),
        ("pairs:a.csv", "a.csv"),
        ("sts12", "hub:mteb/sts12-sts:test"),
        ("STS16", "hub:mteb/sts16-sts:test"),
        ("SICK", "hub:mteb/sickr-sts:test"),
        ("classification:folder", "folder"),
        ("clustering:a.csv", "a.csv"),
        ("triplets:a.csv", "a.csv"),
        ("sts:", None),
        ("stsbenchmark", None),
        ("STS:a.csv", None),
    ],
)
def test_a_task_names_where_its_rows_come_from(task: str, source: str | None) -> None:
    assert source_of(task) == source


def test_scores_up_to_five_are_brought_to_one_and_the_guess_is_told(tmp_path: Path) -> None:
    task = read_task(_written(tmp_path, pl.DataFrame(ROWS)), PLAIN)
    assert pairs_of(task)["score"].to_list() == [1.0, 0.4, 0.0]
    assert any("by 5" in guess for guess in task.guesses)


def test_other_column_names_are_guessed_or_given(tmp_path: Path) -> None:
    raw = pl.DataFrame(ROWS).rename({"sentence1": "sentence_A", "sentence2": "right", "score": "relatedness_score"})
    task = read_task(_written(tmp_path, raw), Reading({"sentence2": "right"}, None))
    assert pairs_of(task)["sentence2"].to_list() == ["one cat", "a dog", "rain"]
    assert any("sentence_A" in guess for guess in task.guesses)


def test_a_score_scale_can_be_given(tmp_path: Path) -> None:
    raw = pl.DataFrame(ROWS).with_columns(pl.col("score") * 20)
    task = read_task(_written(tmp_path, raw), Reading({}, 100))
    assert pairs_of(task)["score"].to_list() == [1.0, 0.4, 0.0]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (ROWS[:1], "needs two rows or more"),
        ([row | {"score": 3.0} for row in ROWS], "all 3 scores are equal"),
        ([row | {"score": float("nan")} for row in ROWS], "NaN or an infinity"),
        ([row | {"score": 40.0} for row in ROWS], "--score-scale"),
        ([{"sentence1": "a", "score": 1.0}], "--sentence2-column"),
    ],
)
def test_rows_that_judge_nothing_get_one_sentence(tmp_path: Path, rows: list[dict[str, object]], fault: str) -> None:
    with pytest.raises(FrameError, match=fault) as error:
        read_task(_written(tmp_path, pl.DataFrame(rows)), PLAIN)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("task", "dataset"),
    [("stsb", "sentence-transformers/stsb"), ("STS14", "mteb/sts14-sts"), ("sick", "mteb/sickr-sts")],
)
def test_a_named_task_out_of_reach_says_what_to_put_where(task: str, dataset: str) -> None:
    with pytest.raises(FileError, match=f"test split of https://huggingface.co/datasets/{dataset} .*") as error:
        read_task(task, PLAIN)
    assert f"--task-data {task.lower()}=FILE" in str(error.value)


def test_a_file_of_ones_own_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file") as error:
        read_task("sts13", Reading({}, None, {"sts13": str(tmp_path / "no.csv")}))
    assert "hub" not in str(error.value)


LABELLED = pl.DataFrame(ROWS).select("sentence1", "sentence2", label=pl.Series([1, 0, 0]))


def test_pairs_are_labelled_or_scored_as_their_columns_say(tmp_path: Path) -> None:
    assert isinstance(read_task(_written(tmp_path, LABELLED, "pairs"), PLAIN), LabelledPairs)
    assert isinstance(read_task(_written(tmp_path, pl.DataFrame(ROWS), "pairs"), PLAIN), ScoredPairs)
    renamed = LABELLED.rename({"label": "is_duplicate", "sentence1": "text1"})
    assert isinstance(read_task(_written(tmp_path, renamed, "pairs"), PLAIN), LabelledPairs)
    named = read_task(_written(tmp_path, LABELLED.rename({"label": "same"}), "pairs"), Reading({"label": "same"}, None))
    assert pairs_of(named)["label"].to_list() == [1, 0, 0]


def test_the_share_of_the_common_label_is_told(tmp_path: Path) -> None:
    task = read_task(_written(tmp_path, LABELLED, "pairs"), PLAIN)
    assert any("66.7% of the labels are alike" in guess for guess in task.guesses)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (LABELLED.head(1), "needs two rows or more"),
        (LABELLED.tail(2), "all 2 labels are equal"),
        (LABELLED.with_columns(label=pl.Series([1, 0, 2])), "should lie in 0 to 1"),
        (LABELLED.with_columns(label=pl.Series(["yes", "no", "no"])), "whole-number labels"),
        (LABELLED.rename({"label": "other"}), "fit no wanted shape"),
    ],
)
def test_labels_that_judge_nothing_get_one_sentence(tmp_path: Path, rows: pl.DataFrame, fault: str) -> None:
    with pytest.raises(FrameError, match=fault) as error:
        read_task(_written(tmp_path, rows, "pairs"), PLAIN)
    assert str(tmp_path) in str(error.value)


def test_a_score_task_reads_no_labels(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="'score' is missing"):
        read_task(_written(tmp_path, LABELLED.rename({"label": "duplicate"})), PLAIN)
