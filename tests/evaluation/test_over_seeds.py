from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.errors import OptionsError
from pairforge.evaluation.over_seeds import OverSeedsOptions, judge_over_seeds
from pairforge.evaluation.statistics import over_seeds, paired_bootstrap
from tests.fakes import LetterEncoder, OverlapScorer, TableEncoder

ROWS = 30


@pytest.fixture
def task(tmp_path: Path) -> str:
    scores = np.linspace(0, 1, ROWS)
    path = tmp_path / "pairs.parquet"
    pl.DataFrame(
        {"sentence1": ["here"] * ROWS, "sentence2": [f"there {row}" for row in range(ROWS)], "score": scores}
    ).write_parquet(path)
    return f"sts:{path}"


def angles(noise: float, seed: int) -> Sequence[float]:
    """Angles that fall with the row, and so cosines that rise as gold does, more or less."""
    drawn = np.random.default_rng(seed).normal(scale=noise, size=ROWS)
    turned: list[float] = np.clip(np.linspace(1.4, 0.1, ROWS) + drawn, 0, 3).tolist()
    return turned


def encoder(turned: Sequence[float]) -> TableEncoder:
    return TableEncoder({"here": (1, 0)} | {f"there {row}": (np.cos(a), np.sin(a)) for row, a in enumerate(turned)})


def options(task: str, *metrics: str) -> OverSeedsOptions:
    return OverSeedsOptions(task=(task,), metrics=metrics or ("spearman_cosine",), bootstrap_samples=500)


def test_it_equals_the_paired_bootstrap_over_seeds_and_rows(task: str) -> None:
    ours, theirs = [angles(0.1, seed) for seed in range(3)], [angles(0.6, seed) for seed in range(3)]
    found = judge_over_seeds([encoder(a) for a in ours], [encoder(a) for a in theirs], options=options(task))
    expected = paired_bootstrap(
        np.cos(ours).astype(np.float32), np.cos(theirs).astype(np.float32), np.linspace(0, 1, ROWS), samples=500
    )
    ahead = found["spearman_cosine"].ahead
    assert ahead is not None
    assert (ahead.value, ahead.low, ahead.high) == pytest.approx(
        (expected.value, expected.low, expected.high), abs=0.02
    )
    assert ahead.excludes_zero


def test_one_start_stands_for_all_seeds(task: str) -> None:
    students, start = [encoder(angles(0.1, seed)) for seed in range(2)], encoder(angles(0.6, 9))
    one = judge_over_seeds(students, [start], options=options(task, "pearson_cosine", "spearman_cosine"))
    each = judge_over_seeds(students, [start, start], options=options(task, "pearson_cosine", "spearman_cosine"))
    assert list(one) == ["pearson_cosine", "spearman_cosine"]
    for metric, scores in one.items():
        assert (len(scores.starts), len(each[metric].starts)) == (1, 2)
        assert scores.ahead == each[metric].ahead
        assert scores.by_seed == each[metric].by_seed


def test_equal_models_are_never_ahead(task: str) -> None:
    same = [encoder(angles(0.3, seed)) for seed in range(3)]
    ahead = judge_over_seeds(same, same, options=options(task))["spearman_cosine"].ahead
    assert ahead is not None
    assert (ahead.value, ahead.low, ahead.high) == (0, 0, 0)
    assert not ahead.excludes_zero


def test_without_a_start_there_are_values_alone(task: str) -> None:
    scores = judge_over_seeds([encoder(angles(0.1, 0))], options=options(task))["spearman_cosine"]
    assert (len(scores.by_seed), scores.starts, scores.ahead) == (1, (), None)


def test_a_start_of_another_kind_is_taken_by_its_own_closeness(tmp_path: Path) -> None:
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
    rows = [{"sentence1": " ".join(words), "sentence2": " ".join(words[:n]), "score": n / 8} for n in range(1, 9)]
    pl.DataFrame(rows).write_ndjson(tmp_path / "pairs.jsonl")
    given = options(f"sts:{tmp_path / 'pairs.jsonl'}")
    scores = judge_over_seeds([LetterEncoder()], [OverlapScorer()], options=given)["spearman_cosine"]
    assert scores.starts == (pytest.approx(1),)
    assert scores.ahead is not None
    assert scores.ahead.value == pytest.approx(scores.by_seed[0] - 1)


def test_another_number_of_starts_and_an_unknown_metric_are_refused(task: str) -> None:
    students = [encoder(angles(0.1, seed)) for seed in range(3)]
    with pytest.raises(OptionsError, match="Each of 3 models needs a start, or all the same, not 2"):
        judge_over_seeds(students, students[:2], options=options(task))
    with pytest.raises(OptionsError, match=r"measures no 'ndcg@10' \(there are: .*spearman_cosine"):
        judge_over_seeds(students, options=options(task, "ndcg@10"))


def test_over_seeds_the_mean_of_drawn_seeds_is_taken() -> None:
    draws = np.array([[0.0] * 2000, [1.0] * 2000])
    means = over_seeds(draws, seed=1)
    assert set(means) == {0.0, 0.5, 1.0}
    assert means.mean() == pytest.approx(0.5, abs=0.05)
    assert (over_seeds(draws[:1], seed=1) == 0).all()
