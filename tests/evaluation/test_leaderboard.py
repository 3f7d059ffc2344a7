from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FileError
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.leaderboard import add_results, leaderboard_table, read_leaderboard
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.results import Evaluation
from tests.fakes import LetterEncoder, OverlapScorer


@pytest.fixture
def results(tmp_path: Path) -> Evaluation:
    """Of two models on two tasks."""
    seconds = {"x": 0.0, "cab": 0.1, "a": 0.3, "a b": 0.7, "a b c": 1.0}
    rows = pl.DataFrame({"sentence1": ["a b c"] * 5, "sentence2": list(seconds), "score": list(seconds.values())})
    for name in ("one", "two"):
        rows.write_parquet(tmp_path / f"{name}.parquet")
    tasks = tuple(f"sts:{tmp_path}/{name}.parquet" for name in ("one", "two"))
    return evaluate([LetterEncoder(), OverlapScorer()], options=EvaluateOptions(task=tasks, bootstrap_samples=100))


def test_results_add_up_and_the_best_model_of_each_task_stands_first(results: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "leaderboard.jsonl"
    for place in (0, 1):
        task = results.tasks[place]
        add_results(results.model_copy(update={"tasks": (task,)}), path)
    table = leaderboard_table(read_leaderboard([path]))
    assert [(row["Task"].rpartition("/")[2], row["Model"]) for row in table] == [
        ("one.parquet", "overlap"), ("one.parquet", "table"), ("two.parquet", "overlap"), ("two.parquet", "table"),
    ]  # fmt: skip
    assert table[0]["Spearman"].startswith("0.9747 (")


def test_a_later_result_of_the_same_model_and_task_takes_the_place_of_the_earlier(
    results: Evaluation, tmp_path: Path
) -> None:
    path = tmp_path / "leaderboard.jsonl"
    add_results(results, path)
    before = path.read_text()
    add_results(results, path)
    assert path.read_text() == before * 2
    assert len(read_leaderboard([path])) == 4


def test_a_file_that_changed_has_a_table_of_its_own(tmp_path: Path) -> None:
    path, file, more = (tmp_path / name for name in ("leaderboard.jsonl", "pairs.jsonl", "more.jsonl"))
    rows = pl.DataFrame({"anchor": ["ab", "cd", "ef"], "positive": ["abb", "cdd", "eff"]})
    pl.DataFrame({"text": ["xy", "yz"]}).write_ndjson(more)

    def judge(size: int, documents: tuple[str, ...] = ()) -> None:
        options = EvaluateOptions(task=(f"retrieval:{file}",), documents=documents, bootstrap_samples=100)
        add_results(evaluate([LetterEncoder(size)], options=options), path)

    rows.write_ndjson(file)
    judge(32)
    judge(16)
    judge(32, (str(more),))
    rows.with_columns(positive=pl.col("anchor").reverse()).write_ndjson(file)
    judge(32)
    entries = read_leaderboard([path])
    assert [entry.facts.dimension for entry in entries] in ([32, 16, 32, 32], [16, 32, 32, 32])
    heads = [row["Task"] for row in leaderboard_table(entries)]
    assert heads[0] == heads[1]
    assert len(set(heads)) == 3
    assert all(", data " in head for head in heads)


def test_results_by_other_measures_stand_beside_each_other(results: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.jsonl"
    add_results(results, path)
    other = [task.model_copy(update={"measures": ("pearson",)}) for task in results.tasks]
    add_results(results.model_copy(update={"tasks": tuple(other)}), path)
    table = leaderboard_table(read_leaderboard([path]))
    assert ["Spearman" in row for row in table] == [True] * 4 + [False] * 4


def test_leaderboards_below_a_folder_are_read_together(results: Evaluation, tmp_path: Path) -> None:
    for place, folder in enumerate(("a", "b/c")):
        task = results.tasks[place]
        add_results(results.model_copy(update={"tasks": (task,)}), tmp_path / "runs" / folder / "leaderboard.jsonl")
    assert len(read_leaderboard([tmp_path / "runs"])) == 4


def test_what_is_no_leaderboard_is_named(results: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no leaderboard.jsonl lies there"):
        read_leaderboard([tmp_path])
    path = tmp_path / "leaderboard.jsonl"
    add_results(results, path)
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(FileError, match="line 5 is no result"):
        read_leaderboard([path])


def test_a_leaderboard_that_cannot_be_written_is_named(results: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="the results cannot be added"):
        add_results(results, tmp_path / "file" / "leaderboard.jsonl")
