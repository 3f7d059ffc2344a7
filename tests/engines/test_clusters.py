from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.engines import clusters, search
from pairforge.engines.clusters import assigned, k_means
from pairforge.engines.tables import VectorTable


def _blobs(seed: int, clusters: int, size: int, spread: float, dimension: int = 16) -> tuple[VectorTable, np.ndarray]:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(clusters, dimension))
    labels = np.tile(np.arange(clusters), size)
    points = centres[labels] + spread * random.normal(size=(len(labels), dimension))
    return VectorTable.of(points).unit(), labels


def test_clusters_that_lie_apart_are_found() -> None:
    vectors, labels = _blobs(seed=3, clusters=4, size=50, spread=0.05)
    # Of several starts one puts a centroid into each; k-means promises no more.
    found = [assigned(vectors, k_means(vectors, 4, seed=seed)) for seed in range(10)]
    assert any(len(set(zip(labels.tolist(), of.tolist(), strict=True))) == 4 and len(set(of)) == 4 for of in found)


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(2, 12), st.integers(12, 200), st.integers(1, 40))
def test_rounds_never_loosen_clusters_and_blocks_change_no_bit(
    seed: int, num_clusters: int, size: int, at_once: int
) -> None:
    vectors = VectorTable.of(np.random.default_rng(seed).normal(size=(size, 7))).unit()
    centroids = k_means(vectors, num_clusters, seed=seed)
    assert len(centroids) == num_clusters

    def tightness(table: VectorTable) -> float:
        rows = assigned(vectors, table)
        return float(search.similarities(vectors, np.arange(size), table, rows).sum())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "_ROUNDS", 0)
        start = k_means(vectors, num_clusters, seed=seed)
    assert tightness(centroids) >= tightness(start) - 1e-4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_QUERIES_AT_ONCE", at_once)
        patch.setattr(search, "_PAIRS_AT_ONCE", at_once)
        patch.setattr(clusters, "_POINTS_AT_ONCE", at_once)
        again = k_means(vectors, num_clusters, seed=seed)
    assert (again.take(range(num_clusters)) == centroids.take(range(num_clusters))).all()


def test_threads_and_equal_vectors_change_no_bit() -> None:
    import faiss

    vectors = VectorTable.of(np.repeat(np.random.default_rng(0).normal(size=(40, 33)), 20, axis=0)).unit()
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    one = k_means(vectors, 9, seed=1)
    faiss.omp_set_num_threads(2)
    two = k_means(vectors, 9, seed=1)
    faiss.omp_set_num_threads(threads)
    assert (one.take(range(9)) == two.take(range(9))).all()
    members = assigned(vectors, one).reshape(40, 20)
    assert (members == members[:, :1]).all()


def test_large_corpora_are_learnt_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = _blobs(seed=1, clusters=3, size=400, spread=0.1)
    asked = []
    monkeypatch.setattr(clusters, "_POINTS_A_CLUSTER", 10)
    monkeypatch.setattr(
        clusters, "assigned", lambda points, centroids: asked.append(len(points)) or assigned(points, centroids)
    )
    k_means(vectors, 3, seed=0)
    assert set(asked) == {30}


def test_no_vectors_lie_in_no_cluster() -> None:
    assert assigned(VectorTable.of(np.empty((0, 3))), VectorTable.of(np.eye(3))).tolist() == []
