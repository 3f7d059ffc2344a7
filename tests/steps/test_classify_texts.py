from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.engines.classification_heads import ClassificationHead
from pairforge.errors import FrameError, ModelError
from pairforge.execution.step import StepContext
from pairforge.models import ModelKind, ModelRequest, ModelSpec
from pairforge.steps.classify_texts import ClassifyTextsOptions, classify_texts
from tests.fakes import TableEncoder

TEXTS = pl.DataFrame({"text": ["east", "north", "between"], "source": [1, 2, 3]})
VECTORS = {"east": (1.0, 0.0), "north": (0.0, 1.0), "between": (0.6, 0.5)}


@pytest.fixture
def encoder(tmp_path: Path) -> TableEncoder:
    """An encoder in whose folder lies a head that tells the two axes apart."""
    ClassificationHead(("x", "y"), np.eye(2, dtype=np.float32) * 4, np.zeros(2, np.float32)).save(tmp_path)
    encoder = TableEncoder(VECTORS, raw=True)
    encoder.spec = ModelSpec(request=ModelRequest(name="m"), kind=ModelKind.ENCODER, digest="1" * 64, path=tmp_path)
    return encoder


def test_each_text_gets_its_most_probable_class(encoder: TableEncoder, tmp_path: Path) -> None:
    classed = classify_texts(TEXTS, encoder=encoder, context=StepContext(cache=tmp_path / "cache"))
    assert classed["label"].to_list() == ["x", "y", "x"]
    assert classed["source"].to_list() == [1, 2, 3]
    even = 1 / (1 + np.exp(-4 * (0.6 - 0.5)))
    np.testing.assert_allclose(classed["probability"][2], even, rtol=1e-5)


def test_doubtful_texts_are_dropped_and_counted(encoder: TableEncoder, tmp_path: Path) -> None:
    context = StepContext(cache=tmp_path / "cache")
    kept = classify_texts(TEXTS, encoder=encoder, options=ClassifyTextsOptions(min_probability=0.9), context=context)
    assert kept["text"].to_list() == ["east", "north"]
    assert context.ledger.to_json()["dropped"] == {"class_not_probable_enough": 1}


def test_model_without_a_head_is_refused_with_how_to_make_one(encoder: TableEncoder, tmp_path: Path) -> None:
    (tmp_path / "classes.json").unlink()
    with pytest.raises(ModelError, match=r"has no classification head .* train --kind classifier"):
        classify_texts(TEXTS, encoder=encoder, context=StepContext(cache=tmp_path / "cache"))


def test_head_that_does_not_fit_the_vectors_or_its_names_is_refused(encoder: TableEncoder, tmp_path: Path) -> None:
    context = StepContext(cache=tmp_path / "cache")
    ClassificationHead(("x", "y"), np.ones((2, 3), np.float32), np.zeros(2, np.float32)).save(tmp_path)
    with pytest.raises(ModelError, match="reads vectors of 3 dimensions, but they have 2"):
        classify_texts(TEXTS, encoder=encoder, context=context)
    ClassificationHead(("x",), np.ones((2, 2), np.float32), np.zeros(2, np.float32)).save(tmp_path)
    with pytest.raises(ModelError, match="1 names of classes, but a head of 2"):
        classify_texts(TEXTS, encoder=encoder, context=context)


def test_column_that_is_to_be_written_is_refused(encoder: TableEncoder) -> None:
    with pytest.raises(FrameError, match="its column 'label' bears the name"):
        classify_texts(TEXTS.rename({"source": "label"}), encoder=encoder)
