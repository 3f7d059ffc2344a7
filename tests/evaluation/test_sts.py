from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pairforge.engines.tables import VectorTable
from pairforge.errors import FileError, FrameError
from pairforge.evaluation import sts
from pairforge.evaluation.sts import pair_similarities, read_scored_pairs, source_of

ROWS = [
    {"sentence1": "a cat", "sentence2": "one cat", "score": 5.0},
    {"sentence1": "a cat", "sentence2": "a dog", "score": 2.0},
    {"sentence1": "a cat", "sentence2": "rain", "score": 0.0},
]


def _written(folder: Path, rows: pl.DataFrame) -> str:
    path = folder / "pairs.parquet"
    rows.write_parquet(path)
    return f"sts:{path}"


@pytest.mark.parametrize(
    ("task", "source"),
    [
        ("sts:a/b.csv", "a/b.csv"),
        ("sts:hub:x/y:test", "hub:x/y:test"),
        ("stsb", "hub:sentence-transformers/stsb:test"),
        ("sts:", None),
        ("stsbenchmark", None),
        ("STS:a.csv", None),
    ],
)
def test_a_task_names_where_its_rows_come_from(task: str, source: str | None) -> None:
    assert source_of(task) == source


def test_scores_up_to_five_are_brought_to_one_and_the_guess_is_told(tmp_path: Path) -> None:
    adopted = read_scored_pairs(_written(tmp_path, pl.DataFrame(ROWS)), {}, None)
    assert adopted.frame["score"].to_list() == [1.0, 0.4, 0.0]
    assert any("by 5" in guess for guess in adopted.guesses)


def test_other_column_names_are_guessed_or_given(tmp_path: Path) -> None:
    raw = pl.DataFrame(ROWS).rename({"sentence1": "sentence_A", "sentence2": "right", "score": "relatedness_score"})
    adopted = read_scored_pairs(_written(tmp_path, raw), {"sentence2": "right"}, None)
    assert adopted.frame["sentence2"].to_list() == ["one cat", "a dog", "rain"]
    assert any("sentence_A" in guess for guess in adopted.guesses)


def test_a_score_scale_can_be_given(tmp_path: Path) -> None:
    raw = pl.DataFrame(ROWS).with_columns(pl.col("score") * 20)
    adopted = read_scored_pairs(_written(tmp_path, raw), {}, 100)
    assert adopted.frame["score"].to_list() == [1.0, 0.4, 0.0]


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
def test_rows_that_give_no_correlation_get_one_sentence(
    tmp_path: Path, rows: list[dict[str, object]], fault: str
) -> None:
    with pytest.raises(FrameError, match=fault) as error:
        read_scored_pairs(_written(tmp_path, pl.DataFrame(rows)), {}, None)
    assert str(tmp_path) in str(error.value)


def test_stsb_out_of_reach_points_to_a_file_instead() -> None:
    with pytest.raises(FileError, match="sts:FILE"):
        read_scored_pairs("stsb", {}, None)


def _similarities(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    rows = len(first)
    return pair_similarities(VectorTable.of(np.vstack([first, second])), range(rows), range(rows, 2 * rows))


@given(
    arrays.arrays(np.float32, (5, 3), elements=st.floats(-4, 4, width=16)),
    arrays.arrays(np.float32, (5, 3), elements=st.floats(-4, 4, width=16)),
)
def test_similarities_are_their_definitions_row_by_row(first: np.ndarray, second: np.ndarray) -> None:
    found = _similarities(first, second)
    for row, (a, b) in enumerate(zip(first.astype(float), second.astype(float), strict=True)):
        assert found["dot"][row] == pytest.approx(a @ b)
        assert found["euclidean"][row] == pytest.approx(-np.sqrt(((a - b) ** 2).sum()))
        assert found["manhattan"][row] == pytest.approx(-np.abs(a - b).sum())
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        assert found["cosine"][row] == pytest.approx(a @ b / lengths if lengths else 0, abs=1e-12)


def test_similarities_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 23, 4)).astype(np.float32)
    whole = _similarities(first, second)
    monkeypatch.setattr(sts, "_BLOCK_ROWS", 5)
    in_blocks = _similarities(first, second)
    assert all(np.array_equal(whole[name], in_blocks[name]) for name in whole)
