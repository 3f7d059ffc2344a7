from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gaussian_kde, ks_2samp

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.steps.sample_silver import SampleSilverOptions, sample_silver
from pairforge.steps.score_density import density, scott_bandwidth


def _scored(scores: object) -> pl.DataFrame:
    values = np.asarray(scores, dtype=np.float64)
    rows = [str(row) for row in range(len(values))]
    return pl.DataFrame({"sentence1": rows, "sentence2": rows, "score": values, "row": range(len(values))})


_RANDOM = np.random.default_rng(0)
GOLD = _scored(_RANDOM.beta(2, 2, 2000))
SILVER = _scored(_RANDOM.beta(1.2, 2.5, 20_000))


def test_the_density_is_scipys_where_no_end_is_near() -> None:
    scores = np.random.default_rng(1).normal(0.5, 0.08, 3000)
    bandwidth = scott_bandwidth(scores)
    at = (np.arange(300, 700) + 0.5) / 1000
    wanted = gaussian_kde(scores, bw_method="scott")
    assert bandwidth == pytest.approx(float(np.sqrt(wanted.covariance[0, 0])), rel=1e-3)
    assert density(scores, at, bandwidth) == pytest.approx(wanted(at), rel=0.01, abs=0.01)


@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=40), bandwidth=st.floats(0.01, 0.5))
def test_no_mass_is_lost_at_the_ends(scores: list[float], bandwidth: float) -> None:
    cells = (np.arange(1000) + 0.5) / 1000
    found = density(scores, cells, bandwidth)
    assert (found >= 0).all()
    assert found.mean() == pytest.approx(1)


@pytest.mark.parametrize("num_silver", [None, 1500])
def test_kept_scores_are_spread_as_golds(num_silver: int | None) -> None:
    options = SampleSilverOptions(by="kde", num_silver=num_silver)
    kept = sample_silver(SILVER, GOLD, options=options)
    before = ks_2samp(SILVER["score"], GOLD["score"]).statistic
    after = ks_2samp(kept["score"], GOLD["score"]).statistic
    assert before > 0.3
    assert after < (0.05 if num_silver else 0.7 * before)
    assert num_silver in (None, kept.height)
    assert kept["row"].is_sorted()


def test_without_a_number_the_chance_is_the_papers() -> None:
    bandwidth = scott_bandwidth(GOLD["score"])
    scores = SILVER["score"].to_numpy()
    chance = np.minimum(1, density(GOLD["score"], scores, bandwidth) / density(scores, scores, bandwidth))
    kept = sample_silver(SILVER, GOLD, options=SampleSilverOptions(by="kde"))
    assert kept.height == pytest.approx(chance.sum(), abs=4 * np.sqrt((chance * (1 - chance)).sum()))
    certain = SILVER.filter(pl.Series(chance >= 1))
    assert set(certain["row"]) <= set(kept["row"])


def test_uniform_spreads_scores_evenly() -> None:
    kept = sample_silver(
        _scored(_RANDOM.beta(1.2, 1.5, 20_000)), options=SampleSilverOptions(by="uniform", num_silver=2000)
    )
    counts = np.histogram(kept["score"], bins=10, range=(0, 1))[0]
    assert counts.min() > 0.75 * 200
    assert counts.max() < 1.25 * 200


def test_all_keeps_all_or_a_random_choice() -> None:
    assert sample_silver(SILVER, options=SampleSilverOptions(by="all")).equals(SILVER)
    kept = sample_silver(SILVER, options=SampleSilverOptions(by="all", num_silver=5000))
    assert kept.height == 5000
    assert ks_2samp(kept["score"], SILVER["score"]).pvalue > 0.01


def test_two_classes_keep_the_rarer_whole_and_the_other_in_golds_ratio() -> None:
    gold, silver = _scored([1, 1, 0, 0, 0, 0]), _scored([0.9] * 100 + [0.1] * 2000)
    kept = sample_silver(silver, gold)
    assert (kept["score"] > 0.5).sum() == 100
    assert (kept["score"] < 0.5).sum() == pytest.approx(200, abs=45)


def test_the_seed_decides_and_a_row_keeps_its_draw() -> None:
    first, again, other = (
        sample_silver(SILVER, GOLD, options=SampleSilverOptions(num_silver=500, seed=seed)) for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)
    fewer = sample_silver(SILVER, GOLD, options=SampleSilverOptions(num_silver=200, seed=1))
    assert set(fewer["row"]) <= set(first["row"])


def test_what_is_left_out_is_counted_and_too_few_are_said() -> None:
    context = StepContext()
    sample_silver(_scored([0.1, 0.2, 0.3]), options=SampleSilverOptions(by="all", num_silver=2), context=context)
    assert context.ledger.dropped == {"left_out_by_sampling": 1}
    sample_silver(_scored([0.1, 0.2, 0.3]), options=SampleSilverOptions(by="all", num_silver=9), context=context)
    assert context.ledger.notes == ["all 3 pairs were kept, for there are no 9"]


@pytest.mark.parametrize(
    ("by", "gold", "error", "said"),
    [
        ("kde", None, OptionsError, "Name them with --gold"),
        ("all", [0.1, 0.2], OptionsError, "Leave out --gold"),
        ("kde", [0.5, 0.5], FrameError, "all scores are 0.5"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    by: str, gold: list[float] | None, error: type[Exception], said: str
) -> None:
    pairs = None if gold is None else _scored(gold)
    with pytest.raises(error, match=said):
        sample_silver(_scored([0.1, 0.2]), pairs, options=SampleSilverOptions(by=by))  # type: ignore[arg-type]


def test_silver_of_one_class_is_kept_whole() -> None:
    context, silver = StepContext(), _scored([0.1, 0.2, 0.3])
    assert sample_silver(silver, _scored([0, 1]), context=context).equals(silver)
    assert context.ledger.notes == ["all silver scores are below 0.5, so no class has too many to follow gold"]


@pytest.mark.parametrize(
    ("silver", "gold", "said"),
    [
        ([0.1, float("nan")], [0.1, 0.9], "silver: column 'score' holds NaN"),
        ([0.1, 4.5], [0.1, 0.9], "silver: column 'score' should lie in 0 to 1"),
        ([0.1, 0.9], [], "gold: .* no rows"),
    ],
)
def test_scores_off_the_scale_are_refused(silver: list[float], gold: list[float], said: str) -> None:
    with pytest.raises(FrameError, match=said):
        sample_silver(_scored(silver), _scored(gold))
