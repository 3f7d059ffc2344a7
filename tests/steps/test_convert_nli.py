from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.frames import RAW_NLI, FrameContract, adopt
from pairforge.steps.convert_nli import STEP, ConvertNliOptions, convert_nli
from pairforge.text import normalised

ROWS = [
    ("A man sings.", "A person sings.", 0),
    ("A man sings.", "Nobody sings.", 2),
    ("A man sings.", "A man sings well.", 1),
    ("A man sings.", "Someone sings.", 0),
    ("A man sings.", "A man is silent.", 2),
    ("A man sings.", "There is singing.", 0),
    ("A dog runs.", "An animal runs.", 0),
    ("A cat sleeps.", "A cat is awake.", 2),
]


def nli(rows: list[tuple[str, str, object]] = ROWS) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["premise", "hypothesis", "label"], orient="row", strict=False)


def converted(frame: pl.DataFrame, **options: object) -> tuple[pl.DataFrame, StepContext]:
    context = StepContext()
    return convert_nli(frame, options=ConvertNliOptions(**options), context=context), context


def keys(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(normalised(name) for name in frame.columns)


def test_pairs_are_the_entailed_rows() -> None:
    pairs, context = converted(nli())
    assert pairs.rows() == [row[:2] for row in ROWS if row[2] == 0]
    assert pairs.columns == ["anchor", "positive"]
    assert context.ledger.dropped == {"not_entailed": 4}


def test_the_kth_entailed_hypothesis_meets_the_kth_contradicted_one_beginning_again() -> None:
    triplets, context = converted(nli(), to="triplet")
    assert triplets["negative"].to_list() == ["Nobody sings.", "A man is silent.", "Nobody sings."]
    assert triplets["positive"].to_list() == ["A person sings.", "Someone sings.", "There is singing."]
    assert context.ledger.dropped == {"no_contradiction": 1, "used_as_negative": 2, "not_entailed": 2}


def test_premises_are_joined_whatever_their_case_and_full_stop() -> None:
    triplets, _ = converted(nli([("A dog runs.", "It runs.", 0), ("a dog  runs", "It sits.", 2)]), to="triplet")
    assert triplets.rows() == [("A dog runs.", "It runs.", "It sits.")]


def test_random_negatives_fill_only_what_lacks_a_contradiction() -> None:
    mixed, _ = converted(nli(), to="triplet", negatives="contradiction-or-random")
    assert mixed["negative"].to_list()[:3] == ["Nobody sings.", "A man is silent.", "Nobody sings."]
    assert mixed["negative"][3] not in (None, "An animal runs.")


def test_without_negatives_triplets_are_pairs_to_be_mined() -> None:
    options = ConvertNliOptions(to="triplet", negatives="none")
    assert convert_nli(nli(), options=options).columns == ["anchor", "positive"]
    assert next(iter(STEP.outputs(options).values())).name == "pair"


def test_a_text_that_is_also_a_positive_is_no_contradiction() -> None:
    rows = [("A dog runs.", "It runs.", 0), ("A dog runs.", "it runs", 2), ("A dog runs.", "A dog runs", 2)]
    triplets, context = converted(nli(rows), to="triplet")
    assert triplets.is_empty()
    assert context.ledger.dropped == {"no_contradiction": 1, "not_entailed": 2}


def test_both_directions_double_the_pairs_but_those_that_stand_there_turned_already() -> None:
    pairs, context = converted(nli([("a", "b", 0), ("b", "a", 0), ("c", "d", 0), ("e", "E.", 0)]), bidirectional=True)
    assert pairs.rows() == [("a", "b"), ("b", "a"), ("c", "d"), ("e", "E."), ("d", "c")]
    assert context.ledger.counts == {"turned rows that stood there already": 3}


def test_turned_triplets_keep_their_negative_unless_it_is_a_positive_of_the_new_anchor() -> None:
    rows = [("a", "b", 0), ("a", "x", 2), ("b", "x", 0), ("c", "d", 0), ("c", "y", 2)]
    triplets, context = converted(nli(rows), to="triplet", bidirectional=True)
    assert triplets.rows() == [("a", "b", "x"), ("c", "d", "y"), ("d", "c", "y")]
    assert context.ledger.counts["turned rows whose negative is a positive"] == 1


def test_binary_labels_tell_entailment_from_all_else() -> None:
    binary, _ = converted(nli(ROWS[:3]), to="binary")
    assert binary["label"].to_list() == [1, 0, 0]
    assert binary.columns == ["sentence1", "sentence2", "label"]


def test_scored_pairs_carry_the_scores_asked_for() -> None:
    scored, _ = converted(nli(ROWS[:3]), to="scored", neutral_score=0.5)
    assert scored["score"].to_list() == [1.0, 0.0, 0.5]
    assert scored.columns == ["sentence1", "sentence2", "score"]


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 2], ["entailment", "Neutral", " CONTRADICTION "], ["e", "N", "c"], ["0", "1", "2"], [0.0, 1.0, 2.0]],
)
def test_labels_may_be_numbers_or_words_and_leaveas_numbers(labels: list[object]) -> None:
    rows = [("p", hypothesis, label) for hypothesis, label in zip("abc", labels, strict=True)]
    labelled, _ = converted(nli(rows), to="labelled")
    assert labelled["label"].to_list() == [0, 1, 2]
    assert labelled.schema["label"] == pl.Int64


@pytest.mark.parametrize("unlabelled", [-1, "-", "", None, float("nan"), "-1"])
def test_unlabelled_rows_are_counted_and_dropped(unlabelled: object) -> None:
    label = {int: 0, float: 0.0}.get(type(unlabelled), "entailment")
    pairs, context = converted(nli([("a", "b", label), ("c", "d", unlabelled)]))
    assert pairs.height == 1
    assert context.ledger.dropped["unlabelled"] == 1


@pytest.mark.parametrize("unknown", ["maybe", "3", "not_entailment"])
def test_an_unknown_label_is_named_with_its_row(unknown: str) -> None:
    with pytest.raises(FrameError, match=f"'{unknown}' in row 2"):
        converted(nli([("a", "b", "entailment"), ("c", "d", unknown)]))


def test_labels_in_lists_are_refused_in_a_sentence() -> None:
    with pytest.raises(FrameError, match="one label a row"):
        converted(pl.DataFrame({"premise": ["a"], "hypothesis": ["b"], "label": [[0]]}))


def test_duplicates_after_normalisation_are_dropped_and_the_first_kept() -> None:
    pairs, context = converted(nli([("A dog.", "An animal", 0), ("a dog", "AN ANIMAL.", 0)]))
    assert pairs.rows() == [("A dog.", "An animal")]
    assert context.ledger.dropped == {"duplicate": 1}


@pytest.mark.parametrize("to", ["pair", "triplet", "scored", "binary", "labelled"])
def test_a_file_without_one_label_leaves_no_row_but_its_columns(to: str) -> None:
    none, context = converted(nli([("a", "b", None), ("c", "d", None)]), to=to)
    some, _ = converted(nli(), to=to)
    assert none.is_empty()
    assert none.schema == some.schema
    assert context.ledger.dropped == {"unlabelled": 2}


def test_extra_columns_travel_with_turned_rows_too() -> None:
    frame = nli(ROWS[:2]).with_columns(pairID=pl.Series(["x", "y"]))
    triplets, _ = converted(frame, to="triplet", bidirectional=True)
    assert triplets["pairID"].to_list() == ["x", "x"]
    assert triplets.columns == ["anchor", "positive", "negative", "pairID"]


def test_an_extra_column_in_the_way_of_a_new_one_is_refused() -> None:
    with pytest.raises(FrameError, match="'anchor'"):
        converted(nli().with_columns(anchor=pl.lit("x")))


@pytest.mark.parametrize(
    "options",
    [
        {"to": "scored", "bidirectional": True},
        {"to": "pair", "negatives": "random"},
        {"to": "pair", "neutral_score": 0.5},
    ],
)
def test_options_that_would_have_no_effect_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionsError, match="to="):
        ConvertNliOptions(**options)


texts = st.sampled_from(["a", "A.", "b", "c", "d", "é", "e\u0301", "", " "])
raw_rows = st.lists(st.tuples(texts, texts, st.sampled_from([0, 1, 2, -1])), min_size=1, max_size=25)
labelled_rows = st.lists(st.tuples(texts, texts, st.sampled_from([0, 1, 2])), min_size=1, max_size=25)


@given(raw_rows, st.sampled_from(["contradiction", "random", "contradiction-or-random"]), st.booleans())
def test_no_negative_is_ever_a_known_positive_of_its_anchor(
    rows: list[tuple[str, str, int]], negatives: str, bidirectional: bool
) -> None:
    made, _ = converted(nli(rows), to="triplet", negatives=negatives, bidirectional=bidirectional)
    entailed = keys(nli(rows).filter(pl.col("label") == 0).select("premise", "hypothesis")).rows()
    known = {*entailed, *((second, first) for first, second in entailed)}
    for anchor, positive, negative in keys(made).rows():
        assert negative not in (anchor, positive)
        assert (anchor, negative) not in known
        assert negatives != "random" or (positive, negative) not in known


@given(raw_rows, st.sampled_from(["pair", "triplet", "scored", "binary", "labelled"]))
def test_every_row_is_in_the_output_or_dropped_for_a_reason(rows: list[tuple[str, str, int]], to: str) -> None:
    made, context = converted(nli(rows), to=to)
    assert made.height + sum(context.ledger.dropped.values()) == len(rows)
    assert keys(made.select(made.columns[:2])).is_unique().all()
    contract = next(iter(STEP.outputs(ConvertNliOptions(to=to)).values()))
    assert isinstance(contract, FrameContract)
    assert made.is_empty() or contract.check(made, "made").equals(made)


@given(labelled_rows)
def test_random_negatives_are_another_premise_s_and_missing_only_where_there_is_none(
    rows: list[tuple[str, str, int]],
) -> None:
    frame = nli(rows)
    made, _ = converted(frame, to="triplet", negatives="random")
    said = set(keys(frame.select("premise", "hypothesis")).rows())
    entailed = set(keys(frame.filter(pl.col("label") == 0).select("premise", "hypothesis")).rows())
    given_one = {(anchor, positive) for anchor, positive, _ in keys(made).rows()}
    for premise, positive in entailed:
        near = {premise, positive}
        related = near | {b for a, b in said if a in near} | {a for a, b in entailed if b in near}
        assert ((premise, positive) in given_one) == bool({b for _, b in said} - related)
    assert all((anchor, negative) not in said for anchor, _, negative in keys(made).rows())


def test_raw_nli_is_adopted_with_its_unlabelled_rows_and_words() -> None:
    raw = pl.DataFrame({"sentence1": ["a"], "sentence2": ["b"], "gold_label": ["-"]})
    assert adopt(raw, (RAW_NLI,), "raw.jsonl").frame.columns == ["premise", "hypothesis", "label"]


def test_real_nli_gives_a_triplet_for_each_contradicted_premise(shared_data: Path) -> None:
    frame = pl.read_parquet(shared_data / "nli/snli_dev.parquet")
    triplets, context = converted(frame, to="triplet")
    assert triplets.height + sum(context.ledger.dropped.values()) == frame.height
    assert triplets.height > 2900
