from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from pairforge.agreement import accuracy, area_under_roc, average_precision, average_ranks, pearson, spearman
from tests.strategies import tied_numbers, two_columns


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_average_ranks_are_those_of_scipy(values: list[float]) -> None:
    assert average_ranks(values) == pytest.approx(stats.rankdata(values))


@given(two_columns())
def test_correlations_are_those_of_scipy(columns: tuple[list[float], list[float]]) -> None:
    first, second = columns
    assert pearson(first, second) == pytest.approx(stats.pearsonr(first, second)[0], abs=1e-12)
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second)[0], abs=1e-12)


def test_a_constant_column_has_no_correlation() -> None:
    assert np.isnan(pearson([0.1, 0.1, 0.1], [1, 2, 3]))
    assert np.isnan(spearman([1, 2, 3], [0.1, 0.1, 0.1]))


@given(st.lists(st.tuples(tied_numbers, st.integers(0, 1)), min_size=1, max_size=40))
def test_rankings_are_judged_as_scikit_learn_does(rows: list[tuple[float, int]]) -> None:
    scores, labels = zip(*rows, strict=True)
    assume(len(set(labels)) == 2)
    assert average_precision(scores, labels) == pytest.approx(metrics.average_precision_score(labels, scores))
    assert area_under_roc(scores, labels) == pytest.approx(metrics.roc_auc_score(labels, scores))


def test_rankings_of_one_label_are_not_judged() -> None:
    assert np.isnan(average_precision([0.1, 0.2], [0, 0]))
    assert average_precision([0.1, 0.2], [1, 1]) == 1
    assert np.isnan(area_under_roc([0.1, 0.2], [0, 0]))
    assert np.isnan(area_under_roc([0.1, 0.2], [1, 1]))


def test_accuracy_is_the_share_of_classes_found() -> None:
    assert accuracy([0, 1, 2, 2], [0, 1, 1, 2]) == 0.75
