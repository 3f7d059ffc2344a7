from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.loading import load
from pairforge.engines.sentence_models import load_cross_encoder
from pairforge.errors import ModelError
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, ModelSpec, PairScorer


def spec(folder: Path) -> ModelSpec:
    return resolve(ModelRequest(name=str(folder), device="cpu"), ModelKind.SCORER)


@pytest.fixture
def cross_encoder(transformer_model: Path, tmp_path: Path) -> Path:
    model = load_cross_encoder(spec(transformer_model), dtype="float32", max_length=10, num_labels=1)
    model.save_pretrained(str(tmp_path / "cross-encoder"), create_model_card=False)
    return tmp_path / "cross-encoder"


def test_an_encoder_gets_a_head_and_keeps_its_body(transformer_model: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    model = load_cross_encoder(spec(transformer_model), dtype="float32", max_length=10, num_labels=3)
    encoder = SentenceTransformer(str(transformer_model), device="cpu")
    assert model.num_labels == 3
    assert model.max_seq_length == 10
    assert torch.equal(
        model.model.bert.embeddings.word_embeddings.weight, encoder[0].model.embeddings.word_embeddings.weight
    )


def test_a_head_stays_unless_another_number_of_outputs_is_wanted(cross_encoder: Path) -> None:
    import torch

    own, same, wider = (
        load_cross_encoder(spec(cross_encoder), dtype="float32", max_length=None, num_labels=number)
        for number in (None, 1, 3)
    )
    assert torch.equal(own.model.classifier.weight, same.model.classifier.weight)
    assert wider.model.classifier.weight.shape == (3, 16)
    assert torch.equal(own.model.bert.pooler.dense.weight, wider.model.bert.pooler.dense.weight)


def test_a_transformer_in_a_folder_of_its_own_is_found(transformer_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "older"
    shutil.copytree(transformer_model, folder / "0_Transformer")
    modules = [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "0_Transformer" / "modules.json").unlink()
    assert load_cross_encoder(spec(folder), dtype="float32", max_length=None, num_labels=1).num_labels == 1


def test_a_static_model_is_no_cross_encoder(static_model: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded as a cross-encoder"):
        load_cross_encoder(spec(static_model), dtype="float32", max_length=None, num_labels=1)


def test_two_texts_of_a_megabyte_are_read_as_their_beginnings(cross_encoder: Path) -> None:
    from sentence_transformers import CrossEncoder

    model = load_cross_encoder(spec(cross_encoder), dtype="float32", max_length=None)
    first, second = "the cat sat " * 90_000, "a dog ran " * 100_000
    read = model.predict([(first, second), ("a cat", second)], show_progress_bar=False)
    library = CrossEncoder(str(cross_encoder), device="cpu")
    begun = library.predict([(first[:400], second[:400]), ("a cat", second[:400])], show_progress_bar=False)
    assert read.tolist() == begun.tolist()


def test_the_configuration_tells_cross_encoders_from_encoders(
    transformer_model: Path, cross_encoder: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "config.json").write_text('{"architectures": ["BertForSequenceClassification"]}')
    encoder, saved, classifier = map(ModelConfiguration, (transformer_model, cross_encoder, plain))
    assert [model.is_cross_encoder for model in (encoder, saved, classifier)] == [False, True, True]
    assert [model.class_names for model in (encoder, saved, classifier)] == [(), ("LABEL_0",), ("LABEL_0", "LABEL_1")]


def test_a_model_is_loaded_as_what_it_is(transformer_model: Path, cross_encoder: Path) -> None:
    encoder, scorer = (
        load(resolve(ModelRequest(name=str(folder)), ModelKind.JUDGED)) for folder in (transformer_model, cross_encoder)
    )
    assert isinstance(scorer, PairScorer)
    assert not isinstance(encoder, PairScorer)
    assert encoder.spec.identity == resolve(ModelRequest(name=str(transformer_model)), ModelKind.ENCODER).identity
    assert scorer.spec.kind is ModelKind.SCORER
