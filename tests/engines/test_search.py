from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.engines import search
from pairforge.engines.search import Propose, by_torch, nearest, proposer, similarities
from pairforge.engines.tables import VectorTable
from pairforge.errors import ModelError


def _vectors(seed: int, rows: int, dimension: int, distinct: int, scale: float) -> np.ndarray:
    """Random vectors among which many are equal, some nearly so and some zero."""
    random = np.random.default_rng(seed)
    pool = random.normal(size=(distinct, dimension)).astype(np.float32)
    pool[0] = 0
    drawn = pool[random.integers(distinct, size=rows)]
    nearly = random.random(rows) < 0.2
    drawn[nearly] += np.float32(scale) * random.normal(size=(int(nearly.sum()), dimension)).astype(np.float32)
    return drawn


def _brute_force(queries: np.ndarray, corpus: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores = (queries.astype(np.float64) @ corpus.astype(np.float64).T).astype(np.float32)
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(scores, rows, axis=1)


def _all(
    queries: np.ndarray, corpus: np.ndarray, k: int, propose: Propose | None = None
) -> tuple[np.ndarray, np.ndarray]:
    found = list(nearest(VectorTable.of(queries), VectorTable.of(corpus), k, propose=propose))
    return np.concatenate([f.corpus_rows for f in found]), np.concatenate([f.similarities for f in found])


_drawn = {
    "seed": st.integers(0, 2**32),
    "num_queries": st.integers(1, 40),
    "size": st.integers(1, 300),
    "dimension": st.sampled_from([1, 2, 7, 33, 384]),
    "distinct": st.integers(1, 40),
    "k": st.integers(1, 40),
    "scale": st.sampled_from([1e-7, 1e-3, 1.0]),
}


@given(**_drawn)
def test_the_neighbours_are_those_of_brute_force(
    seed: int, num_queries: int, size: int, dimension: int, distinct: int, k: int, scale: float
) -> None:
    corpus = _vectors(seed, size, dimension, distinct, scale)
    queries = _vectors(seed, num_queries, dimension, distinct, scale)
    rows, scores = _all(queries, corpus, k)
    assert rows.shape == (num_queries, min(k, size))
    # float64 sums in another order may round to another float32, once in some millions.
    wanted_rows, wanted = _brute_force(queries, corpus, k)
    assert np.allclose(scores, wanted, rtol=2e-7, atol=1e-12)
    exact = similarities(VectorTable.of(queries), np.arange(num_queries)[:, None], VectorTable.of(corpus), rows)
    assert (exact == scores).all()
    assert ((rows == wanted_rows) | np.isclose(scores, wanted, rtol=2e-7, atol=1e-12)).all()


@settings(max_examples=40)
@given(
    **_drawn | {"num_queries": st.integers(1, 12), "size": st.integers(1, 100)},
    block_bytes=st.integers(1, 20_000),
    at_once=st.integers(1, 50),
    candidates=st.integers(1, 5_000),
)
def test_block_sizes_never_change_a_bit(
    seed: int, num_queries: int, size: int, dimension: int, distinct: int, k: int, scale: float,
    block_bytes: int, at_once: int, candidates: int,
) -> None:  # fmt: skip
    import faiss

    corpus = _vectors(seed, size, dimension, distinct, scale)
    queries = _vectors(seed + 1, num_queries, dimension, distinct, scale)
    rows, scores = _all(queries, corpus, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_BLOCK_BYTES", block_bytes)
        patch.setattr(search, "_QUERIES_AT_ONCE", at_once)
        patch.setattr(search, "_CANDIDATES_AT_ONCE", candidates)
        patch.setattr(search, "_PAIRS_AT_ONCE", at_once)
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1 + seed % 2)
        other_rows, other_scores = _all(queries, corpus, k)
        faiss.omp_set_num_threads(threads)
    assert (rows == other_rows).all()
    assert (scores == other_scores).all()


def test_equal_texts_are_told_apart_by_their_rows_alone() -> None:
    corpus = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (5000, 1))
    rows, scores = _all(corpus[:3], corpus, 4)
    assert rows.tolist() == [[0, 1, 2, 3]] * 3
    assert np.allclose(scores, 1)


@pytest.mark.parametrize("number", [np.nan, -3e38])
def test_products_that_are_no_numbers_are_refused(number: float) -> None:
    corpus = np.full((5, 2), [number, 0], dtype=np.float32)
    with pytest.raises(ModelError, match="no numbers"):
        _all(np.full((1, 2), 3e38, dtype=np.float32), corpus, 2)


def test_only_the_asked_rows_are_answered() -> None:
    vectors = np.eye(10, dtype=np.float32)
    table = VectorTable.of(vectors)
    found = list(nearest(table, table, 1, rows=range(3, 7)))
    assert [f.first_row for f in found] == [3]
    assert found[0].corpus_rows.tolist() == [[3], [4], [5], [6]]
    assert list(nearest(table, table, 1, rows=range(0))) == []


def test_a_corpus_smaller_than_k_gives_all_its_rows() -> None:
    table = VectorTable.of(np.eye(3))
    [found] = nearest(table, table, 50)
    assert found.corpus_rows.tolist() == [[0, 1, 2], [1, 0, 2], [2, 0, 1]]


def test_cosines_come_from_unit_tables() -> None:
    corpus = VectorTable.of([[10, 0], [1, 1], [0, 0]])
    queries = VectorTable.of([[0.1, 0], [0, 0]])
    [found] = nearest(queries.unit(), corpus.unit(), 3)
    assert found.corpus_rows.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert np.allclose(found.similarities, [[1, 0.5**0.5, 0], [0, 0, 0]])


def test_similarities_follow_the_shape_of_the_corpus_rows() -> None:
    table = VectorTable.of(np.eye(3))
    assert similarities(table, [[0], [1]], table, [[0, 1], [1, 2]]).tolist() == [[1, 0], [1, 0]]
    assert similarities(table, [], table, []).shape == (0,)


@settings(max_examples=60)
@given(**_drawn, products=st.integers(1, 2_000), precision=st.sampled_from(["highest", "medium"]))
def test_torch_proposes_what_ends_in_the_same_bits_as_faiss(
    seed: int, num_queries: int, size: int, dimension: int, distinct: int, k: int, scale: float,
    products: int, precision: str,
) -> None:  # fmt: skip
    import torch

    corpus = _vectors(seed, size, dimension, distinct, scale)
    queries = _vectors(seed + 1, num_queries, dimension, distinct, scale)
    rows, scores = _all(queries, corpus, k)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "_PRODUCTS_AT_ONCE", products)
            other_rows, other_scores = _all(queries, corpus, k, partial(by_torch, device="cpu"))
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)
    assert (rows == other_rows).all()
    assert (scores == other_scores).all()


@pytest.mark.parametrize("number", [np.nan, 3e38])
def test_torch_refuses_products_that_are_no_numbers(number: float) -> None:
    corpus = np.full((5, 2), [number, 0], dtype=np.float32)
    with pytest.raises(ModelError, match="no numbers"):
        _all(np.full((1, 2), 3e38, dtype=np.float32), corpus, 2, partial(by_torch, device="cpu"))


def test_torch_searches_on_a_device_that_is_there_and_faiss_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def device_of(asked: str | None, *, has_driver: bool, has_gpu: bool) -> str:
        monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi" if has_driver else None)
        monkeypatch.setattr("torch.cuda.is_available", lambda: has_gpu)
        chosen = proposer(asked)
        return chosen.keywords["device"] if isinstance(chosen, partial) else "cpu"

    for has_gpu in (False, True):
        assert device_of("cpu", has_driver=True, has_gpu=has_gpu) == "cpu"
        assert device_of("cuda:1", has_driver=False, has_gpu=has_gpu) == ("cuda:1" if has_gpu else "cpu")
        assert device_of(None, has_driver=True, has_gpu=has_gpu) == ("cuda" if has_gpu else "cpu")
        assert device_of(None, has_driver=False, has_gpu=has_gpu) == "cpu"
    assert device_of("mps", has_driver=False, has_gpu=False) == "mps"


@pytest.mark.gpu
def test_a_gpu_finds_the_same_bits() -> None:
    corpus, queries = _vectors(1, 50_000, 384, 30_000, 1e-3), _vectors(2, 500, 384, 400, 1e-3)
    rows, scores = _all(queries, corpus, 100)
    other_rows, other_scores = _all(queries, corpus, 100, partial(by_torch, device="cuda"))
    assert (rows == other_rows).all()
    assert (scores == other_scores).all()
