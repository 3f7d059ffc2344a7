import json
from pathlib import Path

import pytest

from pairforge.errors import ModelError
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, ModelSpec
from pairforge.training.bases import base_kind, begins_with_transformer, gives_unit_vectors, vector_size
from pairforge.training.kinds import BaseKind, TrainedKind
from tests.training.tiny import spec_of

ENCODER, CROSS_ENCODER, *_ = TrainedKind


def folder_of(path: Path, *modules: str, model_type: str = "SentenceTransformer") -> Path:
    (path / "modules.json").write_text(json.dumps([{"type": module} for module in modules]))
    (path / "config_sentence_transformers.json").write_text(json.dumps({"model_type": model_type}))
    return path


def test_fresh_models_are_of_their_kind(static_base: ModelSpec, transformer_base: ModelSpec):
    assert base_kind(static_base, ENCODER) is BaseKind.STATIC
    assert base_kind(transformer_base, ENCODER) is BaseKind.TRANSFORMER


def test_plain_transformer_folder_is_a_transformer(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    assert base_kind(spec_of(tmp_path), ENCODER) is BaseKind.TRANSFORMER


def test_model_that_reads_no_text_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="begins with Normalize, so it cannot read text"):
        base_kind(spec_of(folder_of(tmp_path, "sentence_transformers.models.Normalize")), ENCODER)
    with pytest.raises(ModelError, match="begins with no module"):
        base_kind(spec_of(folder_of(tmp_path)), ENCODER)


def test_other_kinds_of_model_are_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="a cross-encoder, which scores pairs"):
        base_kind(spec_of(folder_of(tmp_path, "x.Transformer", model_type="CrossEncoder")), ENCODER)
    with pytest.raises(ModelError, match="has the routes none, but query and document are wanted"):
        base_kind(spec_of(folder_of(tmp_path, "x.Router")), ENCODER)
    with pytest.raises(ModelError, match="routes queries and documents to two encoders, which a classifier does not"):
        base_kind(spec_of(folder_of(tmp_path, "x.Router")), TrainedKind.CLASSIFIER)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (TrainedKind.SPARSE_ENCODER, "it cannot tell which words a text calls for.*name a masked language model"),
        (TrainedKind.LATE_INTERACTION, "its vector of a token is the same in every text; name a transformer encoder"),
        (TrainedKind.IMAGE_TEXT, "the model sees no images; name a model of images and texts"),
    ],
)
def test_static_base_is_refused_where_it_cannot_become_the_kind(kind: TrainedKind, why: str, static_base: ModelSpec):
    with pytest.raises(ModelError, match=why):
        base_kind(static_base, kind)
    assert base_kind(static_base, TrainedKind.CLASSIFIER) is BaseKind.STATIC


def test_kinds_go_on_from_models_of_their_own_and_of_no_other(tmp_path: Path):
    sparse = spec_of(folder_of(tmp_path, "x.Transformer", model_type="SparseEncoder"))
    assert base_kind(sparse, TrainedKind.SPARSE_ENCODER) is BaseKind.TRANSFORMER
    with pytest.raises(ModelError, match="the model is a sparse encoder; name a transformer encoder or a late"):
        base_kind(sparse, TrainedKind.LATE_INTERACTION)


def test_folder_that_holds_no_model_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match=r"neither modules\.json nor config\.json"):
        base_kind(spec_of(tmp_path), ENCODER)
    (tmp_path / "modules.json").write_text("[{")
    with pytest.raises(ModelError, match=r"modules\.json: cannot be read"):
        base_kind(spec_of(tmp_path), ENCODER)
    (tmp_path / "modules.json").write_text('[{"idx": 0}]')
    with pytest.raises(ModelError, match="a type was wanted for every module"):
        base_kind(spec_of(tmp_path), ENCODER)


def test_model_that_only_a_server_has_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="only a server has them"):
        base_kind(spec_of(tmp_path).model_copy(update={"path": None}), ENCODER)


def test_cross_encoders_start_from_transformers_and_cross_encoders(
    static_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path
):
    assert base_kind(transformer_base, CROSS_ENCODER) is BaseKind.TRANSFORMER
    ready = folder_of(tmp_path, "x.Transformer", model_type="CrossEncoder")
    assert base_kind(spec_of(ready), CROSS_ENCODER) is BaseKind.TRANSFORMER
    with pytest.raises(ModelError, match=r"the model is static: .* name a transformer encoder or a cross-encoder"):
        base_kind(static_base, CROSS_ENCODER)
    with pytest.raises(ModelError, match="a sparse encoder; name a transformer"):
        base_kind(spec_of(folder_of(tmp_path, "x.Transformer", model_type="SparseEncoder")), CROSS_ENCODER)


def test_size_of_a_vector_is_read_from_the_files(static_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path):
    assert vector_size(static_base) == 8
    assert vector_size(transformer_base) == 16
    assert vector_size(resolve(ModelRequest(), ModelKind.WEIGHTS)) == 384
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"), ("Normalize", "3_Normalize")]
    types = [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in modules]
    (tmp_path / "modules.json").write_text(json.dumps(types))
    (tmp_path / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    assert vector_size(spec_of(tmp_path)) == 64
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "config.json").write_text(json.dumps({"in_features": 64, "out_features": 24}))
    assert vector_size(spec_of(tmp_path)) == 24
    assert gives_unit_vectors(spec_of(tmp_path))
    assert begins_with_transformer(spec_of(tmp_path))
    assert not begins_with_transformer(static_base)
