from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from pairforge.errors import FileError
from pairforge.evaluation.result_tables import results_csv, results_markdown, results_table
from pairforge.evaluation.results import (
    Difference,
    Evaluation,
    ModelFacts,
    ModelScores,
    Score,
    TaskResults,
    read_results,
)


def _scores(model: str, value: float) -> ModelScores:
    estimate = Score(value=value, low=value - 0.01, high=value + 0.01)
    return ModelScores(
        model=model,
        identity="0" * 64,
        closeness="cosine",
        metrics={"spearman_cosine": estimate, "pearson_cosine": estimate},
    )


def _differences(model: str, value: float, excludes_zero: bool) -> tuple[Difference, ...]:
    return tuple(
        Difference(
            model=model,
            baseline="first",
            metric=f"{measure}_cosine",
            value=shift + value,
            low=shift + value - 0.01,
            high=shift + value + 0.01,
            excludes_zero=excludes_zero,
        )
        for measure, shift in (("spearman", 0), ("pearson", 0.1))
    )


def _evaluation(*tasks: TaskResults) -> Evaluation:
    models = tuple(ModelFacts(model=scores.model, identity=scores.identity) for scores in tasks[0].models)
    return Evaluation(confidence=0.95, bootstrap_samples=100, seed=42, models=models, tasks=tasks)


def _compared() -> Evaluation:
    return _evaluation(
        TaskResults(
            task="sts:a.csv",
            source="a.csv",
            rows=1379,
            items="pairs",
            measures=("spearman", "pearson"),
            models=(_scores("first", 0.8), _scores("better", 0.85), _scores("alike", 0.805)),
            differences=(*_differences("better", 0.05, True), *_differences("alike", 0.005, False)),
        )
    )


def _alone(*, intervals: bool = True) -> TaskResults:
    found = _scores("only", 0.7)
    if not intervals:
        found = found.model_copy(update={"metrics": {name: Score(value=0.7) for name in found.metrics}})
    return TaskResults(
        task="stsb", source="hub:x:test", rows=10, items="pairs", measures=("spearman", "pearson"), models=(found,)
    )


def test_a_value_without_an_interval_stands_alone() -> None:
    assert results_table(_evaluation(_alone(intervals=False)))[0]["Spearman"] == "0.7000"


@pytest.mark.parametrize(
    ("measure", "heading"), [("ndcg@10", "nDCG@10"), ("mrr@10", "MRR@10"), ("auc", "AUC"), ("best_f1", "Best F1")]
)
def test_measures_are_headed_by_their_usual_names(measure: str, heading: str) -> None:
    found = ModelScores(model="m", identity="0", closeness="", metrics={measure: Score(value=0.5)})
    task = TaskResults(task="t", source="s", rows=3, items="queries", measures=(measure,), models=(found,))
    assert results_table(_evaluation(task))[0][heading] == "0.5000"


def test_the_table_has_a_row_for_each_task_and_model() -> None:
    one = _alone()
    rows = results_table(_evaluation(one, one))
    assert [(row["Task"], row["Model"], row["Items"]) for row in rows] == [("stsb", "only", "10 pairs")] * 2
    assert rows[0]["Spearman"] == "0.7000 (0.6900 to 0.7100)"


def test_each_task_has_the_headings_of_its_own_measures() -> None:
    ranked = ModelScores(
        model="m",
        identity="0" * 64,
        closeness="score",
        metrics={f"{measure}_score": Score(value=0.5, low=0.4, high=0.6) for measure in ("average_precision", "auc")},
    )
    task = TaskResults(
        task="pairs:a", source="a", rows=9, items="pairs", measures=("average_precision", "auc"), models=(ranked,)
    )
    rows = results_table(_evaluation(*_compared().tasks, task))
    assert list(rows[0]) == ["Task", "Items", "Model", "Spearman", "Pearson", "Against the first (Spearman)"]
    assert list(rows[-1]) == ["Task", "Items", "Model", "Average precision", "AUC"]


def test_the_table_tells_clear_from_unclear_differences() -> None:
    shown = [row["Against the first (Spearman)"] for row in results_table(_compared())]
    assert shown == ["–", "+0.0500 (+0.0400 to +0.0600)", "+0.0050 (-0.0050 to +0.0150, unclear)"]


def test_a_single_model_has_no_column_of_differences() -> None:
    one = _alone()
    assert "Against the first (Spearman)" not in results_table(_evaluation(one))[0]


def test_results_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(_compared().to_json()))
    assert read_results(path) == _compared()


@pytest.mark.parametrize("content", ["[]", '{"tasks": []}', '{"confidence": "high"}'])
def test_a_file_of_something_else_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(FileError, match="holds no results of an evaluation"):
        read_results(path)


def test_what_a_model_costs_stands_beside_what_it_is_worth() -> None:
    facts = ModelFacts(
        model="only", identity="0", dimension=64, precision="binary", vector_bytes=8, weights_bytes=90_868_376
    )
    row = results_table(_evaluation(_alone()).model_copy(update={"models": (facts,)}))[0]
    assert (row["Numbers"], row["Bytes a vector"], row["Weights, MB"]) == ("64", "8", "90.9")
    assert "ms a query" not in row


def test_the_table_is_written_as_markdown() -> None:
    written = results_markdown(_compared()).splitlines()
    assert written[:3] == [
        "**sts:a.csv**, 1,379 pairs",
        "",
        "| Model | Spearman | Pearson | Against the first (Spearman) |",
    ]
    assert written[5].startswith("| better | 0.8500 (0.8400 to 0.8600) | ")
    assert written[-1] == "In brackets: 95% bootstrap intervals, 100 resamples."


def test_every_value_is_a_row_of_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(results_csv(_compared()))))
    assert [(row["model"], row["metric"]) for row in rows[:2]] == [
        ("first", "spearman_cosine"),
        ("first", "pearson_cosine"),
    ]
    assert (len(rows), rows[2]["value"], rows[2]["low"]) == (6, "0.85", "0.84")
