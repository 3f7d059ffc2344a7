from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.frames import FrameContract
from pairforge.models import Floats, Side
from pairforge.steps.mine_negatives import STEP, MineNegativesOptions, mine_negatives
from tests.fakes import TableEncoder
from tests.steps import reference_mining as reference
from tests.steps.mining_trials import WORDS, corpora, encoder_of, frame_of, mined, pairs_of

bounds = st.none() | st.floats(-0.9, 0.9)
margins = st.none() | st.floats(0, 0.6)


@st.composite
def rules_of(draw: st.DrawFn) -> dict[str, object]:
    num_negatives = draw(st.integers(1, 4))
    min_rank = draw(st.integers(1, 6))
    low, high = draw(bounds), draw(bounds)
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    return {
        "num_negatives": num_negatives,
        "min_rank": min_rank,
        "max_rank": min_rank + num_negatives - 1 + draw(st.integers(0, 20)),
        "min_similarity": low,
        "max_similarity": high,
        "absolute_margin": draw(margins),
        "relative_margin": draw(margins) or 0,
    }


@settings(max_examples=150)
@given(pairs_of, st.none() | corpora, st.integers(0, 50), rules_of())
def test_mining_equals_brute_force_row_by_row(
    pairs: list[tuple[str, str]], corpus: list[str] | None, seed: int, rules: dict[str, object]
) -> None:
    distinct = reference.distinct(corpus if corpus is not None else [positive for _, positive in pairs])
    if len(distinct) <= rules["num_negatives"]:
        return
    encoder = encoder_of(seed=seed)

    def vectors(of: Sequence[str]) -> Floats:
        return encoder.encode(of, Side.QUERY)

    wanted = reference.mine(
        pairs,
        distinct,
        vectors([anchor for anchor, _ in pairs]),
        vectors([positive for _, positive in pairs]),
        vectors(distinct),
        reference.Rules(**rules),  # type: ignore[arg-type]
    )
    frame = frame_of(pairs).with_row_index("row")
    texts_frame = None if corpus is None else pl.DataFrame({"text": corpus})
    lists, ledger = mined(
        frame, texts_frame, encoder=encoder, output_format="labelled-list", with_scores=True, too_few="keep", **rules
    )
    assert lists["row"].to_list() == [row for row, found in enumerate(wanted) if found.negatives]
    for row, documents, scores in lists.select("row", "documents", "scores").iter_rows():
        found = wanted[row]
        assert documents == [pairs[row][1], *(distinct[negative] for negative in found.negatives)]
        expected = [found.positive_similarity, *found.similarities[found.negatives]]
        assert np.allclose(scores, expected, atol=reference.NEAR)
    short = sum(len(found.negatives) < rules["num_negatives"] for found in wanted)
    assert ledger.counts.get("pairs short of negatives", 0) == short
    tuples, _ = mined(frame, texts_frame, encoder=encoder, **rules)
    assert tuples.height == len(wanted) - short


@settings(max_examples=60)
@given(
    pairs_of,
    corpora,
    st.sampled_from(["easy", "semi-hard"]),
    st.sampled_from(["top", "random", "weighted"]),
    st.sampled_from(["pad", "drop", "keep"]),
)
def test_a_positive_is_never_mined_as_its_anchors_negative(
    pairs: list[tuple[str, str]], corpus: list[str], strategy: str, sampling: str, too_few: str
) -> None:
    options: dict[str, object] = {"relative_margin": 0, "sampling": sampling} if strategy == "semi-hard" else {}
    if len(reference.distinct(corpus)) < 3:
        return
    triplets, _ = mined(
        frame_of(pairs).with_row_index("row"),
        pl.DataFrame({"text": corpus}),
        strategy=strategy,
        num_negatives=2,
        output_format="triplet",
        too_few=too_few,
        **options,
    )
    right = reference.forbidden_forms(pairs)
    for anchor, negative in triplets.select("anchor", "negative").iter_rows():
        assert reference.same_form(negative) not in right[reference.same_form(anchor)]
    repeated = triplets.select("row", "negative").is_duplicated().any()
    assert not repeated


@settings(max_examples=40)
@given(
    pairs_of,
    st.integers(1, 5),
    st.sampled_from(
        [
            {"sampling": "top"},
            {"sampling": "random", "relative_margin": 0},
            {"sampling": "weighted", "relative_margin": 0, "too_few": "pad"},
            {"strategy": "easy"},
            {"output_format": "labelled-pair", "too_few": "keep", "with_scores": True},
        ]
    ),
)
def test_parts_of_any_size_give_the_same_rows_and_counts(
    pairs: list[tuple[str, str]], part_rows: int, chosen: dict[str, object]
) -> None:
    options = MineNegativesOptions(num_negatives=2, **chosen)
    corpus = pl.DataFrame({"text": WORDS})
    whole, ledger = mined(frame_of(pairs), corpus, num_negatives=2, **chosen)
    assert STEP.row_wise is not None
    together, context = Ledger(), StepContext()
    prepared = STEP.row_wise.prepare(
        frame_of(pairs), corpus, None, encoder=encoder_of(), options=options, context=context
    )
    parts = []
    for first_row in reversed(range(0, len(pairs), part_rows)):
        counted = StepContext()
        rows = frame_of(pairs)[first_row : first_row + part_rows]
        part = STEP.row_wise.run(rows, first_row=first_row, prepared=prepared, options=options, context=counted)
        parts.insert(0, part)
        together.merge(counted.ledger)
    assert pl.concat(parts).equals(whole)
    assert together.to_json() == ledger.to_json()


@settings(max_examples=40)
@given(pairs_of.flatmap(lambda pairs: st.tuples(st.just(pairs), st.permutations(range(len(pairs))))))
def test_another_order_of_the_pairs_only_permutes_the_output(drawn: tuple[list[tuple[str, str]], list[int]]) -> None:
    pairs, order = drawn
    frame = frame_of(pairs).with_row_index("row")
    corpus = pl.DataFrame({"text": WORDS})
    settings_ = {"num_negatives": 2, "output_format": "labelled-list", "too_few": "keep"}
    straight, _ = mined(frame, corpus, **settings_)
    turned, _ = mined(frame[order], corpus, **settings_)
    assert turned.sort("row").equals(straight)


PAIRS = frame_of([("one", "two"), ("three", "four"), ("five", "six"), ("sun", "moon")]).with_columns(
    source=pl.Series(["a", "b", "c", "d"])
)


@pytest.mark.parametrize("with_scores", [False, True])
@pytest.mark.parametrize("output_format", ["triplet", "n-tuple", "labelled-pair", "labelled-list"])
def test_every_format_meets_its_contract_and_extra_columns_travel(output_format: str, with_scores: bool) -> None:
    options = {"num_negatives": 2, "relative_margin": 0, "output_format": output_format, "with_scores": with_scores}
    made, _ = mined(PAIRS, **options)
    contract = STEP.outputs(MineNegativesOptions(**options))["corpus"]
    assert isinstance(contract, FrameContract)
    assert contract.check(made, "made").equals(made)
    assert contract.view(made).columns == made.columns[: contract.view(made).width]
    rows_a_pair = {"triplet": 2, "labelled-pair": 3}.get(output_format, 1)
    assert made["source"].to_list() == [source for source in "abcd" for _ in range(rows_a_pair)]


def test_the_positive_is_labelled_1_and_comes_first() -> None:
    options = {"num_negatives": 2, "relative_margin": 0}
    lists, _ = mined(PAIRS, output_format="labelled-list", **options)
    assert lists["labels"].to_list() == [[1, 0, 0]] * 4
    assert lists["documents"].list.first().to_list() == PAIRS["positive"].to_list()
    rows, _ = mined(PAIRS, output_format="labelled-pair", **options)
    assert rows.filter(pl.col("label") == 1)["sentence2"].to_list() == PAIRS["positive"].to_list()
    assert rows["sentence2"].to_list() == lists["documents"].explode().to_list()


@pytest.mark.parametrize("sampling", ["top", "random", "weighted"])
def test_negatives_come_nearest_first_however_they_were_sampled(sampling: str) -> None:
    lists, _ = mined(
        PAIRS,
        pl.DataFrame({"text": WORDS}),
        sampling=sampling,
        output_format="labelled-list",
        with_scores=True,
        relative_margin=0,
    )
    cosines = lists["scores"].list.tail(3)
    assert cosines.equals(cosines.list.sort(descending=True))


def test_similarities_stand_beside_the_texts_they_belong_to() -> None:
    encoder = TableEncoder({"q": (1, 0), "p": (1, 0.1), "near": (1, 0.5), "far": (0, 1), "back": (-1, 0)})
    corpus = pl.DataFrame({"text": ["back", "far", "near", "p"]})
    made, ledger = mined(frame_of([("q", "p")]), corpus, encoder=encoder, num_negatives=2, with_scores=True, max_rank=3)
    assert made["negative_1"].to_list() == ["near"]
    assert made["negative_2"].to_list() == ["far"]
    assert made["positive_similarity"].to_list() == pytest.approx([1 / 1.01**0.5])
    assert made["negative_similarities"].to_list()[0] == pytest.approx([1 / 1.25**0.5, 0])
    assert ledger.distributions["negative_similarity"].counts.sum() == 2
    assert ledger.counts["candidates: retrieved"] == 3
    assert ledger.counts["candidates: removed as known positives"] == 1


def test_a_relative_margin_lowers_the_ceiling_of_a_negative_similarity_too() -> None:
    encoder = TableEncoder({"q": (1, 0), "p": (-0.5, 1), "above": (-0.46, 1), "below": (-0.6, 1), "far": (-1, 0)})
    pairs, corpus = frame_of([("q", "p")]), pl.DataFrame({"text": ["above", "below", "far", "p"]})
    made, ledger = mined(pairs, corpus, encoder=encoder, num_negatives=2, relative_margin=0.1)
    assert made.row(0) == ("q", "p", "below", "far")
    assert ledger.counts["candidates: removed as within relative_margin"] == 1


def test_the_rank_window_counts_true_ranks_known_positives_included() -> None:
    encoder = TableEncoder({"q": (1, 0), "p": (1, 0.01), "a": (1, 0.1), "b": (1, 0.2), "c": (1, 0.3)})
    corpus = pl.DataFrame({"text": ["c", "b", "a", "p"]})
    options = {"num_negatives": 1, "relative_margin": 0, "encoder": encoder}
    assert mined(frame_of([("q", "p")]), corpus, min_rank=2, **options)[0]["negative_1"].to_list() == ["a"]
    assert mined(frame_of([("q", "p")]), corpus, min_rank=3, **options)[0]["negative_1"].to_list() == ["b"]
    made, ledger = mined(frame_of([("q", "p")]), corpus, max_rank=1, **options)
    assert made.is_empty()
    assert ledger.dropped == {"too_few_negatives": 1}
    assert ledger.notes == [
        "Some pairs found too few negatives: raise --max-rank, lower the margin or give a larger --corpus."
    ]


def test_relevance_judgements_add_positives_and_zero_is_none() -> None:
    pairs = frame_of([("one", "two"), ("ONE.", "three")]).with_columns(query_id=pl.Series([1, 2]))
    corpus = pl.DataFrame({"doc_id": ["a", "b", "c", "d", "e"], "text": ["four", "five", "six", "sun", "moon"]})
    qrels = pl.DataFrame({"query_id": ["1", "2", "2"], "doc_id": ["a", "b", "c"], "relevance": [2, 1, 0]})
    made, _ = mined(
        pairs, corpus, qrels, encoder=encoder_of([*WORDS, "ONE."]), num_negatives=3, relative_margin=0, with_scores=True
    )
    for row in made.select("negative_1", "negative_2", "negative_3").iter_rows():
        assert set(row) == {"six", "sun", "moon"}


def test_judgements_that_name_what_is_not_there_are_told_of() -> None:
    pairs = frame_of([("one", "two"), ("six", "sun")]).with_columns(query_id=pl.Series([1, 2]))
    corpus = pl.DataFrame({"doc_id": ["a", "b"], "text": ["four", "five"]})
    qrels = pl.DataFrame({"query_id": ["1", "1", "9", "9"], "doc_id": ["a", "z", "b", "y"], "relevance": [1, 1, 1, 0]})
    _, ledger = mined(pairs, corpus, qrels, encoder=encoder_of(), num_negatives=1, relative_margin=0)
    assert (
        "of 3 relevant judgements, 1 name a query_id that no pair has and 1 a doc_id that the corpus lacks; these "
        "protect nothing" in ledger.notes
    )
    _, ledger = mined(pairs, corpus, qrels.head(1), encoder=encoder_of(), num_negatives=1, relative_margin=0)
    assert not any("judgements" in note for note in ledger.notes)


def test_qrels_that_fit_nothing_are_refused_before_encoding() -> None:
    encoder = encoder_of()
    pairs = PAIRS.with_columns(query_id=pl.Series(["1", "2", "3", "4"]))
    corpus = pl.DataFrame({"doc_id": ["a", "b", "c", "d"], "text": ["sun", "cat", "dog", "ß"]})
    qrels = pl.DataFrame({"query_id": ["q1"], "doc_id": ["a"], "relevance": [1]})
    with pytest.raises(FrameError, match="'q1'"):
        mined(pairs, corpus, qrels, encoder=encoder)
    with pytest.raises(FrameError, match="'query_id'"):
        mined(PAIRS, corpus, qrels, encoder=encoder)
    with pytest.raises(FrameError, match="'doc_id'"):
        mined(pairs, corpus.drop("doc_id"), qrels, encoder=encoder)
    assert not encoder.encoded


def test_a_corpus_smaller_than_the_negatives_asked_for_is_refused_before_encoding() -> None:
    encoder = encoder_of()
    with pytest.raises(FrameError, match="holds only 3 distinct texts, too few to find 3 negatives"):
        mined(PAIRS, pl.DataFrame({"text": ["cat", "CAT", "dog", "sun"]}), encoder=encoder)
    assert not encoder.encoded


def test_each_text_is_encoded_once_and_easy_negatives_need_no_encoder() -> None:
    encoder = encoder_of()
    mined(frame_of([("cat", "dog"), ("dog", "cat"), ("cat", "sun"), ("moon", "cat")]), num_negatives=1, encoder=encoder)
    assert sorted(encoder.encoded) == ["cat", "dog", "moon", "sun"]
    made = mine_negatives(PAIRS, options=MineNegativesOptions(strategy="easy"))
    assert made.height == PAIRS.height
    with pytest.raises(OptionsError, match="need an encoder"):
        mine_negatives(PAIRS)


def test_pads_are_random_texts_that_are_not_right_for_the_anchor() -> None:
    encoder = TableEncoder({"q": (1, 0), "p": (1, 0.01), "a": (1, 0.1), "b": (0, 1), "c": (0, -1), "d": (-1, 0)})
    corpus = pl.DataFrame({"text": ["p", "a", "b", "c", "d"]})
    made, ledger = mined(
        frame_of([("q", "p")]),
        corpus,
        encoder=encoder,
        num_negatives=3,
        max_rank=3,
        min_similarity=0.5,
        relative_margin=0,
        too_few="pad",
        with_scores=True,
    )
    assert made["negative_1"].to_list() == ["a"]
    assert {made["negative_2"][0], made["negative_3"][0]} < {"b", "c", "d"}
    assert made["negative_similarities"].list.get(1).to_list()[0] <= 0
    assert ledger.counts["negatives: drawn at random"] == 2
    assert not ledger.dropped


@pytest.mark.parametrize("with_scores", [False, True])
@pytest.mark.parametrize("output_format", ["triplet", "n-tuple", "labelled-pair", "labelled-list"])
def test_no_row_left_has_the_columns_of_many(output_format: str, with_scores: bool) -> None:
    options = {"num_negatives": 2, "output_format": output_format, "with_scores": with_scores}
    none, ledger = mined(PAIRS, max_similarity=-0.999, **options)
    some, _ = mined(PAIRS, relative_margin=0, **options)
    assert none.is_empty()
    assert none.schema == some.schema
    assert ledger.dropped == {"too_few_negatives": PAIRS.height}


def test_a_pair_whose_every_text_is_right_is_dropped_even_where_pads_are_asked_for() -> None:
    pairs = frame_of([("one", "two"), ("one", "three"), ("one", "four"), ("five", "six")])
    made, ledger = mined(pairs, num_negatives=2, strategy="easy", too_few="pad")
    assert made["anchor"].to_list() == ["five"]
    assert ledger.dropped == {"too_few_negatives": 3}
    assert ledger.notes == ["Some pairs found too few negatives: give a larger --corpus."]


def test_weighted_sampling_prefers_near_texts_and_random_does_not() -> None:
    angles = np.linspace(0.1, 1.5, 20)
    vectors = {f"t{place}": (float(np.cos(angle)), float(np.sin(angle))) for place, angle in enumerate(angles)}
    encoder = TableEncoder({"q": (1, 0), **vectors})
    pairs = frame_of([("q", "q")] * 400)
    corpus = pl.DataFrame({"text": list(vectors)})
    means = {}
    for sampling in ("top", "weighted", "random"):
        made, _ = mined(
            pairs, corpus, encoder=encoder, num_negatives=1, sampling=sampling, relative_margin=0, with_scores=True
        )
        means[sampling] = float(made["negative_similarities"].explode().to_numpy().mean())
    assert means["random"] == pytest.approx(float(np.cos(angles).mean()), abs=0.05)
    assert means["random"] + 0.2 < means["weighted"] < means["top"]


def test_the_seed_decides_random_choices() -> None:
    first, _ = mined(PAIRS, strategy="easy", num_negatives=2, seed=1)
    again, _ = mined(PAIRS, strategy="easy", num_negatives=2, seed=1)
    other, _ = mined(PAIRS, strategy="easy", num_negatives=2, seed=2)
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize(
    "options",
    [
        {"too_few": "keep"},
        {"num_negatives": 5, "max_rank": 4},
        {"min_rank": 10, "max_rank": 9, "num_negatives": 1},
        {"min_similarity": 0.5, "max_similarity": 0.4},
        {"strategy": "easy", "absolute_margin": 0.1},
        {"sampling_temperature": 0.1},
    ],
)
def test_options_at_odds_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionsError):
        MineNegativesOptions(**options)


def test_a_column_in_the_way_is_refused_and_one_that_is_not_written_travels() -> None:
    with pytest.raises(FrameError, match="'negative_1'"):
        mined(PAIRS.with_columns(negative_1=pl.lit("x")), num_negatives=2)
    made, _ = mined(PAIRS.with_columns(positive_similarity=pl.lit("x")), num_negatives=1, relative_margin=0)
    assert made["positive_similarity"].to_list() == ["x"] * 4


@pytest.mark.model
def test_real_vectors_of_real_answers_give_what_brute_force_gives(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pairforge.engines.encoders import load_encoder
    from pairforge.model_files import resolve
    from pairforge.models import ModelKind, ModelRequest

    folder = shared_data.parent / "models" / "potion-4m"
    encoder = load_encoder(resolve(ModelRequest(name=str(folder)), ModelKind.ENCODER))
    frame = pl.read_parquet(shared_data / "medquad/qa.parquet").head(3000)
    frame = frame.select(anchor="question", positive="answer").with_row_index("row")
    pairs = frame.select("anchor", "positive").rows()
    distinct = reference.distinct(frame["positive"].to_list())

    def unit(of: Sequence[str]) -> Floats:
        raw = encoder.encode(of, Side.DOCUMENT)
        return raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-12)

    wanted = reference.mine(
        pairs, distinct, unit(frame["anchor"].to_list()), unit(frame["positive"].to_list()), unit(distinct),
        reference.Rules(),
    )  # fmt: skip
    lists, ledger = mined(frame, encoder=encoder, output_format="labelled-list", too_few="keep")
    row_of = {text: row for row, text in enumerate(distinct)}
    ours = {
        row: [row_of[text] for text in documents[1:]] for row, documents in lists.select("row", "documents").iter_rows()
    }
    differing = [row for row, found in enumerate(wanted) if ours.get(row, []) != found.negatives]
    unexplained = [row for row in differing if not wanted[row].explains(ours.get(row, []))]
    told = f"{len(differing)} of {len(wanted):,} rows differ, by similarities within {reference.NEAR}: {differing}"
    with capsys.disabled():
        print(told)  # noqa: T201
    assert not unexplained
    assert len(differing) < len(wanted) / 100
    assert ledger.dropped.get("no_negatives", 0) == sum(not found.negatives for found in wanted)


@pytest.mark.parametrize("output_format", ["triplet", "n-tuple"])
@pytest.mark.parametrize("column", ["negative", "negative_7"])
def test_an_earlier_negative_never_travels_on_as_a_mined_one(output_format: str, column: str) -> None:
    pairs = pl.DataFrame({"anchor": ["a", "b", "c"], "positive": ["x", "y", "z"], column: ["old"] * 3})
    options = MineNegativesOptions.model_validate(
        {"strategy": "easy", "num_negatives": 1, "output_format": output_format}
    )
    with pytest.raises(FrameError, match=f"pairs: its column '{column}' bears the name"):
        mine_negatives(pairs, options=options)
