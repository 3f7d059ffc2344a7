from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pairforge.evaluation.seed_scores import SeedScores


def test_identical_students_are_never_called_different() -> None:
    drawn = np.random.default_rng(0).normal(size=(3, 500))
    same = SeedScores(drawn.mean(axis=1), drawn)
    ahead = same.ahead_of(SeedScores(same.values.copy(), drawn.copy()), 0.95, 42)
    assert (ahead.value, ahead.low, ahead.high) == (0, 0, 0)
    assert not ahead.excludes_zero


def test_seeds_are_paired_where_students_are_compared_and_widen_the_interval_of_a_mean() -> None:
    by_seed, drawn = np.array([[0.0], [0.5], [1.0]]), np.random.default_rng(0).normal(0, 0.01, size=(3, 500))
    ours = SeedScores(by_seed[:, 0] + 0.1, by_seed + drawn + 0.1)
    theirs = SeedScores(by_seed[:, 0], by_seed + drawn)
    ahead, around = ours.ahead_of(theirs, 0.95, 42), ours.around_mean(0.95, 42)
    assert ahead.low == pytest.approx(0.1)
    assert ahead.high == pytest.approx(0.1)
    assert around.value == pytest.approx(0.6)
    assert around.high - around.low > 0.5


def test_without_predictions_of_items_the_interval_is_students_over_seeds() -> None:
    values = np.array([0.5, 0.52, 0.56])
    found = SeedScores(values, None).around_mean(0.9, 42)
    wanted = stats.t.interval(0.9, 2, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(wanted)
    none = SeedScores(values, None).ahead_of(SeedScores(values[::-1].copy(), None), 0.95, 42)
    assert not none.excludes_zero
