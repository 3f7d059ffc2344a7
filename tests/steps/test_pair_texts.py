from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.stage import FileInput, Stage, run_stage
from pairforge.execution.step import StepContext
from pairforge.frames import LABELLED_PAIR, PAIR, TEXT, FrameContract, adopt
from pairforge.sentences import word_spans
from pairforge.steps.pair_texts import STEP, PairTextsOptions, pair_rows, pair_texts, prepare
from pairforge.steps.pair_texts_fields import FIELDS
from pairforge.steps.pair_texts_options import _USED_BY
from pairforge.text import normalised
from tests.fakes import LetterEncoder, TableEncoder

NAMES = [f"name{number}" for number in range(10)]
DOCUMENTS = [
    "The cat sat on the mat. It was a warm day. Nobody came to see it.",
    "Dogs run fast in the park. They bark at cats all day. Then they sleep. At night they dream of cats.",
    "Too short.",
    "",
    "Ships sail on the sea. Some of them are lost.",
    "the  cat sat on the mat. It was a warm day. Nobody came to see it",
]
WAYS = ["twins", "crops", "cloze", "neighbours", "nearest", "tension"]


def texts(given: list[str] = DOCUMENTS) -> pl.DataFrame:
    return pl.DataFrame({"text": given}, schema={"text": pl.String}).with_row_index("own_id")


def paired(given: list[str] | pl.DataFrame, encoder: Any = None, **options: Any) -> tuple[pl.DataFrame, StepContext]:
    context, frame = StepContext(), given if isinstance(given, pl.DataFrame) else texts(given)
    made = pair_texts(frame, encoder=encoder, options=PairTextsOptions(**options), context=context)
    return made, context


def halves(made: pl.DataFrame) -> list[tuple[str, str]]:
    return made.select("anchor", "positive").rows()


def numbered_words(count: int) -> str:
    return " ".join(f"w{number}" for number in range(count))


def test_twins_are_the_distinct_texts_with_themselves() -> None:
    made, context = paired(DOCUMENTS, by="twins")
    assert made["source_row"].to_list() == [0, 1, 2, 4]
    assert all(anchor == positive == DOCUMENTS[row] for anchor, positive, _, row in made.rows())
    assert made.columns == ["anchor", "positive", "own_id", "source_row"]
    assert context.ledger.dropped == {"empty_text": 1, "duplicate": 1}


def test_crops_are_runs_of_words_within_the_bounds() -> None:
    made, _ = paired([numbered_words(100)], by="crops", pairs_per_text=200, min_crop_share=0.1, max_crop_share=0.3)
    text = numbered_words(100)
    sizes = [len(crop.split()) for pair in halves(made) for crop in pair]
    assert all(f" {crop} " in f" {text} " for pair in halves(made) for crop in pair)
    assert (min(sizes), max(sizes)) == (10, 29)
    starts = {crop.split()[0] for pair in halves(made) for crop in pair}
    assert len(starts) > 60
    assert {"w0"} <= starts


def test_the_two_crops_of_a_pair_are_independent() -> None:
    made, _ = paired([numbered_words(100)], by="crops", pairs_per_text=500)
    starts = np.array([[int(crop.split()[0][1:]) for crop in pair] for pair in halves(made)])
    assert abs(np.corrcoef(starts.T)[0, 1]) < 0.15
    overlapping = (abs(starts[:, 0] - starts[:, 1]) < 10).mean()
    assert 0.1 < overlapping < 0.5


def test_both_crops_are_of_one_passage_of_a_long_text() -> None:
    made, _ = paired([numbered_words(5_000)], by="crops", pairs_per_text=100, passage_words=50)
    places = np.array([[int(word[1:]) for crop in pair for word in crop.split()[:: max(len(crop.split()) - 1, 1)]]
                       for pair in halves(made)])  # fmt: skip
    assert (places.max(axis=1) - places.min(axis=1)).max() < 50
    assert places.max() - places.min() > 4_000


def test_crops_of_a_script_without_blanks_are_cut_between_characters() -> None:
    text = "".join(chr(0x4E00 + number) for number in range(60))
    made, _ = paired([text], by="crops", pairs_per_text=5)
    assert all(crop in text and 5 <= len(crop) <= 30 for pair in halves(made) for crop in pair)


def test_texts_of_fewer_words_than_two_crops_are_dropped_and_counted() -> None:
    made, context = paired([numbered_words(9), numbered_words(10)], by="crops")
    assert made["source_row"].to_list() == [1]
    assert context.ledger.dropped == {"too_few_words": 1}


def test_crops_that_say_the_same_are_no_pair() -> None:
    made, context = paired(["ha " * 10, numbered_words(30)], by="crops", min_crop_share=1, max_crop_share=1)
    assert made.is_empty()
    assert context.ledger.dropped == {"identical_halves": 2}
    again, _ = paired([numbered_words(10)], by="crops", pairs_per_text=50)
    assert all(first != second for first, second in halves(again))
    assert again.select("anchor", "positive").is_unique().all()


def test_a_sentence_of_cloze_and_the_rest_make_up_the_text() -> None:
    made, context = paired(DOCUMENTS, by="cloze", pairs_per_text=9, keep_sentence=0)
    first = [pair for pair, row in zip(halves(made), made["source_row"], strict=True) if row == 0]
    assert first == [
        ("The cat sat on the mat.", "It was a warm day. Nobody came to see it."),
        ("It was a warm day.", "The cat sat on the mat. Nobody came to see it."),
        ("Nobody came to see it.", "The cat sat on the mat. It was a warm day."),
    ]
    assert context.ledger.dropped == {"empty_text": 1, "duplicate": 1, "one_sentence": 1}


def test_the_sentence_stays_in_the_rest_as_often_as_asked() -> None:
    many = [f"First part number {n}. Second part number {n}. Third part number {n}." for n in range(2_000)]
    made, _ = paired(many, by="cloze", keep_sentence=0.25)
    stays = made.select(pl.col("positive").str.contains(pl.col("anchor"), literal=True).mean()).item()
    assert abs(stays - 0.25) < 0.03
    positions = [anchor.split()[0] for anchor in made["anchor"]]
    assert all(positions.count(name) > 550 for name in ("First", "Second", "Third"))


def test_the_rest_of_a_long_text_is_the_passage_around_the_sentence() -> None:
    text = " ".join(f"This is sentence number x{n}." for n in range(100))
    made, _ = paired([text], by="cloze", pairs_per_text=100, passage_words=20, keep_sentence=0)
    for anchor, positive in halves(made):
        place, around = (
            int(anchor[:-1].rsplit("x", 1)[1]),
            [int(word[1:-1]) for word in positive.split() if "x" in word],
        )
        assert len(around) == 4
        assert len(word_spans(positive)) == 20
        assert sorted([*around, place]) == list(range(min(*around, place), min(*around, place) + 5))


def test_a_neighbour_longer_than_the_passage_is_taken_whole() -> None:
    made, _ = paired([f"Only three words. W{numbered_words(50)}."], by="cloze", passage_words=2, keep_sentence=0)
    assert {len(word_spans(half)) for half in halves(made)[0]} == {3, 50}


def test_the_rest_of_a_text_without_blanks_gets_none() -> None:
    made, _ = paired(["第一句话。第二句话。第三句话。"], by="cloze", pairs_per_text=3, keep_sentence=0)
    assert halves(made)[1] == ("第二句话。", "第一句话。第三句话。")


def test_neighbours_are_all_adjacent_sentences_unless_fewer_are_asked_for() -> None:
    made, context = paired(DOCUMENTS, by="neighbours")
    assert made["source_row"].to_list() == [0, 0, 1, 1, 1, 4]
    assert halves(made)[1] == ("It was a warm day.", "Nobody came to see it.")
    assert context.ledger.dropped == {"empty_text": 1, "duplicate": 1, "one_sentence": 1}
    fewer, _ = paired(DOCUMENTS, by="neighbours", pairs_per_text=1)
    assert fewer["source_row"].to_list() == [0, 1, 4]
    assert set(halves(fewer)) <= set(halves(made))


def test_short_sentences_are_no_anchor_and_no_neighbour() -> None:
    given = ["Yes. It is so. No. It is not so.", "Yes. No. Well."]
    made, context = paired(given, by="neighbours")
    assert made.is_empty()
    assert context.ledger.dropped == {"too_short_sentences": 2}
    made, context = paired(given, by="cloze", pairs_per_text=9, keep_sentence=0)
    assert halves(made) == [("It is so.", "Yes. No. It is not so."), ("It is not so.", "Yes. It is so. No.")]
    assert context.ledger.dropped == {"too_short_sentences": 1}


def test_repeated_sentences_make_no_pair_of_the_same_and_each_pair_once() -> None:
    made, context = paired(["The same thing. The same thing! The same thing. Another thing here."], by="neighbours")
    assert halves(made) == [
        ("The same thing.", "The same thing!"),
        ("The same thing!", "The same thing."),
        ("The same thing.", "Another thing here."),
    ]
    made, context = paired(["The same thing. The same thing. The same thing."], by="neighbours")
    assert made.is_empty()
    assert context.ledger.dropped == {"identical_halves": 1}
    assert context.ledger.counts["pairs: dropped as identical"] == 2


def test_a_text_can_be_split_at_its_lines_instead() -> None:
    made, _ = paired(
        ["first of these lines\n\nsecond one. of two\nthird of these lines"], by="neighbours", split_at="lines"
    )
    assert halves(made) == [
        ("first of these lines", "second one. of two"),
        ("second one. of two", "third of these lines"),
    ]


def rows_of(**columns: list[str]) -> pl.DataFrame:
    return pl.DataFrame(columns)


def test_fields_are_the_two_columns_without_empty_repeated_or_equal_ones() -> None:
    given = rows_of(
        anchor=["A wing", "A wing", "a wing.", "", "A tail", "A fin"],
        positive=["It lifts.", "It breaks.", "it lifts", "x", " ", "a fin."],
    )
    made, context = paired(given, by="fields")
    assert made.rows() == [("A wing", "It lifts.", 0), ("A wing", "It breaks.", 1)]
    assert context.ledger.dropped == {"duplicate": 1, "empty_text": 2, "identical_halves": 1}


def test_an_anchor_that_the_positive_repeats_is_counted_or_cut_off() -> None:
    given = rows_of(
        anchor=["A wing", "A wing", "A tail", "A fin", "An end"],
        positive=["A wing . It lifts.", "A wingspan", "The tail", "A fin: A fin is flat.", "An end."],
    )
    made, context = paired(given, by="fields")
    assert context.ledger.counts == {"positives that begin with their anchor": 3}
    assert any("--cut-anchor" in note for note in context.ledger.notes)
    made, context = paired(given, by="fields", cut_anchor=True)
    assert made["positive"].to_list() == ["It lifts.", "A wingspan", "The tail", "A fin is flat."]
    assert context.ledger.dropped == {"empty_text": 1}


@pytest.mark.parametrize(
    ("columns", "anchor", "positive"),
    [
        (("_id", "title", "text"), "title", "text"),
        (("qid", "focus", "question", "answer"), "question", "answer"),
        (("Title", "Body", "id"), "Title", "Body"),
        (("headline", "article"), "headline", "article"),
    ],
)
def test_fields_are_guessed_by_their_usual_names(columns: tuple[str, ...], anchor: str, positive: str) -> None:
    adopted = adopt(rows_of(**{name: [f"the {name}"] for name in columns}), (FIELDS,), "file")
    assert adopted.frame.select("anchor", "positive").row(0) == (f"the {anchor}", f"the {positive}")
    assert len(adopted.guesses) == 2


def test_nearest_are_each_others_nearest_and_each_pair_stands_once() -> None:
    angles = {"a": 0, "b": 10, "c": 18, "d": 90, "e": 95, "f": 200}
    vectors = {name: (np.cos(np.radians(angle)), np.sin(np.radians(angle))) for name, angle in angles.items()}
    made, context = paired([*angles, "B.", ""], TableEncoder(vectors), by="nearest")
    assert made.rows() == [
        ("b", "c", 1, 1, 2, pytest.approx(np.cos(np.radians(8)))),
        ("d", "e", 3, 3, 4, pytest.approx(np.cos(np.radians(5)))),
    ]
    assert made.columns == ["anchor", "positive", "own_id", "source_row", "partner_row", "similarity"]
    assert context.ledger.dropped == {"duplicate": 1, "empty_text": 1, "no_near_text": 1, "not_mutual": 1}
    wider, _ = paired([*angles], TableEncoder(vectors), by="nearest", top_k=2, max_similarity=0.992)
    assert halves(wider) == [("a", "b"), ("a", "c"), ("b", "c")]


@pytest.mark.parametrize("top_k", [1, 3, 50])
def test_nearest_agrees_with_all_similarities_computed_at_once(top_k: int) -> None:
    rng = np.random.default_rng(0)
    given = [f"text {row}" for row in range(40)]
    vectors = dict(zip(given, rng.normal(size=(40, 6)).astype(np.float32), strict=True))
    made, _ = paired(given, TableEncoder(vectors), by="nearest", top_k=top_k, min_similarity=0.1)
    unit = np.array([vector / np.linalg.norm(vector) for vector in vectors.values()], dtype=np.float64)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -9)
    near = np.argsort(-cosines, axis=1)[:, : min(top_k, 39)]
    wanted = {
        (row, int(other))
        for row in range(40)
        for other in near[row]
        if row < other and row in near[other] and cosines[row, other] >= 0.1
    }
    assert set(made.select("source_row", "partner_row").rows()) == wanted
    assert made["source_row"].is_sorted()


def test_texts_with_one_vector_or_none_are_still_no_neighbours_of_themselves() -> None:
    vectors = {"a": (1, 0), "b": (1, 0), "c": (1, 0), "d": (0, 0), "e": (0, 0)}
    made, _ = paired(list(vectors), TableEncoder(vectors, raw=True), by="nearest", top_k=2, min_similarity=-1)
    assert (made["source_row"] < made["partner_row"]).all()
    assert ("a", "b") in halves(made)


def test_neighbours_found_before_a_kill_are_not_sought_again(tmp_path: Path) -> None:
    context = StepContext(cache=tmp_path / "cache", workspace=tmp_path)
    options = PairTextsOptions(by="nearest", min_similarity=-1)
    given = texts([f"{letter} text" for letter in "abcdefgh"])
    found = prepare(given, encoder=LetterEncoder(), options=options, context=context).pool
    [file] = tmp_path.glob("nearest-*.npy")
    kept = np.load(file)
    kept["row"] = kept["row"][::-1]
    np.save(file, kept)
    again = prepare(given, encoder=LetterEncoder(), options=options, context=context).pool
    assert again.nearest.tolist() == found.nearest[::-1].tolist()


def test_tension_pairs_each_text_with_itself_and_with_random_others() -> None:
    given = [f"text number {row}" for row in range(300)]
    made, _ = paired([*given, "Text number 7."], by="tension")
    by_row = made.partition_by("source_row", maintain_order=True)
    assert len(by_row) == 300
    for of_row in by_row:
        assert of_row["label"].to_list() == [1] + [0] * 7
        assert of_row["sentence1"].n_unique() == 1
        assert of_row["sentence2"].n_unique() == 8
        assert of_row["sentence2"][0] == of_row["sentence1"][0]
    assert all(given[row] == text for row, text in made.select("partner_row", "sentence2").rows())
    drawn = made.filter(pl.col("label") == 0)["partner_row"].value_counts()["count"]
    assert drawn.sum() == 2_100
    assert drawn.max() < 25


def test_the_ratio_of_tension_can_be_set() -> None:
    made, _ = paired(["a", "b", "c"], by="tension", random_pairs=2)
    assert made["label"].to_list() == [1, 0, 0] * 3


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part_rows", [1, 3, 100])
def test_any_part_size_gives_the_same_rows(way: str, part_rows: int) -> None:
    more = [
        *DOCUMENTS,
        *(f"{text} {name} comes and goes. And {name} stays here." for text in DOCUMENTS for name in NAMES),
    ]
    options = PairTextsOptions(by=way, **({"min_similarity": 0.1, "top_k": 3} if way == "nearest" else {}))
    given, whole = texts(more), StepContext()
    wanted = pair_texts(given, encoder=LetterEncoder(), options=options, context=whole)
    cut = StepContext()
    prepared = prepare(given, encoder=LetterEncoder(), options=options, context=cut)
    parts = [
        pair_rows(given.slice(start, part_rows), first_row=start, prepared=prepared, options=options, context=cut)
        for start in range(0, given.height, part_rows)
    ]
    assert pl.concat(parts).equals(wanted)
    assert wanted.height > 0
    assert (cut.ledger.dropped, cut.ledger.counts) == (whole.ledger.dropped, whole.ledger.counts)


def test_a_seed_decides_the_draws_and_another_row_draws_otherwise() -> None:
    text = numbered_words(60)
    first, again, other = (paired([text], by="crops", seed=seed)[0] for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
    shifted, _ = paired(["another text", text], by="crops", seed=1, min_crop_words=2)
    moved, _ = paired([text], by="crops", seed=1, min_crop_words=2)
    assert halves(shifted)[-1] != halves(moved)[0]


@given(st.lists(st.text(st.sampled_from(list("aB. \n!。word")), max_size=60), max_size=6), st.sampled_from(WAYS))
def test_every_row_gives_pairs_or_a_reason(given: list[str], way: str) -> None:
    kept = texts(given).filter(normalised("text") != "")["text"]
    enough = kept.to_frame().select(normalised("text")).n_unique() > 1 or way not in ("nearest", "tension")
    if not given or not enough:
        return
    extra = {"nearest": {"min_similarity": 0.5}, "tension": {"random_pairs": 1}}.get(way, {})
    made, context = paired(given, LetterEncoder(), by=way, **extra)
    rows = {*made["source_row"], *(made["partner_row"] if way == "nearest" else [])}
    assert len(rows) + sum(context.ledger.dropped.values()) == len(given)
    (LABELLED_PAIR if way == "tension" else PAIR).check(made, "made") if made.height else None


def test_a_megabyte_of_text_is_a_text_like_others() -> None:
    long = " ".join(f"This is sentence number {row}." for row in range(36_000))
    assert len(long) > 2**20
    for way, rows in (("twins", 1), ("crops", 1), ("cloze", 1), ("neighbours", 35_999)):
        assert paired([long], by=way)[0].height == rows


@pytest.mark.parametrize("name", _USED_BY)
def test_an_option_of_another_way_is_refused(name: str) -> None:
    values: dict[str, Any] = {"split_at": "lines", "cut_anchor": True, "max_similarity": 0.9, "min_crop_share": 0.2,
                              "max_crop_share": 0.4, "min_similarity": 0.1, "keep_sentence": 0.2}  # fmt: skip
    value = values.get(name, 20)
    for way in WAYS:
        if way in _USED_BY[name]:
            assert getattr(PairTextsOptions(by=way, **{name: value}), name) == value
        else:
            with pytest.raises(OptionsError, match=rf"^{name} needs by='{_USED_BY[name][0]}'.*but it is by='{way}'"):
                PairTextsOptions(by=way, **{name: value})


def test_every_option_but_the_way_and_the_seed_has_its_ways() -> None:
    assert {*_USED_BY, "by", "seed"} == set(PairTextsOptions.model_fields)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "crops", "min_crop_share": 0.6}, r"min_crop_share \(0.6\) is above max_crop_share \(0.5\)"),
        ({"by": "crops", "passage_words": 8}, r"passage_words is 8, but two crops .* take 10"),
        ({"by": "nearest", "max_similarity": 0.5}, r"min_similarity \(0.8\) is above max_similarity \(0.5\)"),
    ],
)
def test_windows_that_nothing_fits_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionsError, match=words):
        PairTextsOptions(**options)


@pytest.mark.parametrize(("way", "given"), [("nearest", ["one", "One."]), ("tension", ["a", "b", "c"])])
def test_too_few_texts_to_pair_are_refused(way: str, given: list[str]) -> None:
    with pytest.raises(FrameError, match=r"^texts: at least \d distinct texts are needed"):
        paired(given, LetterEncoder(), by=way)


def test_nearest_without_an_encoder_is_refused() -> None:
    with pytest.raises(OptionsError, match="need an encoder"):
        paired(["a", "b"], by="nearest")


def test_a_column_in_the_way_is_refused() -> None:
    with pytest.raises(FrameError, match="'source_row' bears the name"):
        paired(texts().with_columns(source_row=0), by="twins")


@pytest.mark.parametrize(
    ("way", "read", "made"), [("fields", FIELDS, PAIR), ("twins", TEXT, PAIR), ("tension", TEXT, LABELLED_PAIR)]
)
def test_the_way_decides_what_is_read_and_made(way: str, read: FrameContract, made: FrameContract) -> None:
    options = PairTextsOptions(by=way)
    assert STEP.inputs_for(options)["texts"].shapes == (read,)
    assert next(iter(STEP.outputs(options).values())) is made
    assert STEP.suffix_of(options) == way


def test_fields_of_a_file_that_also_has_a_text_column_are_read_by_name(tmp_path: Path) -> None:
    rows_of(text=["The body."], note=["The note."]).write_parquet(tmp_path / "rows.parquet")
    given = FileInput((str(tmp_path / "rows.parquet"),), {"anchor": "note", "positive": "text"})
    stage = Stage(STEP, PairTextsOptions(by="fields"), {"texts": given})
    made = run_stage(stage, cache=tmp_path / "cache").outputs["corpus"]
    assert made.name == "rows.fields.parquet"
    assert pl.read_parquet(made).rows() == [("The note.", "The body.", 0)]
