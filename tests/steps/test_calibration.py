from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression, minimize, minimize_scalar

from pairforge.steps.calibration import Isotonic, fitted_platt, fitted_temperature
from pairforge.steps.pair_scores import sigmoid

_SHARES = st.floats(0, 1, allow_subnormal=False)
_ROWS = st.lists(st.tuples(_SHARES, _SHARES), min_size=1, max_size=40)


@given(_ROWS)
def test_isotonic_regression_is_that_of_scipy(rows: list[tuple[float, float]]) -> None:
    scores, gold = np.array(rows).T
    distinct, group, counts = np.unique(scores, return_inverse=True, return_counts=True)
    exact = isotonic_regression(np.bincount(group, gold) / counts, weights=counts).x
    assert np.allclose(Isotonic.fitted(scores, gold)(distinct), exact, atol=1e-9)


@given(_ROWS, st.lists(_SHARES, min_size=1))
def test_isotonic_scores_never_fall_and_keep_to_golds_range(
    rows: list[tuple[float, float]], asked: list[float]
) -> None:
    scores, gold = np.array(rows).T
    given_back = Isotonic.fitted(scores, gold)(np.sort(np.array(asked)))
    assert (np.diff(given_back) >= -1e-12).all()
    assert given_back.min() >= gold.min() - 1e-12
    assert given_back.max() <= gold.max() + 1e-12


def test_between_two_runs_isotonic_scores_lie_between_theirs() -> None:
    fit = Isotonic.fitted(np.array([0.2, 0.4, 0.6]), np.array([0.0, 1.0, 0.5]))
    asked = np.array([0.0, 0.2, 0.3, 0.4, 0.5, 0.9])
    assert fit(asked).tolist() == pytest.approx([0, 0, 0.375, 0.75, 0.75, 0.75])


@given(st.lists(st.tuples(st.floats(-20, 20), _SHARES), min_size=2, max_size=40))
def test_no_temperature_fits_better_than_the_one_that_is_found(rows: list[tuple[float, float]]) -> None:
    log_odds, gold = np.array(rows).T

    def cross_entropy(exponent: float) -> float:
        divided = log_odds / np.exp(exponent)
        return float(np.sum(np.logaddexp(0, -divided) * gold + np.logaddexp(0, divided) * (1 - gold)))

    found = np.log(fitted_temperature(log_odds, gold))
    best = minimize_scalar(cross_entropy, bounds=(np.log(0.01), np.log(100)), method="bounded")
    assert cross_entropy(found) <= best.fun + 1e-6


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_a_model_too_sure_or_too_unsure_of_itself_is_found_out(temperature: float) -> None:
    log_odds = np.linspace(-8, 8, 201)
    assert fitted_temperature(log_odds, sigmoid(log_odds / temperature)) == pytest.approx(temperature, rel=1e-6)


def test_gold_that_contradicts_the_model_takes_all_its_certainty() -> None:
    assert fitted_temperature(np.array([-3.0, 3.0]), np.array([1.0, 0.0])) == pytest.approx(100)
    assert fitted_temperature(np.array([-3.0, 3.0]), np.array([0.0, 1.0])) == pytest.approx(0.01)


@given(st.lists(st.tuples(st.floats(-20, 20), _SHARES), min_size=1, max_size=40))
def test_no_slope_and_offset_fit_better_than_those_that_are_found(rows: list[tuple[float, float]]) -> None:
    outputs, gold = np.array(rows).T
    targets = (len(gold) * gold + 0.5) / (len(gold) + 1)

    def cross_entropy(weights: tuple[float, float]) -> float:
        log_odds = weights[0] * outputs + weights[1]
        return float(np.sum(np.logaddexp(0, log_odds) - targets * log_odds))

    found = fitted_platt(outputs, gold)
    bounds = [(0.001, None), (None, None)]
    best = min(minimize(cross_entropy, start, bounds=bounds).fun for start in (found, (0.01, 0.0), (1.0, 0.0)))
    assert found[0] >= 0.001 * (1 - 1e-9)
    assert cross_entropy(found) <= best + 1e-6


def test_a_model_that_scores_all_pairs_too_high_is_found_out() -> None:
    outputs = np.linspace(-3, 3, 500)
    slope, offset = fitted_platt(outputs, sigmoid(0.5 * outputs - 1))
    assert slope == pytest.approx(0.5, abs=0.01)
    assert offset == pytest.approx(-1, abs=0.01)


def test_pairs_that_are_parted_without_a_fault_give_a_finite_slope() -> None:
    slope, offset = fitted_platt(np.array([-1.0, 1.0]), np.array([0.0, 1.0]))
    assert np.isfinite([slope, offset]).all()
    assert sigmoid(slope + offset) == pytest.approx(2.5 / 3)
