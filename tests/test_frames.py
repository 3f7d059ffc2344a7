from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge import frames
from pairforge.errors import FrameError
from pairforge.files.slices import StackedRows
from pairforge.frames import SHAPES, Column, ColumnKind, FrameContract, adopt, detect_shape, training_view
from pairforge.frames.columns import ColumnFacts

PAIR = {"anchor": ["a"], "positive": ["b"]}
SCORED = {"sentence1": ["a", "c"], "sentence2": ["b", "d"], "score": [0.5, 1.0]}

COLUMNS = {
    "nli": {"premise": ["a"], "hypothesis": ["b"], "label": [2]},
    "pair": PAIR,
    "triplet": {**PAIR, "negative": ["c"]},
    "n-tuple": {**PAIR, "negative_1": ["c"], "negative_2": ["d"]},
    "scored pair": SCORED,
    "labelled pair": {"sentence1": ["a"], "sentence2": ["b"], "label": [1]},
    "labelled list": {"query": ["a"], "documents": [["b", "c"]], "labels": [[1, 0]]},
    "scored list": {"query": ["a"], "documents": [["b", "c"]], "scores": [[0.5, -2.0]]},
    "margin": {"query": ["a"], "positive": ["b"], "negative": ["c"], "score": [-3.5]},
    "denoising": {"damaged": ["a"], "original": ["b"]},
    "labelled text": {"text": ["a"], "label": ["b"]},
    "image-text": {"image": ["a.png"], "caption": ["b"]},
    "text": {"text": ["a"]},
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_told_from_all_others_by_its_columns(name: str) -> None:
    corpus = pl.DataFrame(COLUMNS[name])
    shape = detect_shape(corpus.with_columns(extra=pl.lit("x")), "x")
    assert shape.name == name
    assert shape.check(corpus, "x").equals(corpus)


@pytest.mark.parametrize("name", SHAPES)
def test_a_trainer_sees_the_columns_of_the_contract_alone_and_in_order(name: str) -> None:
    columns = COLUMNS[name]
    shuffled = pl.DataFrame(dict(reversed(columns.items()))).select(pl.lit("x").alias("stray"), pl.all())
    assert training_view(shuffled, SHAPES[name]).columns == list(columns)


def test_numbered_columns_are_taken_in_the_order_of_their_numbers() -> None:
    columns = ["negative_10", "negative_2", "negative_x", "negative_0", "anchor", "positive", "negative_1"]
    view = training_view(pl.DataFrame({name: ["x"] for name in columns}), SHAPES["n-tuple"])
    assert view.columns == ["anchor", "positive", "negative_1", "negative_2", "negative_10"]


def test_a_checked_frame_has_canonical_types_and_keeps_other_columns() -> None:
    raw = pl.DataFrame(
        {
            "query_id": [7],
            "doc_id": pl.Series(["d"], dtype=pl.Categorical),
            "relevance": pl.Series([True]),
            "note": [None],
        }
    )
    checked = frames.QRELS.check(raw, "qrels.tsv")
    assert checked.schema == {"query_id": pl.String, "doc_id": pl.String, "relevance": pl.Int64, "note": pl.Null}
    assert checked.rows() == [("7", "d", 1, None)]


WRONG = [
    (frames.PAIR, {"anchor": ["a"]}, "column 'positive' is missing (found: anchor). Name it with --positive-column."),
    (frames.N_TUPLE, PAIR, "column 'negative_1' is missing (found: anchor, positive). Rename the file's columns."),
    (frames.PAIR, {"anchor": [1], "positive": ["b"]}, "column 'anchor' should hold text, but it is of type Int64"),
    (frames.PAIR, {"anchor": [None], "positive": ["b"]}, "column 'anchor' holds nothing but nulls; text was wanted"),
    (frames.PAIR, {"anchor": ["a", None, None], "positive": ["b"] * 3}, "is null in 2 of 3 rows, first in row 2"),
    (frames.PAIR, {"anchor": [], "positive": []}, "a pair corpus was wanted, but it has no rows"),
    (frames.SCORED_PAIR, {**SCORED, "score": [0.5, 4]}, "should lie in 0 to 1, but it runs from 0.5 to 4"),
    (frames.SCORED_PAIR, {**SCORED, "score": [0.5, float("nan")]}, "holds NaN or an infinity"),
    (
        frames.SCORED_PAIR,
        {**SCORED, "score": ["high", "low"]},
        "of type String. Name another column with --score-column.",
    ),
    (frames.LABELLED_PAIR, {**SCORED, "label": [0, 2]}, "should lie in 0 to 1, but it runs from 0 to 2"),
    (frames.LABELLED_PAIR, {**SCORED, "label": [0, 0.5]}, "should hold whole-number labels, but it holds 0.5"),
    (frames.LABELLED_PAIR, {**SCORED, "label": [0, float("nan")]}, "whole-number labels, but it holds nan"),
    (
        frames.NLI,
        {**COLUMNS["nli"], "label": [-1]},
        "from -1 to -1. Turn it into 0, 1 and 2 by convert-nli --to labelled",
    ),
    (frames.LABELLED_LIST, {**COLUMNS["labelled list"], "labels": [[1, -1]]}, "should lie in 0 to ∞"),
    (frames.LABELLED_LIST, {**COLUMNS["labelled list"], "labels": [[1, None]]}, "has a list with a null in it"),
    (frames.LABELLED_LIST, {**COLUMNS["labelled list"], "documents": ["b"]}, "should hold lists of texts"),
    (frames.SCORED_LIST, {**COLUMNS["scored list"], "scores": [["x"]]}, "should hold lists of scores"),
]


@pytest.mark.parametrize("slice_rows", [1, 100], ids=["row by row", "at once"])
@pytest.mark.parametrize(("contract", "columns", "fault"), WRONG, ids=[fault[:40] for _, _, fault in WRONG])
def test_a_wrong_frame_gets_one_sentence(
    contract: FrameContract, columns: dict[str, list], fault: str, slice_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairforge.files.slices.SLICE_ROWS", slice_rows)
    with pytest.raises(FrameError) as caught:
        contract.check(pl.DataFrame(columns, strict=False), "pairs.csv")
    message = str(caught.value)
    assert message.startswith("pairs.csv: ")
    assert fault in message
    assert message.endswith(".")


def test_a_column_of_any_value_is_left_as_it_is() -> None:
    raw = pl.DataFrame({"premise": ["a"] * 2, "hypothesis": ["b"] * 2, "label": ["neutral", None]})
    assert frames.RAW_NLI.check(raw, "x").equals(raw)


def test_no_fitting_shape_is_said_with_all_that_would_fit() -> None:
    with pytest.raises(
        FrameError, match=r"its columns \(x\) fit no wanted shape \(pair: anchor, positive; text: text\)"
    ):
        detect_shape(pl.DataFrame({"x": ["a"]}), "x.csv", [frames.PAIR, frames.TEXT])


def test_raw_names_are_guessed_and_every_guess_is_told() -> None:
    raw = pl.DataFrame({"Question": ["a"], "answer": ["b"], "source": ["web"]})
    adopted = adopt(raw, [frames.TRIPLET, frames.PAIR], "qa.csv")
    assert adopted.shape is frames.PAIR
    assert adopted.frame.columns == ["anchor", "positive", "source"]
    assert adopted.guesses == (
        "qa.csv: reads column 'Question' as 'anchor'",
        "qa.csv: reads column 'answer' as 'positive'",
    )


def test_fractions_are_scores_even_where_their_column_is_called_label() -> None:
    rows = pl.DataFrame({"sentence1": ["a", "c"], "sentence2": ["b", "d"], "label": [3.8, 5.0]})
    shapes = [SHAPES[name] for name in ("nli", "scored pair", "labelled pair")]
    adopted = adopt(rows, shapes, "stsb")
    assert adopted.shape.name == "scored pair"
    assert adopted.frame["score"].to_list() == [0.76, 1.0]
    assert adopt(rows.with_columns(label=pl.Series([0.0, 1.0])), shapes, "qqp").shape.name == "labelled pair"
    with pytest.raises(FrameError, match=r"should hold whole-number labels, but it holds 3\.8"):
        adopt(rows, [SHAPES["labelled pair"]], "stsb")


def test_a_label_that_a_shape_can_do_without_may_be_absent() -> None:
    shape = FrameContract("judged text", (Column("text"), Column("label", ColumnKind.LABEL, 0, 1, required=False)))
    assert adopt(pl.DataFrame({"text": ["a"]}), [shape], "x").shape is shape


def test_columns_that_the_user_names_are_no_guesses() -> None:
    raw = pl.DataFrame({"title": ["a"], "body": ["b"], "answer": ["c"]})
    adopted = adopt(raw, [frames.PAIR], "x", columns={"anchor": "title", "positive": "body"})
    assert adopted.frame.columns == ["anchor", "positive", "answer"]
    assert adopted.guesses == ()


def test_two_columns_may_be_exchanged() -> None:
    raw = pl.DataFrame({"anchor": ["b"], "positive": ["a"]})
    adopted = adopt(raw, [frames.PAIR], "x", columns={"anchor": "positive", "positive": "anchor"})
    assert adopted.frame.select("anchor", "positive").rows() == [("a", "b")]


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"anchor": "nothing"}, "column 'nothing', named as 'anchor', is missing (found: anchor, positive, other)"),
        ({"anchor": "other"}, "column 'other' cannot be read as 'anchor', which exists too"),
    ],
)
def test_names_that_cannot_be_given_are_refused(columns: dict[str, str], fault: str) -> None:
    raw = pl.DataFrame({**PAIR, "other": ["c"]})
    with pytest.raises(FrameError) as caught:
        adopt(raw, [frames.PAIR], "x", columns=columns)
    assert fault in str(caught.value)


def test_the_sts_scale_is_guessed_and_told_and_any_other_is_named() -> None:
    raw = pl.DataFrame({**SCORED, "score": [0.0, 5.0]})
    adopted = adopt(raw, [frames.SCORED_PAIR], "sts.csv")
    assert adopted.frame["score"].to_list() == [0, 1]
    assert "divides 'score' by 5" in adopted.guesses[0]
    assert adopt(raw, [frames.SCORED_PAIR], "sts.csv", score_scale=10).frame["score"].to_list() == [0, 0.5]
    with pytest.raises(FrameError, match="Give its top value with --score-scale"):
        adopt(raw.with_columns(score=pl.lit(70.0)), [frames.SCORED_PAIR], "sts.csv")
    with pytest.raises(FrameError, match="Shift and scale it to 0 to 1"):
        adopt(raw.with_columns(score=pl.Series([-1.0, 1.0])), [frames.SCORED_PAIR], "sts.csv")


VALUES = st.none() | st.floats(-1, 7) | st.sampled_from([0.0, 1.0, float("nan"), float("inf")])


@given(st.lists(VALUES, min_size=1, max_size=8), st.integers(1, 7), st.sampled_from(list(SHAPES.values())))
def test_what_is_known_of_rows_does_not_show_how_they_were_cut(
    values: list[float | None], cut: int, shape: FrameContract
) -> None:
    for column in shape.columns:
        lists = column.kind in (ColumnKind.TEXTS, ColumnKind.LABELS, ColumnKind.SCORES)
        series = pl.Series([None if value is None else [value] for value in values] if lists else values)
        parts = [ColumnFacts.of(part, column) for part in (series[:cut], series[cut:])]
        joined = parts[0].joined(parts[1]) if cut < len(values) else parts[0]
        whole = ColumnFacts.of(series, column)
        if whole.nulls:  # Then no more is asked of the values.
            assert (joined.rows, joined.nulls, joined.first_null) == (whole.rows, whole.nulls, whole.first_null)
        else:
            assert repr(joined) == repr(whole)


def test_the_scale_of_scores_is_guessed_from_all_rows_before_the_first_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairforge.files.slices.SLICE_ROWS", 2)
    low = pl.DataFrame({"sentence1": "a", "sentence2": "b", "score": [0.5, 1.0, 0.0]})
    adopted = adopt(StackedRows([low, low.with_columns(score=pl.lit(5.0))]), [frames.SCORED_PAIR], "sts")
    assert adopted.rows.slice(0, 2)["score"].to_list() == [0.1, 0.2]
    assert adopted.guesses == ("sts: divides 'score' by 5 (scores above 1; --score-scale says otherwise)",)


@given(st.lists(st.floats(-1, 7), min_size=1, max_size=20))
def test_scores_leave_in_their_bounds_and_in_their_order_or_not_at_all(scores: list[float]) -> None:
    raw = pl.DataFrame({"sentence1": "a", "sentence2": "b", "score": scores})
    try:
        adopted = adopt(raw, [frames.SCORED_PAIR], "x").frame["score"]
    except FrameError:
        assert min(scores) < 0 or max(scores) > 5
    else:
        assert adopted.is_between(0, 1).all()
        assert (adopted * (5 if max(scores) > 1 else 1)).to_list() == pytest.approx(scores)


def test_an_option_is_named_after_its_column() -> None:
    assert Column("doc_id", ColumnKind.IDENTIFIER).option == "--doc-id-column"


def test_an_identifier_that_may_be_missing_is_found_under_its_other_names() -> None:
    corpus = pl.DataFrame({"_id": ["a", "b"], "text": ["one", "two"]})
    adopted = adopt(corpus, (frames.CORPUS,), "corpus.jsonl")
    assert adopted.frame.columns == ["doc_id", "text"]
    assert adopted.guesses == ("corpus.jsonl: reads column '_id' as 'doc_id'",)
    assert adopt(corpus.drop("_id"), (frames.CORPUS,), "corpus.jsonl").frame.columns == ["text"]
