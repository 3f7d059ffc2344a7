import json
from pathlib import Path

import pytest

from pairforge.errors import ModelError
from pairforge.models import ModelSpec
from pairforge.training.bases import base_kind
from pairforge.training.kinds import BaseKind, TrainedKind
from tests.training.tiny import spec_of

ENCODER, CROSS_ENCODER = TrainedKind


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
    with pytest.raises(ModelError, match="routes queries and documents"):
        base_kind(spec_of(folder_of(tmp_path, "x.Router")), ENCODER)


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
