"""Tiny real models for training tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pairforge.models import ModelSpec
from pairforge.training.init_model import init_model
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses import Loss
from pairforge.training.options import InitModelOptions
from tests.training.images import save_tiny_clip
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


@pytest.fixture(scope="session")
def image_text_base(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    folder = tmp_path_factory.mktemp("image-text") / "model"
    save_tiny_clip(folder)
    return spec_of(folder)


@pytest.fixture
def base_of(
    static_base: ModelSpec, transformer_base: ModelSpec, cls_base: ModelSpec, request: pytest.FixtureRequest
) -> Callable[[Loss], ModelSpec]:
    """A tiny base that a loss can train: a transformer, pooled as it asks, or one that also sees images."""

    def base(loss: Loss) -> ModelSpec:
        if loss.trains is TrainedKind.IMAGE_TEXT:
            found: ModelSpec = request.getfixturevalue("image_text_base")
            return found
        return cls_base if loss.pooling == "cls" else transformer_base

    return base
