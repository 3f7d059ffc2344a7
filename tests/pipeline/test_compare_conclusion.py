from __future__ import annotations

import numpy as np
import pytest

from pairforge.evaluation.seed_scores import SeedScores
from pairforge.evaluation.statistics import Estimate
from pairforge.pipeline.compare_conclusion import of_corpora, of_curve, of_mix, ranks
from pairforge.pipeline.comparison import Contestant, Tried


def _tried(name: str, value: float, rows: int = 100) -> Tried:
    return Tried(Contestant(name, f"{name}.parquet", rows, 300), 0.1, {"t": {"m": _scores(value)}})


def _scores(value: float) -> SeedScores:
    return SeedScores(np.full(2, value), np.full((2, 100), value))


def _value(one: Tried) -> float:
    return float(one.scores["t"]["m"].values.mean())


def _ahead(one: Tried, other: Tried) -> Estimate:
    """Differences from .05 on are beyond noise."""
    by = _value(one) - _value(other)
    return Estimate(by, by - 0.045, by + 0.045)


def test_corpora_that_cannot_be_told_from_the_next_share_a_rank() -> None:
    ordered = [_tried(str(value), value) for value in (0.9, 0.8, 0.78, 0.75, 0.6)]
    assert ranks(ordered, _ahead) == ["1", "2–4", "2–4", "2–4", "5"]
    assert ranks(ordered[:1], _ahead) == ["1"]


def test_the_conclusion_says_what_is_beyond_noise_and_what_is_not() -> None:
    untrained, base = _tried("untrained", 0.4), _tried("base", 0.6)
    ordered = [_tried("best", 0.8), _tried("near", 0.78), base, _tried("low", 0.5), _tried("lost", 0.41)]
    assert list(of_corpora(ordered, untrained, base, _ahead, lambda one: f"m {_value(one):.2f}")) == [
        "best is best with m 0.80, +0.2000 (+0.1550 to +0.2450) against base, +0.4000 (+0.3550 to +0.4450) against the "
        "untrained student.",
        "It cannot be told from near; all others are behind it beyond noise.",
        "Better than base beyond noise: best and near; worse: low and lost; unclear: none.",
        "Not beyond noise above the untrained student: lost.",
    ]


def test_a_baseline_that_is_best_is_called_so() -> None:
    untrained, base = _tried("untrained", 0.4), _tried("base", 0.6)
    first, second, third = of_corpora([base, _tried("other", 0.59)], untrained, base, _ahead, lambda one: "m")
    assert first == "base, the baseline, is best with m, +0.2000 (+0.1550 to +0.2450) against the untrained student."
    assert second == "It cannot be told from other."
    assert third == "Better than base beyond noise: none; worse: none; unclear: other."
    alone = list(of_corpora([base, _tried("other", 0.5)], untrained, base, _ahead, lambda one: "m"))
    assert alone[1] == "It is ahead of every other corpus beyond noise."


@pytest.mark.parametrize(
    ("last", "verdict"),
    [(0.7, "the curve still rises"), (0.62, "the last rows bring is not beyond noise"), (0.5, "the last rows do harm")],
)
def test_a_curve_says_whether_more_rows_are_worth_getting(last: float, verdict: str) -> None:
    points = [_tried("few", 0.4, 1000), _tried("some", 0.6, 3000), _tried("all", last, 9000)]
    (told,) = of_curve(points, _ahead)
    assert told.startswith("all: from 1,000 to 3,000 rows +0.2000 (+0.1550 to +0.2450), from 3,000 to 9,000 rows ")
    assert verdict in told


def test_a_source_helps_if_the_mix_is_worse_without_it() -> None:
    parts = [("a", _tried("x", 0.5)), ("b", _tried("y", 0.7)), ("c", _tried("z", 0.61))]
    assert list(of_mix(_tried("mix", 0.6), parts, _ahead)) == [
        "a helps: without it -0.1000 (-0.1450 to -0.0550).",
        "b hurts: without it +0.1000 (+0.0550 to +0.1450).",
        "c is unclear: without it +0.0100 (-0.0350 to +0.0550, unclear).",
    ]
