from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from pairforge.evaluation import statistics
from pairforge.evaluation.rankings import RANKING_MEASURES, best_f1_threshold, bootstrap_rankings, rankings
from tests.strategies import tied_numbers

ROWS = st.lists(st.tuples(tied_numbers, st.integers(0, 1)), min_size=2, max_size=40)


def _expected(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    both = 0 < labels.sum() < len(labels)
    thresholds = [-np.inf, np.inf, *scores]
    return {
        "average_precision": metrics.average_precision_score(labels, scores) if labels.any() else np.nan,
        "auc": metrics.roc_auc_score(labels, scores) if both else np.nan,
        "f1": max(_f1(labels, scores >= threshold) for threshold in scores) if labels.any() else np.nan,
        "accuracy": max(np.mean((scores >= threshold) == labels) for threshold in thresholds),
        "accuracy_at_half": np.mean((scores >= 0.5) == labels),
    }


def _f1(labels: np.ndarray, told: np.ndarray) -> float:
    return float(metrics.f1_score(labels, told, zero_division=0))


@given(ROWS)
def test_measures_are_those_of_scikit_learn(rows: list[tuple[float, int]]) -> None:
    scores, labels = np.array(rows).T
    found = rankings(scores, labels)
    assert tuple(found) == RANKING_MEASURES
    assert found == pytest.approx(_expected(scores, labels), nan_ok=True)


@given(ROWS, st.integers(0, 3))
def test_each_resample_is_measured_as_if_its_rows_were_written_out(rows: list[tuple[float, int]], seed: int) -> None:
    scores, labels = np.array(rows).T
    draws = bootstrap_rankings(scores, labels, samples=6, seed=seed)
    for place, drawn in enumerate(np.random.default_rng(seed).integers(len(labels), size=(6, len(labels)))):
        found = {name: values[0, place] for name, values in draws.items()}
        assert found == pytest.approx(_expected(scores[drawn], labels[drawn]), nan_ok=True)


def test_columns_meet_the_same_resamples_whatever_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    scores, labels = generator.normal(size=30), generator.integers(0, 2, size=30)
    told: list[int] = []
    whole = bootstrap_rankings(np.stack([scores, scores]), labels, samples=50, seed=1, advance=told.append)
    assert sum(told) == 50
    monkeypatch.setattr(statistics, "_BLOCK_CELLS", 30 * 7)
    in_blocks = bootstrap_rankings(scores, labels, samples=50, seed=1)
    for name, values in whole.items():
        assert np.array_equal(values[0], values[1])
        assert values[0] == pytest.approx(in_blocks[name][0])


@given(ROWS.filter(lambda rows: any(label for _, label in rows)))
def test_best_f1_is_that_of_sentence_transformers_and_of_its_threshold(rows: list[tuple[float, int]]) -> None:
    from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator

    scores, labels = np.array(rows).T
    best = BinaryClassificationEvaluator.find_best_f1_and_threshold(scores, labels, True)[0]
    assert rankings(scores, labels)["f1"] == pytest.approx(best)
    assert _f1(labels, scores >= best_f1_threshold(scores, labels)) == pytest.approx(best)


def test_the_threshold_lies_midway_to_the_next_score() -> None:
    assert best_f1_threshold([0.9, 0.7, 0.2, 0.1], [1, 1, 0, 0]) == pytest.approx(0.45)
    assert best_f1_threshold([0.9, 0.7, 0.2], [0, 0, 1]) == pytest.approx(0.2)
