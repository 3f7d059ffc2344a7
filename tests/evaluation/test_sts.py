from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pairforge.engines.tables import VectorTable
from pairforge.evaluation import sts
from pairforge.evaluation.sts import pair_similarities


def _similarities(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    rows = len(first)
    return pair_similarities(VectorTable.of(np.vstack([first, second])), range(rows), range(rows, 2 * rows))


@given(
    arrays.arrays(np.float32, (5, 3), elements=st.floats(-4, 4, width=16)),
    arrays.arrays(np.float32, (5, 3), elements=st.floats(-4, 4, width=16)),
)
def test_similarities_are_their_definitions_row_by_row(first: np.ndarray, second: np.ndarray) -> None:
    found = _similarities(first, second)
    for row, (a, b) in enumerate(zip(first.astype(float), second.astype(float), strict=True)):
        assert found["dot"][row] == pytest.approx(a @ b)
        assert found["euclidean"][row] == pytest.approx(-np.sqrt(((a - b) ** 2).sum()))
        assert found["manhattan"][row] == pytest.approx(-np.abs(a - b).sum())
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        assert found["cosine"][row] == pytest.approx(a @ b / lengths if lengths else 0, abs=1e-12)


def test_similarities_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 23, 4)).astype(np.float32)
    whole = _similarities(first, second)
    monkeypatch.setattr(sts, "_BLOCK_ROWS", 5)
    in_blocks = _similarities(first, second)
    assert all(np.array_equal(whole[name], in_blocks[name]) for name in whole)
