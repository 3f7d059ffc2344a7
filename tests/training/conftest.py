"""Tiny real models for training tests."""

from __future__ import annotations

import pytest

from pairforge.models import ModelSpec
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.training.tiny import spec_of, triplets


@pytest.fixture(autouse=True)
def _temporary_models_go_with_the_test(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("temporary")))


@pytest.fixture(scope="session")
def static_base(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    folder = tmp_path_factory.mktemp("static") / "model"
    options = InitModelOptions(kind="static", dimension=8, tokenizer_from="corpus", vocabulary_size=100)
    return spec_of(init_model(triplets(), options=options, output=folder))


@pytest.fixture(scope="session")
def transformer_base(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    return _transformer(tmp_path_factory, "mean")


@pytest.fixture(scope="session")
def cls_base(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    return _transformer(tmp_path_factory, "cls")


def _transformer(folders: pytest.TempPathFactory, pooling: str) -> ModelSpec:
    options = InitModelOptions.model_validate(
        {"kind": "transformer", "dimension": 16, "layers": 1, "heads": 2, "max_length": 16, "pooling": pooling}
        | {"tokenizer_from": "corpus", "vocabulary_size": 100}
    )
    return spec_of(init_model(triplets(), options=options, output=folders.mktemp("transformer") / "model"))
