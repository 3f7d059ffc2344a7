from __future__ import annotations

from pathlib import Path

import bm25s
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.engines import lexical
from pairforge.engines.lexical import NO_ROW, LexicalIndex, words_of

_WORDS = ["cat", "dog", "ran", "sat", "the", "猫", "犬", "é", "x1", "A", ""]
_texts = st.lists(st.lists(st.sampled_from(_WORDS), max_size=6).map(" ".join), min_size=1, max_size=20)


def _all(index: LexicalIndex, queries: list[str], k: int) -> tuple[np.ndarray, np.ndarray]:
    found = list(index.nearest(queries, k))
    return np.concatenate([f.corpus_rows for f in found]), np.concatenate([f.similarities for f in found])


def _by_bm25s(corpus: list[str], query: str, stopwords: str | None) -> np.ndarray:
    """Every text's score, by bm25s' own tokenizer and way of asking."""
    index = bm25s.BM25()
    index.index(bm25s.tokenize(corpus, stopwords=stopwords, show_progress=False), show_progress=False)
    words = bm25s.tokenize([query], stopwords=stopwords, show_progress=False, return_ids=False)[0]
    known = [word for word in words if word in index.vocab_dict]
    return index.get_scores(known) if known else np.zeros(len(corpus), dtype=np.float32)


@pytest.mark.parametrize("stopwords", [None, "english"])
def test_scores_are_those_of_bm25s_on_real_sentences(shared_data: Path, stopwords: str | None) -> None:
    rows = pl.read_parquet(shared_data / "stsb" / "test.parquet")
    corpus, queries = rows["sentence1"].to_list(), rows["sentence2"].head(60).to_list()
    found, scores = _all(LexicalIndex(corpus, drop_stopwords=stopwords is not None), queries, 20)
    for place, query in enumerate(queries):
        wanted = _by_bm25s(corpus, query, stopwords)
        best = np.argsort(-wanted, kind="stable")[:20]
        best = best[wanted[best] > 0]
        assert found[place, : len(best)].tolist() == best.tolist()
        assert scores[place, : len(best)].tolist() == wanted[best].tolist()
        assert (found[place, len(best) :] == NO_ROW).all()


@given(corpus=_texts, queries=_texts, k=st.integers(1, 25))
def test_only_texts_that_share_a_word_are_found_and_all_of_them(corpus: list[str], queries: list[str], k: int) -> None:
    found, scores = _all(LexicalIndex(corpus), queries, k)
    assert found.shape == scores.shape == (len(queries), min(k, len(corpus)))
    assert (np.isnan(scores) == (found == NO_ROW)).all()
    assert (scores[found != NO_ROW] > 0).all()
    words = [set(text) for text in words_of(corpus)]
    for query, rows in zip(words_of(queries), found, strict=True):
        sharing = {row for row, text in enumerate(words) if text & set(query)}
        kept = [row for row in rows.tolist() if row != NO_ROW]
        assert len(set(kept)) == len(kept) == min(k, len(sharing))
        assert set(kept) <= sharing


@settings(max_examples=40)
@given(corpus=_texts, queries=_texts, k=st.integers(1, 25), at_once=st.integers(1, 5), cells=st.integers(1, 50))
def test_neither_blocks_nor_the_other_queries_change_a_bit(
    corpus: list[str], queries: list[str], k: int, at_once: int, cells: int
) -> None:
    index = LexicalIndex(corpus)
    rows, scores = _all(index, queries, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexical, "_QUERIES_AT_ONCE", at_once)
        patch.setattr(lexical, "_CELLS_AT_ONCE", cells)
        other_rows, other_scores = _all(index, queries, k)
    assert (rows == other_rows).all()
    assert np.array_equal(scores, other_scores, equal_nan=True)
    alone, _ = _all(index, queries[-1:], k)
    assert (alone[0] == rows[-1]).all()


def test_equal_scores_go_to_the_lower_row() -> None:
    found, scores = _all(LexicalIndex(["a dog", *["a cat"] * 50]), ["cat"], 3)
    assert found.tolist() == [[1, 2, 3]]
    assert len(set(scores[0].tolist())) == 1


@pytest.mark.parametrize("corpus", [[], [""], ["?!", "a"]])
def test_a_corpus_without_words_finds_nothing(corpus: list[str]) -> None:
    found, _ = _all(LexicalIndex(corpus), ["cat", ""], 3)
    assert found.shape == (2, len(corpus))
    assert (found == NO_ROW).all()


def test_no_queries_are_no_blocks() -> None:
    assert list(LexicalIndex(["cat"]).nearest([], 3)) == []


def test_stop_words_count_unless_they_are_dropped() -> None:
    corpus = ["the cat", "the dog"]
    assert _all(LexicalIndex(corpus), ["the"], 2)[0].tolist() == [[0, 1]]
    assert _all(LexicalIndex(corpus, drop_stopwords=True), ["the"], 2)[0].tolist() == [[NO_ROW, NO_ROW]]


def test_words_are_whole_in_every_script() -> None:
    texts = ["हिन्दी में", "GPU卡 猫です", "ภาษา", "ＡＢＣ Über_x", "cafe\u0301 can't"]
    assert words_of(texts) == [
        ["हिन्दी", "में"],
        ["gpu", "卡", "猫", "で", "す"],
        ["ภ", "า", "ษ", "า"],
        ["abc", "über_x"],
        ["café", "can"],
    ]
