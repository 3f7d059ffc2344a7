from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.steps.propose_pairs import ProposePairsOptions, propose_pairs
from pairforge.steps.random_pairs import random_codes
from pairforge.steps.sentence_pairs import pair_codes, pair_places
from pairforge.text import normalised
from tests.fakes import LetterEncoder, TableEncoder

_WORDS = ("cat", "dog", "sat", "ran", "mat")
_WAYS = ("random", "bm25", "semantic", "bm25+semantic")
_sentence = st.lists(st.sampled_from(_WORDS), min_size=0, max_size=3).map(" ".join)
_pairs = st.lists(st.tuples(_sentence, _sentence), min_size=1, max_size=12)


def _gold(pairs: list[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema=["sentence1", "sentence2"], orient="row").with_columns(score=0.5)


def _texts(*texts: str) -> list[pl.DataFrame]:
    return [pl.DataFrame({"text": texts}, schema={"text": pl.String})]


def _keys(pairs: pl.DataFrame) -> list[frozenset[str]]:
    forms = pairs.select(normalised("sentence1"), normalised("sentence2"))
    return [frozenset(row) for row in forms.iter_rows()]


def _proposed(
    gold: pl.DataFrame, by: str, *, texts: list[pl.DataFrame] | None = None, **options: object
) -> pl.DataFrame:
    encoder = LetterEncoder() if "semantic" in by else None
    return propose_pairs(gold, texts, encoder=encoder, options=ProposePairsOptions(by=by, **options))  # type: ignore[arg-type]


@settings(max_examples=60)
@given(pairs=_pairs, more=st.lists(_sentence, max_size=8), by=st.sampled_from(_WAYS),
       top_k=st.integers(1, 4), max_pairs=st.none() | st.integers(1, 20))  # fmt: skip
def test_no_gold_pair_no_self_and_nothing_twice_is_proposed(
    pairs: list[tuple[str, str]], more: list[str], by: str, top_k: int, max_pairs: int | None
) -> None:
    gold = _gold(pairs)
    try:
        found = _proposed(gold, by, texts=_texts(*more, "a Cat.") if more else None, top_k=top_k, max_pairs=max_pairs)
    except FrameError as error:
        assert "sentence cannot be paired" in str(error)  # noqa: PT017 - fewer than two sentences cannot be paired
        return
    keys = _keys(found)
    assert all(len(key) == 2 and "" not in key for key in keys)
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(_keys(gold))
    assert max_pairs is None or found.height <= max_pairs
    assert found.columns == ["sentence1", "sentence2", "proposed_by"]


def test_the_nearest_are_proposed_and_the_ways_that_found_them_told() -> None:
    vectors = {"red cat": (1, 0, 0), "crimson feline": (0.9, 0.1, 0), "red car": (0, 1, 0), "blue sky": (0, 0, 1)}
    gold = _gold([("red cat", "blue sky"), ("crimson feline", "red car")])
    options = ProposePairsOptions(by="bm25+semantic", top_k=1)
    found = propose_pairs(gold, encoder=TableEncoder(vectors), options=options)
    told = {frozenset(row[:2]): row[2] for row in found.iter_rows()}
    assert told[frozenset(("red cat", "crimson feline"))] == "semantic"
    assert told[frozenset(("red cat", "red car"))] == "bm25"
    again = propose_pairs(gold, _texts("red cats"), encoder=TableEncoder({**vectors, "red cats": (0.99, 0, 0.1)}),
                          options=ProposePairsOptions(by="bm25+semantic", top_k=3))  # fmt: skip
    told = {frozenset(row[:2]): row[2] for row in again.iter_rows()}
    assert told[frozenset(("red cat", "red cats"))] == "bm25+semantic"


def test_a_sentence_that_is_not_among_its_own_nearest_still_gets_top_k_others() -> None:
    same = {f"same {row}": (1, 0) for row in range(6)}
    gold = _gold([("same 0", "same 1"), ("same 2", "same 3"), ("same 4", "same 5")])
    found = propose_pairs(gold, encoder=TableEncoder(same), options=ProposePairsOptions(by="semantic", top_k=1))
    # Ties go to the lower row: all but the first are paired with the first; gold's own pair is left out.
    assert {frozenset(key) for key in _keys(found)} == {frozenset(("same 0", f"same {row}")) for row in range(2, 6)}


def test_random_pairs_are_as_many_as_wanted_and_follow_the_seed() -> None:
    gold = _gold([(f"left {row}", f"right {row}") for row in range(100)])
    first, again, other = (_proposed(gold, "random", max_pairs=300, seed=seed) for seed in (1, 1, 2))
    assert first.height == 300
    assert first.equals(again)
    assert not first.equals(other)
    assert _proposed(gold, "random", top_k=3).height == 600


def test_all_there_are_is_what_random_gives_at_most() -> None:
    gold = _gold([("a1", "b1"), ("c1", "d1")])
    assert _proposed(gold, "random", max_pairs=1000).height == 6 - 2


@given(
    size=st.integers(2, 200), wanted=st.integers(1, 400), seed=st.integers(0, 2**32 - 1), excluded=st.integers(0, 50)
)
def test_random_codes_are_distinct_pairs_that_are_not_excluded(
    size: int, wanted: int, seed: int, excluded: int
) -> None:
    every = np.array([(a, b) for b in range(size) for a in range(b)])
    codes = np.sort(pair_codes(every[:, 0], every[:, 1], size))
    forbidden = codes[np.random.default_rng(seed).permutation(len(codes))[:excluded]]
    drawn = random_codes(size, wanted, np.sort(forbidden), seed)
    assert len(drawn) == min(wanted, len(codes) - len(forbidden))
    assert (np.diff(drawn) > 0).all()
    assert np.isin(drawn, codes).all()
    assert not np.isin(drawn, forbidden).any()


def test_every_pair_is_as_likely_as_any_other() -> None:
    counts = np.zeros((12, 12))
    for seed in range(3000):
        counts[pair_places(random_codes(12, 5, np.empty(0, dtype=np.int64), seed), 12)] += 1
    drawn = counts[np.triu_indices(12, 1)]
    expected = 3000 * 5 / 66
    assert drawn.sum() == 15000
    assert abs(drawn - expected).max() < 5 * expected**0.5


def test_pairs_of_millions_of_sentences_are_coded_and_decoded_exactly() -> None:
    codes = random_codes(100_000_000, 1000, np.empty(0, dtype=np.int64), 0)
    first, second = pair_places(codes, 100_000_000)
    assert (first < second).all()
    assert second.max() > 90_000_000
    assert (pair_codes(second, first, 100_000_000) == codes).all()


def test_given_pairs_go_through_the_same_exclusions_with_their_columns_but_not_their_scores() -> None:
    gold = _gold([("A cat.", "a dog")])
    given_pairs = pl.DataFrame(
        {
            "sentence1": ["a dog", "a cow", "a hen", "A Hen", "", "a cat", "a pig"],
            "sentence2": ["a  CAT", "a cow.", "a fox", "a fox", "a fox", "a fox", "a test"],
            "score": [0.1] * 7,
            "row": range(7),
        }
    )
    known = pl.DataFrame({"anchor": ["a test"], "positive": ["a pig"]})
    context = StepContext()
    found = propose_pairs(
        gold, given=given_pairs, known=[known], options=ProposePairsOptions(by="given"), context=context
    )
    assert found.rows() == [("a hen", "a fox", "given", 2), ("a cat", "a fox", "given", 5)]
    assert found.columns == ["sentence1", "sentence2", "proposed_by", "row"]
    assert context.ledger.dropped == {"known_pair": 2, "same_sentence": 1, "repeated": 1, "empty_sentence": 1}
    assert context.ledger.notes == ["the given file's score is left behind: its pairs are to be scored anew"]


def test_a_cap_keeps_a_random_choice_in_order() -> None:
    gold = _gold([("x", "y")])
    rows = pl.DataFrame({"sentence1": [f"s{row}" for row in range(50)], "sentence2": ["t"] * 50, "row": range(50)})
    context = StepContext()
    kept = propose_pairs(gold, given=rows, options=ProposePairsOptions(by="given", max_pairs=10), context=context)
    assert kept.height == 10
    assert kept["row"].is_sorted()
    assert kept["row"].to_list() != list(range(10))
    assert context.ledger.counts["left out, above max_pairs"] == 40


@pytest.mark.parametrize(
    ("by", "inputs", "said"),
    [
        ("semantic", {}, "need an encoder"),
        ("given", {}, "Name it with --given"),
        ("random", {"given": _gold([("a", "b")])}, "Say --by given"),
        ("given", {"given": _gold([("a", "b")]), "texts": _texts("c")}, "Leave out --texts"),
    ],
)
def test_inputs_at_odds_with_the_way_are_refused(by: str, inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionsError, match=said):
        propose_pairs(_gold([("x", "y")]), **inputs, options=ProposePairsOptions(by=by))  # type: ignore[arg-type]


def test_one_sentence_cannot_be_paired() -> None:
    with pytest.raises(FrameError, match="1 sentence cannot be paired"):
        _proposed(_gold([("a cat", "A cat.")]), "bm25")


def test_nli_rows_are_gold_pairs_too() -> None:
    gold = pl.DataFrame({"premise": ["one cat"], "hypothesis": ["two cats"], "label": ["neutral"]})
    found = propose_pairs(gold, _texts("three cat", "two cats"), options=ProposePairsOptions(by="bm25", top_k=5))
    assert _keys(found) == [frozenset(("one cat", "three cat"))]


def test_texts_of_another_domain_are_paired_among_themselves() -> None:
    gold, texts = _gold([("red cat", "red dog")]), _texts("red car", "red bus", "Red cat.")
    options = ProposePairsOptions(by="bm25", gold_sentences=False)
    found = propose_pairs(gold, texts, options=options)
    wanted = (("red car", "red bus"), ("red car", "red cat"), ("red bus", "red cat"))
    assert set(_keys(found)) == {frozenset(pair) for pair in wanted}
    with pytest.raises(OptionsError, match="Give --texts"):
        propose_pairs(gold, options=options)


def test_texts_may_be_of_any_shape() -> None:
    listed = pl.DataFrame({"query": ["red"], "documents": [["red hen"]], "labels": [[1]]})
    texts = [_gold([("red car", "red bus")]), listed]
    found = propose_pairs(_gold([("x y", "z")]), texts, options=ProposePairsOptions(by="bm25", gold_sentences=False))
    assert frozenset(("red bus", "red hen")) in _keys(found)
    assert frozenset(("red", "red hen")) in _keys(found)


def test_one_corpus_may_be_given_by_itself() -> None:
    gold, options = _gold([("red car", "x")]), ProposePairsOptions(by="bm25")
    known, texts = _gold([("red bus", "Red car.")]), _texts("red bus", "red hen")
    found = propose_pairs(gold, texts[0], known=known, options=options)
    assert found.equals(propose_pairs(gold, texts, known=[known], options=options))
    assert frozenset(("red car", "red bus")) not in _keys(found)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"gold": _gold([("a", "b")]).rename({"sentence1": "x"})}, "gold: its columns .* fit no wanted shape"),
        ({"gold": pl.DataFrame({"anchor": ["a", None], "positive": ["b", "c"]})}, "gold: column 'anchor' is null in 1"),
        ({"known": _gold([("a", "b")]).clear()}, "known: .* no rows"),
        ({"given": pl.DataFrame({"sentence1": [1], "sentence2": ["b"]})}, "given: column 'sentence1' should hold text"),
    ],
)
def test_frames_without_two_sentences_a_row_are_refused(inputs: dict[str, Any], said: str) -> None:
    options = ProposePairsOptions(by="given" if "given" in inputs else "random")
    with pytest.raises(FrameError, match=said):
        propose_pairs(**({"gold": _gold([("x", "y")])} | inputs), options=options)


def test_given_pairs_need_no_sentences_of_gold() -> None:
    options = ProposePairsOptions(by="given", gold_sentences=False)
    found = propose_pairs(_gold([("x", "y")]), given=_gold([("a", "b")]), options=options)
    assert found.rows() == [("a", "b", "given")]
