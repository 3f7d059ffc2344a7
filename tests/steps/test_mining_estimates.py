from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pairforge.steps.mining.estimates import _student, clustered_share


@pytest.mark.parametrize(("share", "like"), [(0.05, 1.0), (0.2, 0.3), (0.5, 5.0), (0.9, 0.3)])
@pytest.mark.parametrize("clusters", [20, 300])
def test_the_interval_holds_the_truth_as_often_as_it_says(share: float, like: float, clusters: int) -> None:
    random = np.random.default_rng(7)
    # A low `like` makes the members of a cluster nearly all hits or none: five witnesses that say the same.
    own = random.beta(share * like, (1 - share) * like, size=(2000, clusters))
    hits = random.binomial(5, own)
    found = [clustered_share(row, np.full(clusters, 5), 0.95) for row in hits]
    held = np.mean([estimate is not None and estimate.low <= share <= estimate.high for estimate in found])
    assert 0.925 <= held <= 0.99


def test_taking_every_negative_for_a_witness_would_be_too_sure() -> None:
    hits = np.repeat([5, 0], [60, 240])
    whole = clustered_share(hits, np.full(300, 5), 0.95)
    each = clustered_share(np.repeat([1, 0], [300, 1200]), np.ones(1500), 0.95)
    assert whole is not None
    assert each is not None
    assert whole.value == each.value == 0.2
    assert (whole.high - whole.low) / (each.high - each.low) == pytest.approx(5**0.5, rel=0.02)


def test_clusters_of_one_give_wilsons_interval() -> None:
    estimate = clustered_share(np.repeat([1, 0], [30, 9_970]), np.ones(10_000), 0.9)
    wilson = stats.binomtest(30, 10_000).proportion_ci(0.9, "wilson")
    assert estimate is not None
    assert (estimate.low, estimate.high) == pytest.approx((wilson.low, wilson.high), rel=1e-3)


@pytest.mark.parametrize("hit", [0, 1])
def test_where_nothing_varies_a_cluster_counts_as_one(hit: int) -> None:
    estimate = clustered_share(np.full(300, 5 * hit), np.full(300, 5), 0.95)
    assert estimate is not None
    assert estimate.value == hit
    assert estimate.high - estimate.low == pytest.approx(0.0128, abs=5e-4)


def test_clusters_without_members_have_no_say() -> None:
    assert clustered_share([0, 0], [0, 0], 0.95) is None
    assert clustered_share([], [], 0.95) is None
    assert clustered_share([2, 0, 5], [4, 0, 5], 0.95) == clustered_share([2, 5], [4, 5], 0.95)
    alone = clustered_share([2], [4], 0.95)
    assert alone is not None
    assert alone.value == 0.5
    assert alone.high - alone.low > 0.8


@pytest.mark.parametrize("freedom", [5, 19, 299])
def test_students_quantile_is_close(freedom: int) -> None:
    assert _student(1.959964, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=5e-3)
