"""Sparse encoders and late-interaction models against sentence-transformers' own encode and similarity."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pairforge.engines import late_interaction
from pairforge.engines.loading import load
from pairforge.errors import ModelError
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, TextMatcher
from tests.tiny_models import save_late_interaction, save_sparse_encoder

DOCUMENTS = [
    "a cat sat on the mat",
    "the dog ran",
    "",
    "a cat",
    *(f"{letter} dog on a mat" for letter in "abcdefg"),
    "a cat",
]
LONG = " ".join(["the cat sat on a mat"] * 4)
QUERIES = ["cat", "the dog on a mat", "", LONG, "cat"]
PROMPTS = {"query": "query : ", "document": "passage : "}
PAIRS = [3, 0, 2, 10, 1]


def _matcher(folder: Path, **request: object) -> TextMatcher:
    asked = ModelRequest.model_validate({"name": str(folder), "device": "cpu", "batch_size": 3, **request})
    matcher = load(resolve(asked, ModelKind.JUDGED))
    assert isinstance(matcher, TextMatcher)
    assert matcher.spec.kind is ModelKind.MATCHER
    return matcher


@pytest.mark.parametrize("similarity", [None, "dot", "cosine", "euclidean", "manhattan"])
def test_sparse_scores_are_those_of_the_library(similarity: str | None, tmp_path: Path) -> None:
    from sentence_transformers import SparseEncoder

    folder = save_sparse_encoder(tmp_path / "model", similarity=similarity, prompts=PROMPTS)
    model = SparseEncoder(str(folder), device="cpu")
    asked = model.encode_query(QUERIES, convert_to_sparse_tensor=False)
    held = model.encode_document([*DOCUMENTS, LONG], convert_to_sparse_tensor=False)
    matcher = _matcher(folder)
    index = matcher.index([*DOCUMENTS, LONG])
    assert matcher.closeness == (similarity or "dot")
    scores = index.scores(QUERIES)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, model.similarity(asked, held), rtol=1e-4, atol=2e-3)
    pairwise = model.similarity_pairwise(asked, held[PAIRS])
    np.testing.assert_allclose(index.pair_scores(QUERIES, PAIRS), pairwise, rtol=1e-4, atol=2e-3)
    np.testing.assert_allclose(index.vectors().toarray(), held, atol=1e-5)


@pytest.mark.parametrize("similarity", [None, "maxsim", "meanmaxsim"])
def test_late_interaction_scores_are_those_of_the_library(
    similarity: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers import MultiVectorEncoder

    monkeypatch.setattr(late_interaction, "_NUMBERS_AT_ONCE", 700)
    folder = save_late_interaction(tmp_path / "model", similarity=similarity, prompts=PROMPTS)
    model = MultiVectorEncoder(str(folder), device="cpu")
    asked, held = model.encode_query(QUERIES), model.encode_document([*DOCUMENTS, LONG])
    matcher = _matcher(folder)
    index = matcher.index([*DOCUMENTS, LONG])
    assert matcher.closeness == (similarity or "maxsim")
    np.testing.assert_allclose(index.scores(QUERIES), model.similarity(asked, held), rtol=1e-4, atol=1e-4)
    pairwise = model.similarity_pairwise(asked, [held[row] for row in PAIRS])
    np.testing.assert_allclose(index.pair_scores(QUERIES, PAIRS), pairwise, rtol=1e-4, atol=1e-4)
    assert index.vectors() is None


SAVED = [save_sparse_encoder, save_late_interaction]


@pytest.mark.parametrize("save", SAVED)
def test_prompts_of_the_request_come_before_the_models_own(save: object, tmp_path: Path) -> None:
    folder = save(tmp_path / "model", prompts=PROMPTS)  # type: ignore[operator]
    bare = save(tmp_path / "bare")  # type: ignore[operator]
    asked = _matcher(folder, query_prompt="dog ", document_prompt="").index(["a cat"]).scores(["sat"])
    np.testing.assert_allclose(asked, _matcher(bare).index(["a cat"]).scores(["dog sat"]), rtol=1e-5)
    own = _matcher(folder).index(["a cat"]).scores(["sat"])
    np.testing.assert_allclose(own, _matcher(bare).index(["passage : a cat"]).scores(["query : sat"]), rtol=1e-5)
    assert not np.allclose(asked, own)


@pytest.mark.parametrize("save", SAVED)
def test_texts_are_read_up_to_the_length_asked_for(save: object, tmp_path: Path) -> None:
    folder = save(tmp_path / "model")  # type: ignore[operator]
    texts = ["a cat sat on the mat", "a cat sat on a dog"]
    short = _matcher(folder, max_length=6).index(texts).scores(["cat", *texts])
    np.testing.assert_allclose(short[:, 0], short[:, 1], rtol=1e-5)
    np.testing.assert_allclose(short[1], short[2], rtol=1e-5)
    whole = _matcher(folder).index(texts).scores(texts)
    assert not np.allclose(whole[:, 0], whole[:, 1])


@pytest.mark.parametrize("save", SAVED)
def test_a_length_beyond_the_models_is_refused(save: object, tmp_path: Path) -> None:
    matcher = _matcher(save(tmp_path / "model"), max_length=25)  # type: ignore[operator]
    with pytest.raises(ModelError, match="reads up to 24 tokens, but --max-length is 25"):
        matcher.index(["a cat"])


def test_queries_that_are_looked_up_and_documents_that_are_encoded(tmp_path: Path) -> None:
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    splade = SparseEncoder(str(save_sparse_encoder(tmp_path / "splade")), device="cpu")
    table = SparseStaticEmbedding(tokenizer=splade.tokenizer, frozen=True)
    table.weight.data += torch.arange(table.weight.numel()) / 10
    router = Router.for_query_document(query_modules=[table], document_modules=list(splade.children()))
    folder = tmp_path / "inference-free"
    SparseEncoder(modules=[router], device="cpu").save_pretrained(str(folder), create_model_card=False)
    model = SparseEncoder(str(folder), device="cpu")
    asked = model.encode_query(QUERIES, convert_to_sparse_tensor=False)
    wanted = model.similarity(asked, model.encode_document(DOCUMENTS, convert_to_sparse_tensor=False))
    np.testing.assert_allclose(_matcher(folder).index(DOCUMENTS).scores(QUERIES), wanted, rtol=1e-4, atol=1e-4)
    short = _matcher(folder, max_length=6).index(["a cat sat on the mat", "a cat sat on a dog"]).scores(["cat"])
    np.testing.assert_allclose(short[:, 0], short[:, 1], rtol=1e-5)


@pytest.mark.parametrize("save", SAVED)
def test_other_precisions_give_float32_scores_near_the_same(save: object, tmp_path: Path) -> None:
    folder = save(tmp_path / "model")  # type: ignore[operator]
    full, half = (_matcher(folder, dtype=dtype).index(DOCUMENTS).scores(QUERIES) for dtype in ("float32", "bfloat16"))
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, full, rtol=0.05, atol=0.3)
    assert not np.array_equal(half, full)


@pytest.mark.parametrize("save", SAVED)
def test_no_documents_and_no_queries_are_no_scores(save: object, tmp_path: Path) -> None:
    matcher = _matcher(save(tmp_path / "model"))  # type: ignore[operator]
    assert matcher.index([]).scores(["a", "cat"]).shape == (2, 0)
    assert matcher.index(["a cat"]).scores([]).shape == (0, 1)
    assert matcher.index(["a cat"]).pair_scores([], []).shape == (0,)


@pytest.mark.parametrize("save", SAVED)
def test_weights_that_give_no_numbers_are_one_clear_error(save: object, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save(tmp_path / "model")  # type: ignore[operator]
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = next(name for name in tensors if name.endswith("word_embeddings.weight"))
    tensors[name][:] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="gives NaN or an infinity for the text 'a cat'"):
        _matcher(folder).index(["a cat"])


def test_progress_counts_every_distinct_document(tmp_path: Path) -> None:
    from contextlib import contextmanager

    shown: list[object] = []

    @contextmanager
    def progress(label: str, total: int, unit: str):  # type: ignore[no-untyped-def]
        shown.append(total)
        yield lambda done, detail="": shown.append(done)

    _matcher(save_sparse_encoder(tmp_path / "model")).index(DOCUMENTS, progress)
    assert shown == [11, 3, 3, 3, 2]


def test_a_model_that_names_an_unknown_similarity_is_refused(tmp_path: Path) -> None:
    folder = save_sparse_encoder(tmp_path / "model")
    file = folder / "config_sentence_transformers.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"similarity_fn_name": "hamming"}))
    with pytest.raises(ModelError, match="compares by 'hamming', but a sparse encoder compares by one of dot, cosine"):
        _matcher(folder)


@pytest.mark.parametrize(
    ("save", "kind"), [(save_sparse_encoder, "sparse encoder"), (save_late_interaction, "late-inter")]
)
def test_a_step_that_wants_an_encoder_is_told_what_it_got(save: object, kind: str, tmp_path: Path) -> None:
    folder = save(tmp_path / "model")  # type: ignore[operator]
    for name in (str(folder), f"cls:{folder}"):
        with pytest.raises(ModelError, match=f"is a {kind}.*, but an encoder is wanted"):
            load(resolve(ModelRequest(name=name), ModelKind.ENCODER))


def test_a_plain_encoder_is_no_matcher(transformer_model: Path) -> None:
    with pytest.raises(ModelError, match="is neither a sparse encoder nor a late-interaction model"):
        load(resolve(ModelRequest(name=str(transformer_model)), ModelKind.MATCHER))
