from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.evaluation.retrieval.measures import Relevance, RetrievalMeasures, measure_names
from pairforge.evaluation.retrieval.ranking import NOT_FOUND, ranked
from tests.evaluation.retrieval import trec

CUTOFFS = (1, 2, 3, 10)
IDS = st.text(st.sampled_from("abAZ09 éßЖ漢\U0001f600"), min_size=1, max_size=3)
# Sums of halves are exact, two neighbours of 1/3 tell float32 from float64, and few values tie often.
SCORES = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 0.5, 1 / 3, np.nextafter(1 / 3, 1), 2.0, 1e-30])


@st.composite
def judged_runs(draw: st.DrawFn) -> tuple[trec.Run, trec.Qrels]:
    """A run of all documents for each query, and graded judgements, some of documents outside and some below 0."""
    documents = draw(st.lists(IDS, min_size=1, max_size=14, unique=True))
    queries = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    outside = draw(st.lists(IDS.map(lambda name: f"{name}-outside"), max_size=2, unique=True))
    scores = st.lists(SCORES, min_size=len(documents), max_size=len(documents))
    judgements = st.dictionaries(st.sampled_from([*documents, *outside]), st.integers(-2, 4), min_size=1)
    # pytrec_eval crashes on a query whose judgements all lie below 0.
    judgements = judgements.filter(lambda found: max(found.values()) >= 0)
    run = {query: dict(zip(documents, draw(scores), strict=True)) for query in queries}
    return run, {query: draw(judgements) for query in queries}


def laid_out(run: trec.Run, qrels: trec.Qrels) -> tuple[np.ndarray, Relevance]:
    """Scores with their columns in descending order of the ids, and the relevant judgements."""
    doc_ids = sorted(next(iter(run.values())), reverse=True)
    column = {name: place for place, name in enumerate(doc_ids)}
    relevant = [
        (row, column.get(name, NOT_FOUND), gain)
        for row, query in enumerate(run)
        for name, gain in qrels[query].items()
        if gain > 0
    ]
    arrays = np.array(relevant, dtype=np.int64).reshape(-1, 3).T
    scores = np.array([[of_query[name] for name in doc_ids] for of_query in run.values()])
    return scores, Relevance(len(run), len(doc_ids), *arrays)


def measured(run: trec.Run, qrels: trec.Qrels) -> dict[str, np.ndarray]:
    scores, relevance = laid_out(run, qrels)
    return RetrievalMeasures(relevance, CUTOFFS).of(scores)


def by_query(found: Any, run: trec.Run) -> dict[str, dict[str, float]]:
    return {query: {name: values[row] for name, values in found.items()} for row, query in enumerate(run)}


@given(judged_runs())
def test_measures_are_those_of_pytrec_eval_ties_included(judged: tuple[trec.Run, trec.Qrels]) -> None:
    run, qrels = judged
    found = by_query(measured(run, qrels), run)
    expected = trec.measured(run, qrels, CUTOFFS)
    assert found.keys() == expected.keys()
    for query, values in found.items():
        assert list(values) == measure_names(CUTOFFS)
        assert values == pytest.approx(expected[query], abs=1e-9)


@given(judged_runs(), st.integers(0, 3))
def test_documents_that_were_not_found_take_no_rank(judged: tuple[trec.Run, trec.Qrels], step: int) -> None:
    whole, qrels = judged
    run = {
        query: {name: value for place, (name, value) in enumerate(found.items()) if place % 4 != step}
        for query, found in whole.items()
    }
    missing = {query: {name: run[query].get(name, -np.inf) for name in whole[query]} for query in run}
    found = by_query(measured(missing, qrels), run)
    expected = trec.measured({query: found for query, found in run.items() if found}, qrels, CUTOFFS)
    for query, values in found.items():
        nothing = dict.fromkeys(measure_names(CUTOFFS), 0.0)
        assert values == pytest.approx(expected.get(query, nothing), abs=1e-9)


@given(judged_runs(), st.integers(1, 3))
def test_blocks_of_queries_give_what_the_whole_gives(judged: tuple[trec.Run, trec.Qrels], step: int) -> None:
    scores, relevance = laid_out(*judged)
    measures = RetrievalMeasures(relevance, CUTOFFS)
    whole = measures.of(scores)
    blocks = [measures.of(scores[first : first + step], first) for first in range(0, len(scores), step)]
    for name, values in whole.items():
        assert np.array_equal(np.concatenate([block[name] for block in blocks]), values)


@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 45), st.integers(0, 2**32 - 1))
def test_a_ranking_is_the_beginning_of_the_whole_order(queries: int, documents: int, depth: int, seed: int) -> None:
    scores = np.random.default_rng(seed).integers(0, 5, size=(queries, documents)).astype(np.float32)
    whole = [sorted(range(documents), key=lambda column: (-row[column], column)) for row in scores]
    assert ranked(scores, depth).tolist() == [order[:depth] for order in whole]


def test_the_higher_id_stands_first_among_equal_scores() -> None:
    run = {"q": {"9": 1.0, "10": 1.0, "é": 1.0, "z": 1.0}}
    for best in ("é", "z", "9", "10"):
        found = measured(run, {"q": {best: 1}})
        assert found["mrr@10"] == pytest.approx(1 / (1 + ["é", "z", "9", "10"].index(best)))


def test_queries_without_a_relevant_document_get_nothing() -> None:
    found = measured({"q": {"a": 1.0}}, {"q": {"a": 0}})
    assert {float(values[0]) for values in found.values()} == {0.0}
