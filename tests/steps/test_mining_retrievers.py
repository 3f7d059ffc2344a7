"""Texts found by vectors, by words, or by both: who found what, and at which rank."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.engines.lexical import LexicalIndex
from pairforge.errors import FrameError, OptionsError
from pairforge.frames import FrameContract
from pairforge.models import Side
from pairforge.steps.forbidden_rows import NONE
from pairforge.steps.mine_negatives import STEP, MineNegativesOptions, mine_negatives
from pairforge.steps.mining.retrieval import Ranking, finder_words, fused
from tests.fakes import LetterEncoder
from tests.steps import reference_mining as reference
from tests.steps.mining_trials import encoder_of, frame_of, mined

WORDS = ["red", "blue", "green", "fox", "hen", "cow", "runs", "sleeps"]
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
pairs_of = st.lists(st.tuples(sentences, sentences), min_size=1, max_size=8)
corpora = st.lists(sentences, min_size=4, max_size=25)


def ranking_of(lines: Sequence[Sequence[int]], k: int) -> Ranking:
    rows = np.array([[*line, *[NONE] * (k - len(line))] for line in lines], dtype=np.int64).reshape(len(lines), k)
    return Ranking(rows, np.where(rows == NONE, np.nan, rows).astype(np.float32), (rows != NONE).astype(np.uint8))


found_rows = st.tuples(st.permutations(range(9)), st.integers(0, 6)).map(lambda drawn: drawn[0][: drawn[1]])
rankings = st.lists(found_rows, min_size=4, max_size=4)


@given(st.lists(rankings, min_size=2, max_size=3), st.integers(1, 7))
def test_fusion_adds_reciprocal_ranks_and_breaks_ties_by_row(given_: list[list[list[int]]], max_rank: int) -> None:
    made = fused([ranking_of(lines, 6) for lines in given_], max_rank)
    for line in range(4):
        score: dict[int, float] = {}
        finders: dict[int, int] = {}
        for place, lists in enumerate(given_):
            for rank, row in enumerate(lists[line][:max_rank], start=1):
                score[row] = score.get(row, 0) + 1 / (60 + rank)
                finders[row] = finders.get(row, 0) + 2**place
        best = sorted(score, key=lambda row: (-round(score[row], 12), row))[: min(max_rank, 6)]
        rows = made.corpus_rows[line]
        assert rows[rows != NONE].tolist() == best
        assert (rows[len(best) :] == NONE).all()
        assert made.finders[line].tolist() == [finders.get(row, 0) for row in rows.tolist()]
        assert np.array_equal(made.similarities[line], np.where(rows == NONE, np.nan, rows), equal_nan=True)


def test_finders_are_named_by_their_places() -> None:
    assert finder_words(("bm25", "dense")) == ["random", "bm25", "dense", "bm25+dense"]


def negatives_of(pairs: list[tuple[str, str]], corpus: list[str], **options: object) -> list[list[str]]:
    lists = mine_negatives(
        frame_of(pairs).with_row_index("row"),
        pl.DataFrame({"text": corpus}),
        encoder=options.pop("encoder", None),  # type: ignore[arg-type]
        options=MineNegativesOptions.model_validate(
            {"num_negatives": 2, "max_rank": 6, "too_few": "keep", "output_format": "labelled-list", **options}
        ),
    )
    by_row = dict(lists.select("row", "documents").iter_rows())
    return [by_row.get(row, [""])[1:] for row in range(len(pairs))]


def by_words(anchor: str, distinct: Sequence[str]) -> list[int]:
    [found] = LexicalIndex(distinct).nearest([anchor], 6)
    return [row for row in found.corpus_rows[0].tolist() if row != NONE]


@settings(max_examples=25)
@given(pairs_of, corpora)
def test_bm25_alone_takes_the_best_by_words_that_are_not_right_and_needs_no_encoder(
    pairs: list[tuple[str, str]], corpus: list[str]
) -> None:
    distinct = reference.distinct(corpus)
    if len(distinct) < 3:
        return
    right = reference.forbidden_forms(pairs)
    wanted = []
    for anchor, _ in pairs:
        [found] = LexicalIndex(distinct).nearest([anchor], 6)
        best = [distinct[row] for row in found.corpus_rows[0].tolist() if row != NONE]
        wanted.append(
            [text for text in best if reference.same_form(text) not in right[reference.same_form(anchor)]][:2]
        )
    assert negatives_of(pairs, corpus, retriever=("bm25",)) == wanted


@settings(max_examples=25)
@given(pairs_of, corpora, st.permutations(["dense", "bm25"]), st.floats(0.01, 0.3))
def test_margins_hold_for_texts_that_only_words_found(
    pairs: list[tuple[str, str]], corpus: list[str], retriever: list[str], margin: float
) -> None:
    distinct = reference.distinct(corpus)
    if len(distinct) < 3:
        return
    encoder = encoder_of(list(dict.fromkeys([*itertools.chain(*pairs), *corpus])), dimension=6)

    def unit(texts: Sequence[str]) -> np.ndarray:
        return encoder.encode(texts, Side.QUERY).astype(np.float64)

    right = reference.forbidden_forms(pairs)
    vectors, wanted = unit(distinct), []
    for anchor, positive in pairs:
        [own], [its] = unit([anchor]), unit([positive])
        cosines = vectors @ own
        lists = {
            "dense": np.argsort(-cosines, kind="stable")[:6].tolist(),
            "bm25": [
                row for row in next(LexicalIndex(distinct).nearest([anchor], 6)).corpus_rows[0].tolist() if row >= 0
            ],
        }
        score: dict[int, float] = {}
        for found in lists.values():
            for rank, row in enumerate(found, start=1):
                score[row] = score.get(row, 0) + 1 / (60 + rank)
        best = sorted(score, key=lambda row: (-round(score[row], 12), row))[:6]
        ceiling = float(own @ its) - margin * abs(float(own @ its))
        left = [row for row in best if reference.same_form(distinct[row]) not in right[reference.same_form(anchor)]]
        wanted.append([distinct[row] for row in left if cosines[row] <= ceiling][:2])
    made = negatives_of(pairs, corpus, retriever=tuple(retriever), relative_margin=margin, encoder=encoder)
    assert made == wanted


PAIRS = frame_of([("red fox runs", "blue hen"), ("green cow", "cow sleeps")]).with_columns(source=pl.Series(["a", "b"]))
CORPUS = pl.DataFrame({"text": ["red hen", "fox", "runs der xof", "blue cow", "green", "sleeps", "nur xof der"]})


@pytest.mark.parametrize("with_scores", [False, True])
@pytest.mark.parametrize("output_format", ["triplet", "n-tuple", "labelled-pair", "labelled-list"])
def test_each_negative_knows_who_found_it_in_every_format(output_format: str, with_scores: bool) -> None:
    options = {
        "num_negatives": 2, "retriever": ["dense", "bm25"], "with_retrievers": True, "output_format": output_format,
        "with_scores": with_scores, "relative_margin": 0, "max_rank": 2, "too_few": "pad",
    }  # fmt: skip
    made, ledger = mined(PAIRS, CORPUS, encoder=LetterEncoder(), **options)  # type: ignore[arg-type]
    contract = STEP.outputs(MineNegativesOptions.model_validate(options))["corpus"]
    assert isinstance(contract, FrameContract)
    assert contract.check(made, "made").equals(made)
    assert made.columns[-1] == "retrievers"
    said = made["retrievers"]
    flat = (said.explode() if said.dtype == pl.List(pl.String) else said).to_list()
    given_count = 2 if output_format.startswith("labelled") else 0
    assert flat.count("given") == given_count
    assert set(flat) - {"given"} <= {"dense", "bm25", "dense+bm25"}
    assert "dense" in flat
    assert any("bm25" in finder for finder in flat)
    for name in ("dense", "bm25", "dense+bm25"):
        assert ledger.counts[f"negatives: found by {name}"] == flat.count(name)


def test_random_texts_are_found_by_nobody() -> None:
    corpus = pl.DataFrame({"text": ["red hen", "fox", "blue cow", "green", "sleeps"]})
    made, ledger = mined(
        PAIRS, corpus, encoder=LetterEncoder(), retriever=["bm25"], num_negatives=4, with_retrievers=True, too_few="pad"
    )
    assert made["retrievers"].to_list() == [["bm25", "bm25", "random", "random"]] * 2
    assert ledger.counts["negatives: drawn at random"] == 4
    assert ledger.counts["candidates: retrieved"] == 4


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"retriever": ["bm25"]}, False),
        ({"retriever": ["bm25"], "relative_margin": 0}, False),
        ({"retriever": ["bm25"], "relative_margin": 0.1}, True),
        ({"retriever": ["bm25"], "with_scores": True}, True),
        ({"retriever": ["bm25"], "max_quantile": 0.5}, True),
        ({"retriever": ["bm25"], "band": ["0.1:0.5"]}, True),
        ({"retriever": ["bm25"], "sampling": "weighted"}, True),
        ({"retriever": ["bm25"], "sampling": "random"}, False),
        ({"retriever": ["bm25"], "clusters": 2}, True),
        ({"retriever": ["bm25"], "near_duplicate_similarity": 0.9}, True),
        ({"retriever": ["bm25", "dense"], "relative_margin": 0}, True),
        ({}, True),
        ({"strategy": "easy"}, False),
    ],
)
def test_an_encoder_is_needed_only_where_cosines_are(options: dict[str, object], needed: bool) -> None:
    chosen = MineNegativesOptions.model_validate({"num_negatives": 1, **options})
    assert chosen.needs_encoder is needed
    assert STEP.models["encoder"].needed(chosen) is needed
    if needed:
        with pytest.raises(OptionsError, match="encoder"):
            mine_negatives(PAIRS, CORPUS, options=chosen)
    else:
        assert mine_negatives(PAIRS, CORPUS, options=chosen).height == 2


def test_the_usual_margin_holds_where_vectors_find_and_not_for_words_alone() -> None:
    shares = {
        retriever: MineNegativesOptions.model_validate({"retriever": retriever}).margin_share
        for retriever in (("dense",), ("bm25",), ("bm25", "dense"))
    }
    assert shares == {("dense",): 0.05, ("bm25",): 0.0, ("bm25", "dense"): 0.05}
    assert MineNegativesOptions(relative_margin=0).margin_share == 0


@pytest.mark.parametrize(
    "options",
    [
        {"retriever": []},
        {"retriever": ["bm25", "bm25"]},
        {"retriever": ["splade"]},
        {"retriever": ["bm25"], "strategy": "easy"},
        {"with_retrievers": True, "strategy": "easy"},
    ],
)
def test_retrievers_at_odds_are_refused(options: dict[str, object]) -> None:
    with pytest.raises((OptionsError, ValueError)):
        MineNegativesOptions.model_validate(options)


def test_a_column_named_retrievers_is_in_the_way_only_where_it_is_written() -> None:
    pairs = PAIRS.with_columns(retrievers=pl.lit("mine"))
    options = {"retriever": ["bm25"], "num_negatives": 1}
    made = mine_negatives(pairs, CORPUS, options=MineNegativesOptions.model_validate(options))
    assert made["retrievers"].to_list() == ["mine", "mine"]
    with pytest.raises(FrameError, match="'retrievers'"):
        mine_negatives(pairs, CORPUS, options=MineNegativesOptions.model_validate(options | {"with_retrievers": True}))
