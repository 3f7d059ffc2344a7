from __future__ import annotations

import json

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pairforge.execution.ledger import Distribution, Ledger

NAMES = st.sampled_from(["too close", "no negative", "empty"])
COUNTS = st.dictionaries(NAMES, st.integers(1, 100))


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    ledger = Ledger()
    for reason, rows in draw(COUNTS).items():
        ledger.drop(reason, rows)
    for name, number in draw(COUNTS).items():
        ledger.count(name, number)
    for name in draw(st.lists(NAMES)):
        ledger.observe(name, draw(st.lists(st.floats(-1, 1), max_size=5)))
    for sentence in draw(st.lists(NAMES)):
        ledger.note(sentence)
    return ledger


def totals(ledger: Ledger) -> dict[str, object]:
    stored = ledger.to_json()
    return {**stored, "notes": sorted(stored["notes"])}


@given(st.lists(ledgers(), max_size=4), st.randoms())
def test_parts_merged_in_any_order_give_the_same_totals(parts: list[Ledger], random) -> None:
    in_order, shuffled = Ledger(), Ledger()
    for part in parts:
        in_order.merge(part)
    random.shuffle(parts)
    for part in parts:
        shuffled.merge(part)
    assert totals(in_order) == totals(shuffled)


@given(ledgers())
def test_a_ledger_survives_its_json(ledger: Ledger) -> None:
    stored = json.loads(json.dumps(ledger.to_json()))
    assert Ledger.from_json(stored).to_json() == stored


def test_merging_leaves_the_merged_part_alone() -> None:
    part, total = Ledger(), Ledger()
    part.observe("similarity", [0.5])
    total.merge(part)
    total.observe("similarity", [0.5])
    assert part.distributions["similarity"].counts.sum() == 1


def test_flagged_rows_are_dropped_and_counted_by_reason() -> None:
    rows = pl.DataFrame({"a": [1, 2, 3, 4], "drop_reason": ["x", None, "y", "x"]})
    ledger = Ledger()
    kept = ledger.keep_unflagged(rows)
    assert kept.to_dict(as_series=False) == {"a": [2]}
    assert ledger.dropped == {"x": 2, "y": 1}
    assert kept.height + sum(ledger.dropped.values()) == rows.height


def test_nothing_dropped_is_no_reason_and_a_note_is_kept_once() -> None:
    ledger = Ledger()
    ledger.drop("never", 0)
    ledger.note("A guess.")
    ledger.note("A guess.")
    assert ledger.dropped == {}
    assert ledger.notes == ["A guess."]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=200))
def test_quantiles_are_right_to_half_a_bin(values: list[float]) -> None:
    distribution = Distribution()
    distribution.add(values)
    exact = np.quantile(values, [0.25, 0.5, 0.95], method="inverted_cdf")
    found = list(distribution.quantiles([0.25, 0.5, 0.95]).values())
    assert np.allclose(found, exact, atol=0.0005)


def test_similarities_a_little_out_of_bounds_are_counted_at_the_bounds() -> None:
    distribution = Distribution()
    distribution.add([[1.0000001, -1.0000001]])
    assert distribution.counts.sum() == 2
    assert distribution.counts[0] == distribution.counts[-1] == 1
    assert Distribution().quantiles() == {}
