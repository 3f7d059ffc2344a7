from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.errors import FrameError
from pairforge.execution.step import StepContext
from pairforge.steps.merge_silver import MergeSilverOptions, merge_silver
from pairforge.steps.sentence_pairs import FIRST, SECOND, with_keys

_sentence = st.sampled_from(["a", "A.", "b", " b", "c", "d"])
_pairs = st.lists(st.tuples(_sentence, _sentence), min_size=1, max_size=12)


def _scored(pairs: list[tuple[str, str]], score: float, **columns: object) -> pl.DataFrame:
    frame = pl.DataFrame(pairs, schema=["sentence1", "sentence2"], orient="row")
    return frame.with_columns(pl.lit(score).alias("score"), **{name: pl.lit(value) for name, value in columns.items()})


@given(gold=_pairs, silver=_pairs)
def test_each_pair_stands_once_and_gold_before_silver(
    gold: list[tuple[str, str]], silver: list[tuple[str, str]]
) -> None:
    context = StepContext()
    merged = merge_silver(_scored(gold, 1.0), _scored(silver, 0.0), context=context)
    keyed = with_keys(merged)
    assert keyed.select(FIRST, SECOND).is_unique().all()
    gold_keys = with_keys(_scored(gold, 1.0)).select(FIRST, SECOND).unique()
    from_silver = keyed.filter(pl.col("origin") == "silver")
    assert from_silver.join(gold_keys, on=[FIRST, SECOND]).is_empty()
    assert keyed.filter(pl.col("origin") == "gold").height == gold_keys.height
    assert (merged["score"] == (merged["origin"] == "gold").cast(pl.Float64)).all()
    assert merged.height + sum(context.ledger.dropped.values()) == len(gold) + len(silver)


def test_dropped_rows_are_counted_by_reason() -> None:
    context = StepContext()
    gold = _scored([("a", "b"), ("B.", "a"), ("c", "d")], 1.0)
    silver = _scored([("b", "a"), ("a", "d"), ("d", "a")], 0.0)
    merged = merge_silver(gold, silver, context=context)
    assert merged["origin"].to_list() == ["gold", "gold", "silver"]
    assert context.ledger.dropped == {"repeated_gold": 1, "silver_of_a_gold_pair": 1, "repeated_silver": 1}
    assert context.ledger.counts == {"gold pairs": 2, "silver pairs": 1}


def test_columns_of_either_side_travel() -> None:
    merged = merge_silver(_scored([("a", "b")], 1.0, genre="news"), _scored([("a", "c")], 0.2, proposed_by="bm25"))
    assert merged.rows() == [("a", "b", 1.0, "gold", "news", None), ("a", "c", 0.2, "silver", None, "bm25")]


def test_columns_that_do_not_go_together_are_named() -> None:
    with pytest.raises(FrameError, match="silver: its column 'n' is of type List"):
        merge_silver(_scored([("a", "b")], 1.0, n="x"), _scored([("a", "c")], 0.2).with_columns(n=[1]))
    with pytest.raises(FrameError, match="gold: its column 'origin'"):
        merge_silver(_scored([("a", "b")], 1.0, origin="x"), _scored([("a", "c")], 0.2))


def test_gold_of_another_domain_is_left_out_and_still_kept_out_of_silver() -> None:
    context, options = StepContext(), MergeSilverOptions(keep_gold=False)
    gold, silver = _scored([("a", "b")], 1.0), _scored([("b", "A."), ("a", "c")], 0.0)
    merged = merge_silver(gold, silver, options=options, context=context)
    assert merged.rows() == [("a", "c", 0.0, "silver")]
    assert context.ledger.dropped == {"silver_of_a_gold_pair": 1, "gold": 1}


def test_sides_that_are_not_scored_from_0_to_1_are_refused() -> None:
    with pytest.raises(FrameError, match="gold: column 'score' should lie in 0 to 1"):
        merge_silver(_scored([("a", "b")], 4.5), _scored([("a", "c")], 0.2))
    with pytest.raises(FrameError, match="silver: column 'score' is missing"):
        merge_silver(_scored([("a", "b")], 1.0), _scored([("a", "c")], 0.2).drop("score"))
