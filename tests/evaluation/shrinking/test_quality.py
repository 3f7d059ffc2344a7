import numpy as np
import polars as pl
import pytest

from pairforge.agreement import spearman
from pairforge.evaluation.shrinking.forms import Form, forms_of
from pairforge.evaluation.shrinking.quality import Retrieval, ScoredPairs, Sides


def full(dimension: int) -> Form:
    return Form("as it is", dimension, "float32")


def test_bytes_are_those_of_the_codes_and_of_what_they_are_rescored_by():
    assert Form("m", 384, "float32").bytes == 1536
    assert Form("m", 384, "int8").bytes == Form("m", 384, "int8", "int8").bytes == 384
    assert Form("m", 384, "binary").bytes == 48
    assert Form("m", 100, "binary", "int8").bytes == 113


def test_forms_begin_with_the_model_as_it_is_and_hold_it_once():
    forms = list(forms_of("m", 8, [8, 4], ["float32", "binary"], rescoring=True))
    assert forms[0] == Form("m", 8, "float32")
    assert len(set(forms)) == len(forms) == 1 + 3 + 4
    assert [form.rescored for form in forms_of("m", 8, [8], ["int8", "binary"], rescoring=False)] == [None] * 3


def test_retrieval_is_the_mean_reciprocal_rank_of_an_anchors_first_positive():
    pairs = pl.DataFrame({"anchor": ["a", "b", "a"], "positive": ["x", "y", "z"]})
    judge = Retrieval(pairs, oversampling=4)
    assert judge.texts == (["a", "b"], ["x", "y", "z"])
    queries = np.array([[1, 0], [1, 0]], np.float32)
    documents = np.array([[0.1, 1], [0.5, 1], [1, 0]], np.float32)
    found = judge.predictions(Sides.of(queries, documents, full(2)))
    assert found.tolist() == [1.0, 0.5]
    assert judge.value(found) == 0.75
    draws = judge.draws(np.stack([found, found]), 200, seed=1)
    assert draws.shape == (2, 200)
    assert set(np.unique(draws)) <= {0.5, 0.75, 1.0}
    assert (draws[0] == draws[1]).all()


def test_of_equal_documents_the_first_ranks_higher_and_below_ten_nothing_counts():
    pairs = pl.DataFrame({"anchor": ["a"] + [f"n{i}" for i in range(11)], "positive": [f"p{i}" for i in range(12)]})
    judge = Retrieval(pairs, oversampling=1)
    documents = np.ones((12, 2), np.float32)
    ranks = judge.predictions(Sides.of(np.ones((12, 2), np.float32), documents, full(2)))
    np.testing.assert_allclose(ranks, [1 / rank for rank in range(1, 11)] + [0, 0])


@pytest.mark.parametrize("rescored", [None, "binary", "int8"])
def test_rescoring_never_loses_to_the_scan_that_it_begins_with_on_random_vectors(rescored: str | None):
    random = np.random.default_rng(0)
    documents = random.normal(size=(300, 64)).astype(np.float32)
    queries = documents + random.normal(size=documents.shape).astype(np.float32) * 1.2
    pairs = pl.DataFrame({"anchor": [f"q{i}" for i in range(300)], "positive": [f"d{i}" for i in range(300)]})
    judge = Retrieval(pairs, oversampling=4)

    def value(form: Form) -> float:
        return judge.value(judge.predictions(Sides.of(queries, documents, form)))

    scan, exact = value(Form("m", 64, "binary")), value(full(64))
    assert scan < exact
    if rescored is not None:
        assert scan < value(Form("m", 64, "binary", rescored)) <= exact


def test_a_positive_that_the_scan_does_not_find_is_not_rescored():
    pairs = pl.DataFrame({"anchor": [f"q{i}" for i in range(12)], "positive": [f"d{i}" for i in range(12)]})
    judge = Retrieval(pairs, oversampling=1)
    queries = np.tile(np.array([[1.0, 0.1]], np.float32), (12, 1))
    documents = np.array([[1.0, 0.1]] * 11 + [[1.0, -0.001]], np.float32)
    found = judge.predictions(Sides.of(queries, documents, Form("m", 2, "binary", "int8")))
    assert found[11] == 0


def test_scored_pairs_are_judged_by_the_cosines_of_what_is_kept():
    pairs = pl.DataFrame({"sentence1": ["a"] * 3, "sentence2": ["b", "c", "d"], "score": [0.0, 0.5, 1.0]})
    judge = ScoredPairs(pairs)
    queries = np.array([[1, 0, 0]] * 3, np.float32)
    documents = np.array([[0, 1, 0], [1, 1, 0], [1, 0, 9]], np.float32)
    cut = judge.predictions(Sides.of(queries, documents, full(2)))
    np.testing.assert_allclose(cut, [0, 0.5**0.5, 1], atol=1e-6)
    assert judge.value(cut) == spearman(cut, pairs["score"]) == pytest.approx(1)
