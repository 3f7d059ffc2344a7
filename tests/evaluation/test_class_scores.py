from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from pairforge.evaluation.class_scores import CLASS_MEASURES, Told, bootstrap_classes

CLASSES = st.integers(0, 3)
ROWS = st.lists(st.tuples(CLASSES, CLASSES, CLASSES), min_size=1, max_size=30)
"""Of each row the true class, and the one that each of two experiments told."""


def _expected(truth: np.ndarray, told: np.ndarray) -> dict[str, float]:
    return {
        "accuracy": np.mean([metrics.accuracy_score(truth, classes) for classes in told]),
        "f1_macro": np.mean([metrics.f1_score(truth, classes, average="macro", zero_division=0) for classes in told]),
    }


@given(ROWS)
def test_measures_are_the_means_of_scikit_learns(rows: list[tuple[int, int, int]]) -> None:
    truth, *told = np.array(rows).T
    found = Told(np.stack(told), truth).scores
    assert tuple(found) == CLASS_MEASURES
    assert found == pytest.approx(_expected(truth, np.stack(told)))


@given(ROWS, st.integers(0, 3))
def test_each_resample_is_measured_as_if_its_rows_were_written_out(rows: list[tuple[int, int, int]], seed: int) -> None:
    truth, *columns = np.array(rows).T
    told = np.stack(columns)
    drawn = np.random.default_rng(seed).integers(len(truth), size=(5, len(truth)))
    counts = np.stack([np.bincount(one, minlength=len(truth)) for one in drawn], axis=1).astype(np.float64)
    found = Told(told, truth).resampled(counts)
    for place, one in enumerate(drawn):
        expected = _expected(truth[one], told[:, one])
        assert {name: values[place] for name, values in found.items()} == pytest.approx(expected)


def _told(rows: int, generator: np.random.Generator) -> Told:
    """Of twelve classes, six in ten rows are told rightly and the others at random."""
    truth = generator.integers(12, size=rows)
    predicted = np.where(generator.random(rows) < 0.6, truth, generator.integers(12, size=rows))
    return Told(predicted[None], truth)


def test_intervals_hold_the_mean_of_many_samples_as_often_as_they_say() -> None:
    generator = np.random.default_rng(5)
    many = [_told(180, generator).scores for _ in range(500)]
    held = dict.fromkeys(CLASS_MEASURES, 0)
    for seed in range(300):
        draws = bootstrap_classes([_told(180, generator)], samples=200, seed=seed)
        for name in CLASS_MEASURES:
            low, high = np.quantile(draws[name], [0.025, 0.975])
            held[name] += low <= np.mean([scores[name] for scores in many]) <= high
    assert all(0.91 <= times / 300 <= 0.98 for times in held.values()), held


def test_equal_models_do_not_differ_on_any_resample() -> None:
    reported: list[int] = []
    model = _told(40, np.random.default_rng(0))
    draws = bootstrap_classes([model, model], samples=50, seed=1, advance=reported.append)
    assert sum(reported) == 50
    assert all(np.array_equal(*values) for values in draws.values())
    assert draws["f1_macro"][0].mean() == pytest.approx(model.scores["f1_macro"])
