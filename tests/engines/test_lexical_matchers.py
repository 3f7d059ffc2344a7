"""BM25 and TF-IDF as they are judged, against bm25s and scikit-learn themselves."""

from __future__ import annotations

import bm25s
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from pairforge.engines.lexical import LexicalIndex, words_of
from pairforge.engines.loading import load
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, TextMatcher

_WORDS = ["cat", "dog", "ran", "sat", "the", "猫", "犬", "é", "x1", "A", ""]
_texts = st.lists(st.lists(st.sampled_from(_WORDS), max_size=6).map(" ".join), min_size=1, max_size=20)


def _matcher(name: str) -> TextMatcher:
    matcher = load(resolve(ModelRequest(name=name), ModelKind.JUDGED))
    assert isinstance(matcher, TextMatcher)
    return matcher


@pytest.fixture
def sentences(shared_data) -> tuple[list[str], list[str]]:  # type: ignore[no-untyped-def]
    rows = pl.read_parquet(shared_data / "stsb" / "test.parquet")
    return rows["sentence1"].to_list(), rows["sentence2"].head(200).to_list()


def test_bm25_is_that_of_bm25s_to_the_bit(sentences: tuple[list[str], list[str]]) -> None:
    documents, queries = sentences
    theirs = bm25s.BM25()
    theirs.index(bm25s.tokenize(documents, stopwords=None, show_progress=False), show_progress=False)
    index = _matcher("bm25").index(documents)
    scores = index.scores(queries)
    assert scores.shape == (200, len(documents))
    for row, query in enumerate(queries):
        words = bm25s.tokenize([query], stopwords=None, show_progress=False, return_ids=False)[0]
        known = [word for word in words if word in theirs.vocab_dict]
        assert scores[row].tolist() == theirs.get_scores(known).tolist()
    assert index.pair_scores(queries, range(200)).tolist() == scores[range(200), range(200)].tolist()


@given(corpus=_texts, queries=_texts)
def test_all_of_bm25s_answers_say_the_same(corpus: list[str], queries: list[str]) -> None:
    index = LexicalIndex(corpus)
    scores = index.scores(queries)
    rows = [place % len(corpus) for place in range(len(queries))]
    assert index.pair_scores(queries, rows).tolist() == [scores[place, row] for place, row in enumerate(rows)]
    (found,) = index.nearest(queries, len(corpus))
    for place in range(len(queries)):
        met = found.corpus_rows[place] >= 0
        assert scores[place, found.corpus_rows[place][met]].tolist() == found.similarities[place][met].tolist()
        assert np.count_nonzero(scores[place]) == met.sum()
    assert index.vectors().shape[0] == len(corpus)


def test_tfidf_is_that_of_scikit_learn(sentences: tuple[list[str], list[str]]) -> None:
    documents, queries = sentences
    # On English the words of LexicalIndex are those that scikit-learn takes by itself.
    theirs = TfidfVectorizer()
    held, asked = theirs.fit_transform(documents), theirs.transform(queries)
    matcher = _matcher("tfidf")
    index = matcher.index(documents)
    assert matcher.closeness == "cosine"
    np.testing.assert_allclose(index.scores(queries), (asked @ held.T).toarray(), atol=1e-6)
    paired = np.asarray(asked.multiply(held[:200]).sum(axis=1)).ravel()
    np.testing.assert_allclose(index.pair_scores(queries, range(200)), paired, atol=1e-6)
    np.testing.assert_allclose(index.vectors().toarray(), held.toarray(), atol=1e-6)


@pytest.mark.parametrize("name", ["bm25", "tfidf"])
@pytest.mark.parametrize("corpus", [[], [""], ["?!", "a"], ["猫 cat", ""]])
def test_texts_without_words_are_close_to_nothing(name: str, corpus: list[str]) -> None:
    index = _matcher(name).index(corpus)
    scores = index.scores(["", "dog", "?"])
    assert scores.shape == (3, len(corpus))
    assert not scores.any()
    assert index.scores([]).shape == (0, len(corpus))
    assert index.pair_scores(["dog"] * len(corpus), range(len(corpus))).tolist() == [0.0] * len(corpus)
    assert index.vectors().shape[0] == len(corpus)


def test_the_words_of_every_script_count() -> None:
    index = _matcher("tfidf").index(["猫です", "犬です", "ＣＡＴ"])
    scores = index.scores(["猫", "cat"])
    assert (scores > 0).tolist() == [[True, False, False], [False, False, True]]
    assert words_of(["猫です"]) == [["猫", "で", "す"]]
