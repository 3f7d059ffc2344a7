from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from pairforge.evaluation.v_measures import Clustered, bootstrap_v_measures

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)),
    min_size=2,
    max_size=25,
)
"""Of each row its label, the clusters of two experiments, and how often each of these drew it."""


def _columns(rows: list[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels, first, second, weight, other = np.array(rows).T
    weights = np.stack([weight, other]).astype(np.float64)
    weights[:, 0] = 1
    return np.stack([first, second]), labels, weights


def _written_out(clusters: np.ndarray, times: np.ndarray, labels: np.ndarray) -> float:
    if not times.any():
        return float("nan")
    return float(metrics.v_measure_score(np.repeat(labels, times), np.repeat(clusters, times)))


def _expected(clusters: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    times = weights.astype(int)
    return float(np.mean([_written_out(*one, labels) for one in zip(clusters, times, strict=True)]))


@given(ROWS)
def test_the_measure_is_scikit_learns_on_rows_written_as_often_as_they_count(rows: list[tuple[int, ...]]) -> None:
    columns = _columns(rows)
    assert Clustered(*columns).v_measure == pytest.approx(_expected(*columns), abs=1e-9)


@given(ROWS, st.integers(0, 3))
def test_each_resample_is_measured_as_if_its_rows_were_written_out(rows: list[tuple[int, ...]], seed: int) -> None:
    clusters, labels, weights = _columns(rows)
    drawn = np.random.default_rng(seed).integers(len(labels), size=(5, len(labels)))
    counts = np.stack([np.bincount(one, minlength=len(labels)) for one in drawn], axis=1).astype(np.float64)
    expected = [_expected(clusters[:, one], labels[one], weights[:, one]) for one in drawn]
    found = Clustered(clusters, labels, weights).resampled(counts)
    assert found.tolist() == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(ROWS)
def test_the_standard_error_is_that_of_the_measure_without_each_row(rows: list[tuple[int, ...]]) -> None:
    clusters, labels, weights = _columns(rows)
    weights = np.maximum(weights, 1)
    found = Clustered(clusters, labels, weights)
    without = found.resampled(1 - np.eye(len(labels)))
    assert found.standard_error == pytest.approx(np.sqrt((len(labels) - 1) * np.var(without)), abs=1e-8)


def _drawn_from(joint: np.ndarray, rows: int, generator: np.random.Generator) -> Clustered:
    cells = generator.choice(joint.size, size=rows, p=joint.ravel())
    labels, clusters = np.divmod(cells, len(joint))
    return Clustered(clusters[None], labels, np.ones((1, rows)))


@pytest.mark.parametrize(("number", "rows"), [(4, 150), (12, 300)])
def test_intervals_hold_the_mean_of_many_samples_as_often_as_they_say(number: int, rows: int) -> None:
    generator = np.random.default_rng(3)
    joint = generator.dirichlet(np.full(number, 0.2), size=number) / number
    truth = np.mean([_drawn_from(joint, rows, generator).v_measure for _ in range(500)])
    held = 0
    for seed in range(300):
        draws = bootstrap_v_measures([_drawn_from(joint, rows, generator)], samples=200, seed=seed)
        low, high = np.quantile(draws, [0.025, 0.975])
        held += low <= truth <= high
    assert 0.92 <= held / 300 <= 0.98


def test_equal_models_do_not_differ_on_any_resample() -> None:
    generator = np.random.default_rng(0)
    clusters, labels = generator.integers(0, 3, size=(2, 40)), generator.integers(0, 3, size=40)
    told: list[int] = []
    model = Clustered(clusters, labels, np.ones((2, 40)))
    first, second = bootstrap_v_measures([model, model], samples=50, seed=1, advance=told.append)
    assert sum(told) == 50
    assert np.array_equal(first, second)
    assert first.mean() == pytest.approx(model.v_measure)
    assert first.std() == pytest.approx(model.standard_error)
