import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from pairforge.errors import MissingExtraError, ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.merge import MergeOptions, merge
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from tests.tiny_models import save_cross_encoder
from tests.training.tiny import CORPORA, spec_of, triplets


@pytest.fixture
def trained(static_base: ModelSpec, tmp_path: Path) -> list[ModelSpec]:
    return [
        spec_of(
            train(
                triplets(), base=static_base, options=TrainOptions(batch_size=8, seed=seed), output=tmp_path / str(seed)
            )
        )
        for seed in (1, 2)
    ]


def _weights(folder: Path) -> np.ndarray:
    return next(iter(load_file(folder / "model.safetensors").values()))


def test_weights_are_averaged_as_they_are_weighted_and_plain_sentence_transformers_loads_them(
    trained: list[ModelSpec], tmp_path: Path
):
    from sentence_transformers import SentenceTransformer

    context = StepContext()
    merged = merge(trained, options=MergeOptions(weight=(3, 1)), context=context, output=tmp_path / "merged")
    first, second = (_weights(spec.path) for spec in trained)
    np.testing.assert_allclose(_weights(merged), 0.75 * first + 0.25 * second, atol=1e-6)
    assert SentenceTransformer(str(merged), device="cpu").encode(["a cat"]).shape == (1, 8)
    assert "75.0%" in context.ledger.notes[0]
    np.testing.assert_allclose(_weights(merge(trained)), (first + second) / 2, atol=1e-6)


def test_heads_that_are_left_out_are_told(static_base: ModelSpec, tmp_path: Path):
    context = StepContext()
    heads = [
        spec_of(
            train(
                CORPORA["labelled text"](),
                base=static_base,
                options=TrainOptions(kind="classifier", batch_size=8, seed=seed),
                output=tmp_path / str(seed),
            )
        )
        for seed in (1, 2)
    ]
    merged = merge(heads, context=context, output=tmp_path / "merged")
    assert context.ledger.notes[1].endswith("not averaged and left out: classification_head.safetensors")
    assert not (merged / "classification_head.safetensors").exists()


def test_what_cannot_be_averaged_is_refused(trained: list[ModelSpec], transformer_base: ModelSpec, tmp_path: Path):
    with pytest.raises(OptionsError, match="two models at least are wanted to be averaged, but 1 is given"):
        merge(trained[:1])
    with pytest.raises(OptionsError, match="3 weights are given for 2 models; give one for each, or none"):
        merge(trained, options=MergeOptions(weight=(1, 2, 3)))
    with pytest.raises(ModelError, match=r"cannot be averaged .*; name models that were trained from the same start"):
        merge([trained[0], transformer_base])
    with pytest.raises(ModelError, match=r"models of one kind were wanted to be averaged, .*CrossEncoder"):
        merge([trained[0], spec_of(save_cross_encoder(tmp_path / "cross"))])


def test_missing_package_is_named_with_how_to_get_it(trained: list[ModelSpec], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mergekit", None)
    with pytest.raises(MissingExtraError, match=r"merging models needs: pip install 'pairforge\[merge\]'"):
        merge(trained)
