from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pairforge.engines.encoders import load_encoder
from pairforge.engines.tables import VectorTable
from pairforge.evaluation import sts
from pairforge.evaluation.judged_models import judged
from pairforge.evaluation.options import JudgedOptions
from pairforge.evaluation.sts import SIMILARITIES, Similarity, own_similarity, pair_similarities, similarity_to
from pairforge.execution.step import StepContext
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, Side
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions


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


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_a_search_compares_as_pairs_are_compared(similarity: Similarity) -> None:
    generator = np.random.default_rng(0)
    queries, documents = generator.normal(size=(2, 6, 4)).astype(np.float32)
    found = similarity_to(documents, similarity)(queries)
    assert found.dtype == np.float32
    assert np.diag(found) == pytest.approx(_similarities(queries, documents)[similarity], abs=1e-5)


def test_a_model_says_itself_how_its_vectors_are_compared(tmp_path: Path) -> None:
    pairs = pl.DataFrame({"anchor": ["a b", "c d"], "positive": ["b a", "d c"]})
    options = InitModelOptions(kind="static", dimension=4, tokenizer_from="corpus", vocabulary_size=100)
    folder = init_model(pairs, options=options, output=tmp_path / "model")
    assert own_similarity(resolve(ModelRequest(name=str(folder)), ModelKind.ENCODER)) == "cosine"
    settings = folder / "config_sentence_transformers.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"similarity_fn_name": "dot"}))
    encoder = load_encoder(resolve(ModelRequest(name=str(folder)), ModelKind.ENCODER))
    (model,) = judged(encoder, JudgedOptions())
    rows = pl.DataFrame({"sentence1": ["a b"], "sentence2": ["c d"]})
    assert next(iter(model.closeness(rows, StepContext(cache=tmp_path)))) == "dot"
    (block,) = model.search(["a b"], ["c d", "a"], StepContext(cache=tmp_path))
    vectors = encoder.encode(["a b", "c d", "a"], Side.QUERY)
    assert block.scores == pytest.approx(vectors[:1] @ vectors[1:].T, abs=1e-6)
