from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pairforge.engines.loading import load
from pairforge.engines.vectors import VectorStore
from pairforge.errors import ModelError
from pairforge.model_files import resolve
from pairforge.model_names import POOLINGS
from pairforge.models import Encoder, ModelKind, ModelRequest, Side
from tests.tiny_models import save_cross_encoder

TEXTS = ["a cat sat on the mat", "the dog ran", "a", "a b c d e f g h i j k l m n o p"]


def _encoder(name: str, kind: ModelKind = ModelKind.ENCODER, **request: object) -> Encoder:
    asked = ModelRequest.model_validate({"name": name, "device": "cpu", **request})
    encoder = load(resolve(asked, kind))
    assert isinstance(encoder, Encoder)
    return encoder


def _own(folder: Path, texts: list[str]) -> list[np.ndarray]:
    """The hidden states of each text by transformers alone, text by text, shape (tokens, 16)."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        return [
            model(**tokenizer(text, truncation=True, max_length=12, return_tensors="pt")).last_hidden_state[0].numpy()
            for text in texts
        ]


BY_HAND = {
    "cls": lambda states: states[0],
    "mean": lambda states: states.mean(axis=0),
    "max": lambda states: states.max(axis=0),
    "weighted-mean": lambda states: np.average(states, axis=0, weights=np.arange(1, len(states) + 1)),
    "last-token": lambda states: states[-1],
}


@pytest.fixture
def normalised_model(transformer_model: Path, tmp_path: Path) -> Path:
    """The transformer, pooled by its maximum, with a map and a normalisation behind."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling

    model = SentenceTransformer(str(transformer_model), device="cpu")
    behind = [Pooling(16, "max"), Dense(16, 4, activation_function=torch.nn.Tanh()), Normalize()]
    SentenceTransformer(modules=[model[0], *behind], device="cpu").save(str(tmp_path / "normalised"))
    return tmp_path / "normalised"


@pytest.mark.parametrize("pooling", POOLINGS)
def test_token_vectors_are_pooled_with_nothing_behind(pooling: str, normalised_model: Path) -> None:
    encoder = _encoder(f"{pooling}:{normalised_model}", ModelKind.JUDGED)
    wanted = np.stack([BY_HAND[pooling](states) for states in _own(normalised_model, TEXTS)])
    assert encoder.dimension == 16
    assert encoder.spec.kind is ModelKind.ENCODER
    np.testing.assert_allclose(encoder.encode(TEXTS, Side.QUERY), wanted, rtol=1e-4, atol=1e-5)


def test_the_poolings_are_those_that_training_knows() -> None:
    from typing import get_args

    from pairforge.training.options.models import TrainedModelOptions

    assert set(POOLINGS) == set(get_args(get_args(TrainedModelOptions.model_fields["pooling"].annotation)[0]))


def test_prompts_lengths_and_precision_are_as_for_any_encoder(transformer_model: Path) -> None:
    own, bare = _encoder(f"cls:{transformer_model}"), _encoder(f"cls:{transformer_model}", query_prompt="")
    assert (own.encode(["dog"], Side.QUERY) == bare.encode(["query: dog"], Side.QUERY)).all()
    short = _encoder(f"cls:{transformer_model}", max_length=6, query_prompt="")
    sat = ["a cat sat on the mat", "a cat sat on a dog"]
    assert (short.encode(sat[:1], Side.QUERY) == short.encode(sat[1:], Side.QUERY)).all()
    half = _encoder(f"cls:{transformer_model}", dtype="bfloat16", query_prompt="")
    np.testing.assert_allclose(half.encode(TEXTS, Side.QUERY), bare.encode(TEXTS, Side.QUERY), atol=0.1)


def test_each_pooling_keeps_vectors_of_its_own(transformer_model: Path, tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    own = store.tables(_encoder(str(transformer_model)), {Side.QUERY: TEXTS})[Side.QUERY].take(range(4))
    for pooling in ("cls", "mean"):
        encoder = _encoder(f"{pooling}:{transformer_model}")
        kept = [store.tables(encoder, {Side.QUERY: TEXTS})[Side.QUERY].take(range(4)) for _ in range(2)]
        assert np.array_equal(*kept)
        assert np.allclose(kept[0], own) == (pooling == "mean")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_plain_transformer_will_do(transformer_model: Path) -> None:
    plain = transformer_model.with_name("plain")
    wanted = np.stack([states[0] for states in _own(plain, TEXTS[:3])])
    np.testing.assert_allclose(_encoder(f"cls:{plain}").encode(TEXTS[:3], Side.QUERY), wanted, rtol=1e-4, atol=1e-5)


def test_what_has_no_token_vectors_is_refused(static_model: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sentence_transformer.modules import BoW, StaticEmbedding

    static = StaticEmbedding.load(str(static_model))
    routed, bags = tmp_path / "routed", tmp_path / "bags"
    SentenceTransformer(modules=[Router.for_query_document([static], [static])], device="cpu").save(str(routed))
    SentenceTransformer(modules=[BoW(["cat", "dog"])], device="cpu").save(str(bags))
    for folder, fault in (
        (static_model, "the model is a static model, whose vectors are always averaged"),
        (routed, "the model has an encoder for each side"),
        (save_cross_encoder(tmp_path / "scorer"), "the model is a cross-encoder"),
        (bags, "the model begins with BoW"),
    ):
        with pytest.raises(ModelError, match=f"^mean:.*are wanted, to pool them by mean, but {fault}"):
            _encoder(f"mean:{folder}").encode(["cat"], Side.QUERY)


def test_a_pooled_model_that_is_made_smaller_stays_pooled_so(transformer_model: Path, tmp_path: Path) -> None:
    from pairforge.evaluation.shrinking.smaller import save_cut

    pooled = _encoder(f"cls:{transformer_model}")
    save_cut(pooled.spec, 4, tmp_path / "cut")
    whole = pooled.encode(TEXTS, Side.QUERY)
    np.testing.assert_allclose(_encoder(str(tmp_path / "cut")).encode(TEXTS, Side.QUERY), whole[:, :4], atol=1e-6)
