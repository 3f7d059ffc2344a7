from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pairforge.agreement import pearson, spearman
from pairforge.errors import OptionsError
from pairforge.evaluation import statistics
from pairforge.evaluation.statistics import (
    Estimate,
    bootstrap_correlations,
    bootstrap_means,
    interval,
    paired_bootstrap,
    paired_means,
)
from tests.strategies import two_columns


@given(two_columns(), st.integers(0, 5))
def test_each_resample_is_correlated_as_if_its_rows_were_written_out(
    columns: tuple[list[float], list[float]], seed: int
) -> None:
    scores, gold = np.array(columns[0]), np.array(columns[1])
    draws = bootstrap_correlations(scores, gold, samples=8, seed=seed)
    resamples = np.random.default_rng(seed).integers(len(gold), size=(8, len(gold)))
    for place, rows in enumerate(resamples):
        if len(set(scores[rows])) == 1 or len(set(gold[rows])) == 1:
            assert np.isnan(draws["pearson"][0, place])
            assert np.isnan(draws["spearman"][0, place])
            continue
        for name, reference in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
            assert draws[name][0, place] == pytest.approx(reference(scores[rows], gold[rows])[0], abs=1e-9)


def test_each_mean_is_that_of_the_resampled_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(3, 20))
    drawn = np.random.default_rng(7).integers(20, size=(50, 20))
    told: list[int] = []
    whole = bootstrap_means(values, samples=50, seed=7, advance=told.append)
    assert whole == pytest.approx(values[:, drawn].mean(axis=2))
    monkeypatch.setattr(statistics, "_BLOCK_CELLS", 20 * 7)
    assert bootstrap_means(values, samples=50, seed=7) == pytest.approx(whole)
    assert sum(told) == 50


def test_columns_meet_the_same_resamples() -> None:
    rng = np.random.default_rng(0)
    gold, scores = rng.normal(size=50), rng.normal(size=50)
    draws = bootstrap_correlations(np.stack([scores, scores, -scores]), gold, samples=200)
    assert np.array_equal(draws["spearman"][0], draws["spearman"][1])
    assert draws["spearman"][0] == pytest.approx(-draws["spearman"][2])


def test_resamples_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    gold, scores = rng.normal(size=30), rng.normal(size=30)
    whole = bootstrap_correlations(scores, gold, samples=300)
    monkeypatch.setattr(statistics, "_BLOCK_CELLS", 30 * 7)
    in_blocks = bootstrap_correlations(scores, gold, samples=300)
    assert np.array_equal(whole["spearman"], in_blocks["spearman"])
    assert whole["pearson"] == pytest.approx(in_blocks["pearson"])


def test_every_resample_is_reported_to_the_progress() -> None:
    told: list[int] = []
    bootstrap_correlations(np.arange(40), np.arange(40), samples=123, advance=told.append)
    assert sum(told) == 123


def test_interval_leaves_undefined_draws_out() -> None:
    draws = np.array([np.nan, *np.linspace(0, 1, 101)])
    assert interval(0.5, draws, 0.9) == Estimate(0.5, pytest.approx(0.05), pytest.approx(0.95))


@pytest.mark.parametrize(("low", "high", "excluded"), [(0.1, 0.2, True), (-0.2, -0.1, True), (-0.1, 0.1, False)])
def test_an_estimate_knows_whether_it_excludes_zero(low: float, high: float, excluded: bool) -> None:
    assert Estimate((low + high) / 2, low, high).excludes_zero is excluded


def test_interval_of_a_correlation_covers_the_truth_about_as_often_as_it_says() -> None:
    truth, rows, trials = 0.6, 80, 300
    rng = np.random.default_rng(7)
    covered = 0
    for trial in range(trials):
        gold = rng.normal(size=rows)
        scores = truth * gold + np.sqrt(1 - truth**2) * rng.normal(size=rows)
        draws = bootstrap_correlations(scores, gold, coefficients=("pearson",), samples=400, seed=trial)
        estimate = interval(pearson(scores, gold), draws["pearson"][0], 0.9)
        covered += estimate.low <= truth <= estimate.high
    # The percentile interval of 80 rows runs a little narrow; the binomial error of 300 trials is .017.
    assert 0.83 <= covered / trials <= 0.95


def test_paired_interval_covers_no_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    trials, seeds, rows = 120, 8, 60
    covered = 0
    for trial in range(trials):
        gold = rng.normal(size=rows)
        shared = gold + rng.normal(size=rows)
        first, second = (shared + 0.4 * rng.normal(size=(seeds, rows)) for _ in range(2))
        estimate = paired_bootstrap(first, second, gold, samples=300, confidence=0.9, seed=trial)
        covered += not estimate.excludes_zero
    assert 0.8 <= covered / trials <= 1


def test_paired_bootstrap_finds_a_true_difference_and_its_sign() -> None:
    rng = np.random.default_rng(3)
    gold = rng.normal(size=200)
    better, worse = gold + 0.3 * rng.normal(size=(5, 200)), gold + 1.0 * rng.normal(size=(5, 200))
    ahead = paired_bootstrap(better, worse, gold, samples=500)
    behind = paired_bootstrap(worse, better, gold, samples=500)
    expected = np.mean([spearman(a, gold) - spearman(b, gold) for a, b in zip(better, worse, strict=True)])
    assert ahead.value == pytest.approx(expected)
    assert ahead.low > 0 > behind.high
    assert (ahead.low, ahead.high) == pytest.approx((-behind.high, -behind.low))


def test_pairing_narrows_the_interval_of_two_sides_that_err_alike() -> None:
    rng = np.random.default_rng(5)
    gold = rng.normal(size=150)
    shared = gold + rng.normal(size=150)
    first, second = shared + 0.1 * rng.normal(size=150), shared + 0.1 * rng.normal(size=150)
    paired = paired_bootstrap(first, second, gold, samples=400)
    alone = interval(
        spearman(first, gold),
        bootstrap_correlations(first, gold, coefficients=("spearman",), samples=400)["spearman"][0],
    )
    assert paired.high - paired.low < (alone.high - alone.low) / 2


def test_spread_between_seeds_widens_the_interval() -> None:
    rng = np.random.default_rng(5)
    gold = rng.normal(size=300)
    steady = np.tile(gold + 0.5 * rng.normal(size=300), (6, 1))
    noise = np.linspace(0.2, 3, 6)[:, None]
    uneven = gold + noise * rng.normal(size=(6, 300))
    of_rows_alone = paired_bootstrap(steady, steady[:, ::-1], gold, samples=300)
    of_seeds_too = paired_bootstrap(uneven, steady[:, ::-1], gold, samples=300)
    assert of_seeds_too.high - of_seeds_too.low > of_rows_alone.high - of_rows_alone.low


@pytest.mark.parametrize(
    ("first", "second", "gold"),
    [
        (np.zeros((2, 4)), np.zeros((3, 4)), np.arange(4)),
        (np.zeros((2, 4)), np.zeros((2, 4)), np.arange(5)),
        (np.zeros((2, 1)), np.zeros((2, 1)), np.arange(1)),
    ],
)
def test_shapes_that_do_not_agree_are_named(first: np.ndarray, second: np.ndarray, gold: np.ndarray) -> None:
    with pytest.raises(OptionsError, match="needs predictions of shape"):
        paired_bootstrap(first, second, gold)


@pytest.mark.parametrize("fault", [np.zeros(4), np.array([0, np.nan, 1, 2]), np.array([0, np.inf, 1, 2])])
def test_constant_or_undefined_scores_are_refused_on_every_side(fault: np.ndarray) -> None:
    sound = np.array([1, 2, 4, 3])
    for sides in ((fault, sound, sound), (sound, fault, sound), (sound, sound, fault)):
        with pytest.raises(OptionsError, match="finite and not all equal"):
            paired_bootstrap(*sides)


def test_paired_means_of_one_seed_are_the_bootstrap_of_the_mean_difference() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.random(400), rng.random(400) - 0.1
    estimate = paired_means(first, second)
    gains = first - second
    assert estimate.value == pytest.approx(gains.mean())
    width = 1.96 * gains.std() / np.sqrt(400)
    assert (estimate.low, estimate.high) == pytest.approx((gains.mean() - width, gains.mean() + width), abs=width / 20)


def test_paired_means_are_surer_of_rows_that_agree_and_less_sure_of_seeds_that_do_not() -> None:
    rng = np.random.default_rng(6)
    second = rng.random((3, 200))
    assert paired_means(second + 0.25, second) == Estimate(*(pytest.approx(0.25),) * 3)
    apart = paired_means(second + np.array([[0.0], [0.1], [0.2]]), second)
    assert apart.low < 0.04
    assert apart.high > 0.16


def test_means_that_cannot_be_paired_are_refused() -> None:
    with pytest.raises(OptionsError, match=r"got \(1, 3\) and \(1, 2\)"):
        paired_means([1, 2, 3], [1, 2])
    with pytest.raises(OptionsError, match="finite values"):
        paired_means([1, np.nan], [1, 2])
