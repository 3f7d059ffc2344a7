from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pairforge.engines.encoders import load_encoder
from pairforge.engines.loading import load
from pairforge.engines.vectors import VectorStore
from pairforge.errors import ModelError
from pairforge.model_files import resolve
from pairforge.models import Encoder, ModelKind, ModelRequest, Side

QUERY, DOCUMENT = Side.QUERY, Side.DOCUMENT
TEXTS = ["a cat sat on the mat", "the dog ran", "", "a b c d e f g h i j k l m n o p q r s t u v w x y z"]


def _encoder(folder: Path, **request: object) -> Encoder:
    return load_encoder(
        resolve(ModelRequest.model_validate({"name": str(folder), "device": "cpu", **request}), ModelKind.ENCODER)
    )


def _changed(folder: Path, into: Path, name: str, content: object) -> Path:
    shutil.copytree(folder, into)
    (into / name).write_text(json.dumps(content), "utf-8")
    return into


@pytest.mark.parametrize("kind", ["static_model", "transformer_model"])
def test_vectors_are_those_of_sentence_transformers(kind: str, request: pytest.FixtureRequest) -> None:
    from sentence_transformers import SentenceTransformer

    folder = request.getfixturevalue(kind)
    model = SentenceTransformer(str(folder), device="cpu")
    encoder = _encoder(folder)
    assert np.allclose(encoder.encode(TEXTS, QUERY), model.encode_query(TEXTS), atol=1e-6)
    assert np.allclose(encoder.encode(TEXTS, DOCUMENT), model.encode_document(TEXTS), atol=1e-6)
    assert encoder.dimension == model.get_embedding_dimension()


def test_prompts_of_the_request_come_before_the_models_own(transformer_model: Path) -> None:
    own, asked = _encoder(transformer_model), _encoder(transformer_model, query_prompt="cat: ", document_prompt="")
    bare = _encoder(transformer_model, query_prompt="", document_prompt="")
    assert (asked.encode(["dog"], QUERY) == bare.encode(["cat: dog"], QUERY)).all()
    assert (own.encode(["dog"], QUERY) == bare.encode(["query: dog"], QUERY)).all()
    assert (asked.encode(["dog"], DOCUMENT) == bare.encode(["dog"], DOCUMENT)).all()


def test_sides_with_equal_prompts_have_equal_keys(static_model: Path, transformer_model: Path) -> None:
    static, transformer = _encoder(static_model), _encoder(transformer_model)
    assert static.side_key(QUERY) == static.side_key(DOCUMENT)
    assert transformer.side_key(QUERY) != transformer.side_key(DOCUMENT)
    alike = _encoder(transformer_model, query_prompt="x", document_prompt="x")
    assert alike.side_key(QUERY) == alike.side_key(DOCUMENT)


def test_routed_models_keep_their_sides_apart(static_model: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    folder = tmp_path / "routed"
    static = StaticEmbedding.load(str(static_model))
    other = StaticEmbedding(static.tokenizer, embedding_dim=8)
    SentenceTransformer(modules=[Router.for_query_document([static], [other])], device="cpu").save(str(folder))
    encoder, model = _encoder(folder), SentenceTransformer(str(folder), device="cpu")
    assert encoder.side_key(QUERY) != encoder.side_key(DOCUMENT)
    assert np.allclose(encoder.encode(TEXTS, QUERY), model.encode_query(TEXTS), atol=1e-6)
    assert np.allclose(encoder.encode(TEXTS, DOCUMENT), model.encode_document(TEXTS), atol=1e-6)


def test_sides_of_different_lengths_are_kept_apart(transformer_model: Path, tmp_path: Path) -> None:
    [file] = transformer_model.glob("sentence_*_config.json")
    settings = json.loads(file.read_text("utf-8")) | {"query_length": 4}
    folder = _changed(transformer_model, tmp_path / "model", file.name, settings)
    encoder = _encoder(folder, query_prompt="", document_prompt="")
    assert encoder.side_key(QUERY) != encoder.side_key(DOCUMENT)


@pytest.mark.parametrize("name", ["document", "passage", "corpus"])
def test_prompts_are_found_as_sentence_transformers_finds_them(static_model: Path, tmp_path: Path, name: str) -> None:
    from sentence_transformers import SentenceTransformer

    prompts = {"query": "cat ", name: "dog ", "other": "mat "}
    config = {"prompts": prompts, "default_prompt_name": "other"}
    folder = _changed(static_model, tmp_path / "model", "config_sentence_transformers.json", config)
    encoder, model = _encoder(folder), SentenceTransformer(str(folder), device="cpu")
    assert np.allclose(encoder.encode(TEXTS, DOCUMENT), model.encode_document(TEXTS), atol=1e-6)
    assert np.allclose(encoder.encode(TEXTS, QUERY), model.encode_query(TEXTS), atol=1e-6)


def test_texts_are_read_up_to_the_length_asked_for(transformer_model: Path) -> None:
    short, own = _encoder(transformer_model, max_length=6, document_prompt=""), _encoder(transformer_model)
    assert own.token_counts(TEXTS).tolist() == [8, 5, 2, 12]
    assert short.token_counts(TEXTS).tolist() == [6, 5, 2, 6]
    assert (short.encode(["a cat sat on the mat"], DOCUMENT) == short.encode(["a cat sat on a dog"], DOCUMENT)).all()


def test_counting_tokens_between_batches_changes_no_vector(transformer_model: Path) -> None:
    encoder = _encoder(transformer_model)
    before = encoder.encode(TEXTS, QUERY)
    encoder.token_counts(TEXTS)
    assert (encoder.encode(TEXTS, QUERY) == before).all()


def test_a_maximum_length_for_static_models_is_refused(static_model: Path) -> None:
    encoder = _encoder(static_model, max_length=6)
    with pytest.raises(ModelError, match="--max-length does not apply"):
        encoder.encode(["cat"], QUERY)


def test_other_precisions_give_float32_vectors_near_the_same(transformer_model: Path) -> None:
    full, half = _encoder(transformer_model), _encoder(transformer_model, dtype="bfloat16")
    vectors = half.encode(TEXTS, QUERY)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, full.encode(TEXTS, QUERY), atol=0.1)
    assert half.spec.vector_identity != full.spec.vector_identity


def test_static_models_take_large_batches(static_model: Path) -> None:
    assert _encoder(static_model).spec.request.batch_size == 4096
    assert (
        _encoder(static_model).spec.identity
        == resolve(ModelRequest(name=str(static_model)), ModelKind.ENCODER).identity
    )


def test_stored_vectors_need_neither_torch_nor_weights(transformer_model: Path, tmp_path: Path) -> None:
    encoder = _encoder(transformer_model)
    VectorStore(tmp_path).tables(encoder, {QUERY: TEXTS})
    code = f"""
import sys
from pathlib import Path
from pairforge.engines.loading import load
from pairforge.engines.vectors import VectorStore
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, Side
encoder = load(resolve(ModelRequest(name={str(transformer_model)!r}), ModelKind.ENCODER))
table = VectorStore(Path({str(tmp_path)!r})).tables(encoder, {{Side.QUERY: {TEXTS!r}}})[Side.QUERY]
assert table.dimension == 16 and len(table.take(range(len(table)))) == {len(TEXTS)}
loaded = {{"torch", "transformers", "sentence_transformers", "faiss"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_truncated_weights_are_one_clear_error(static_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(static_model, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot be loaded as a sentence encoder"):
        _encoder(folder).encode(["cat"], QUERY)


def test_code_that_comes_with_a_model_is_not_run_unasked(transformer_model: Path, tmp_path: Path) -> None:
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Configuration", "AutoModel": "own.Model"}}
    folder = _changed(transformer_model, tmp_path / "model", "config.json", own)
    (folder / "own.py").write_text("raise SystemExit('was run')", "utf-8")
    with pytest.raises(ModelError, match="allow it with --trust-remote-code"):
        _encoder(folder).encode(["cat"], QUERY)


def test_broken_configuration_is_one_clear_error(static_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(static_model, folder)
    (folder / "config_sentence_transformers.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match="cannot be read as JSON"):
        _encoder(folder)


def test_foreign_code_is_not_run_unasked(static_model: Path, tmp_path: Path) -> None:
    modules = [{"idx": 0, "name": "0", "path": "", "type": "mine.Evil"}]
    folder = _changed(static_model, tmp_path / "model", "modules.json", modules)
    (folder / "mine.py").write_text("raise SystemExit('it ran')", "utf-8")
    with pytest.raises(ModelError, match="--trust-remote-code"):
        _encoder(folder).encode(["cat"], QUERY)


def test_kinds_without_an_engine_are_refused(static_model: Path) -> None:
    with pytest.raises(ModelError, match="no engine for a generator"):
        load(resolve(ModelRequest(name=str(static_model)), ModelKind.GENERATOR))
