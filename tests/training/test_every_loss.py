"""Every loss of the table, on every shape that it reads, in a tiny real training."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pairforge.engines.vectors import VectorStore
from pairforge.frames import PAIR, SCORED_PAIR, TRIPLET, FrameContract
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, ModelSpec
from pairforge.training.bases import base_kind
from pairforge.training.companions import Companions
from pairforge.training.fitting import fit_trainee, load_trainee
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.losses import LOSSES, Loss, losses_of
from pairforge.training.options import TrainOptions
from pairforge.training.plan import plan_training
from pairforge.training.teaching import with_teachers_vectors
from tests.training.tiny import CORPORA

TEXTS = ["a cat sleeps", "one dog that runs", "no fish"]
CASES = [
    pytest.param(
        loss,
        shape,
        id=f"{loss.trains}-{loss.short}-{shape.name.replace(' ', '-')}",
        marks=() if shape is loss.shapes[0] else pytest.mark.model,
    )
    for loss in LOSSES
    for shape in loss.shapes
]
"""The first shape of each loss is trained on in every run of the tests, the others in the longer tier."""


def _vectors(model: Any) -> np.ndarray:
    return model.encode(TEXTS)


def _scores(model: Any) -> np.ndarray:
    return model.predict([(text, TEXTS[0]) for text in TEXTS])


def _token_vectors(model: Any) -> np.ndarray:
    return np.concatenate([vectors.cpu().numpy() for vectors in model.encode_query(TEXTS)])


def _word_weights(model: Any) -> np.ndarray:
    return model.encode_document(TEXTS).to_dense().cpu().numpy()


OUTPUTS: Mapping[TrainedKind, tuple[str, Callable[[Any], np.ndarray]]] = {
    TrainedKind.ENCODER: ("SentenceTransformer", _vectors),
    TrainedKind.CROSS_ENCODER: ("CrossEncoder", _scores),
    TrainedKind.SPARSE_ENCODER: ("SparseEncoder", _word_weights),
    TrainedKind.LATE_INTERACTION: ("MultiVectorEncoder", _token_vectors),
    TrainedKind.CLASSIFIER: ("SentenceTransformer", _vectors),
    TrainedKind.IMAGE_TEXT: ("SentenceTransformer", _vectors),
}
"""Kind of model → the class of sentence-transformers that loads it, and what it makes of the texts."""


WRAPPERS: Mapping[str, Mapping[str, Any]] = {
    "matryoshka": {"matryoshka": (4,)},
    "adaptive-layers": {"adaptive_layers": True},
    "2d-matryoshka": {"matryoshka": (4,), "adaptive_layers": True},
}
WRAPPED = [
    pytest.param(loss, settings, id=f"{name}-{loss.short}", marks=() if loss.short == "mnr" else pytest.mark.model)
    for name, settings in WRAPPERS.items()
    for loss in losses_of(TrainedKind.ENCODER)
    if not set(loss.unwrapped or {}) & set(settings)
]
"""Every wrapper around every loss of an encoder that it can stand around; around one of them in every run."""


def _train_and_check(
    loss: Loss, shape: FrameContract, base: ModelSpec, companion: ModelSpec, folder: Path, **settings: Any
) -> None:
    import sentence_transformers

    static = base_kind(base, loss.trains) is BaseKind.STATIC
    course = {"max_steps": 80 if static or shape is SCORED_PAIR else 30, "learning_rate": 0.02 if static else 0.01}
    options = TrainOptions(kind=loss.trains.value, loss=loss.name, batch_size=8, **{**course, **settings})
    companions = Companions(**dict.fromkeys(loss.models, companion))
    corpus = CORPORA[shape.name]()
    if shape is TRIPLET and loss.trains is TrainedKind.CROSS_ENCODER:
        corpus = corpus.with_columns(negative=pl.lit("nothing at all"))  # to be told without knowing words
    settled = plan_training([corpus], None, base, options, companions)
    plan = with_teachers_vectors(settled, VectorStore(folder / "vectors"))
    trainee = load_trainee(plan)
    outcome = fit_trainee(trainee, plan, folder)
    assert outcome.final_loss < outcome.first_loss
    class_name, output = OUTPUTS[loss.trains]
    trainee.model.eval()
    plain = getattr(sentence_transformers, class_name)(str(folder / "model"), device="cpu")
    np.testing.assert_allclose(output(plain), output(trainee.model), atol=1e-5)


@pytest.mark.parametrize(("loss", "shape"), CASES)
def test_loss_falls_and_plain_sentence_transformers_loads_the_model_that_was_trained(
    loss: Loss,
    shape: FrameContract,
    static_base: ModelSpec,
    transformer_base: ModelSpec,
    cls_base: ModelSpec,
    request: pytest.FixtureRequest,
    tmp_path: Path,
):
    wants_transformer = loss.trains is not TrainedKind.ENCODER or BaseKind.STATIC in (loss.refuses or {})
    transformer = cls_base if loss.pooling == "cls" else transformer_base
    base = transformer if wants_transformer else static_base
    if loss.trains is TrainedKind.IMAGE_TEXT:
        base = request.getfixturevalue("image_text_base")
    if loss.trains is TrainedKind.CROSS_ENCODER and shape is PAIR:
        # Which text belongs to which takes words to tell, and random weights many steps to learn.
        minilm = resolve(ModelRequest(), ModelKind.WEIGHTS)
        return _train_and_check(loss, shape, minilm, minilm, tmp_path, max_steps=24, learning_rate=1e-4)
    return _train_and_check(loss, shape, base, transformer_base, tmp_path)


@pytest.mark.parametrize(("loss", "settings"), WRAPPED)
def test_wrapped_loss_falls_and_the_model_is_the_one_that_was_trained(
    loss: Loss, settings: Mapping[str, Any], static_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path
):
    companion = static_base if "teacher" in loss.models else transformer_base
    _train_and_check(loss, loss.shapes[0], transformer_base, companion, tmp_path, **settings)


@pytest.mark.parametrize(
    "loss", [pytest.param(loss, id=f"{loss.trains}-{loss.short}") for loss in LOSSES if loss.refuses]
)
def test_base_that_a_loss_refuses_is_named_with_what_to_do(
    loss: Loss, static_base: ModelSpec, transformer_base: ModelSpec
):
    from pairforge.errors import ModelError

    bases = {BaseKind.STATIC: static_base, BaseKind.TRANSFORMER: transformer_base}
    for kind, why in (loss.refuses or {}).items():
        options = TrainOptions(kind=loss.trains.value, loss=loss.name, batch_size=8)
        companions = Companions(**dict.fromkeys(loss.models, transformer_base))
        with pytest.raises(ModelError) as refusal:
            plan_training([CORPORA[loss.shapes[0].name]()], None, bases[kind], options, companions)
        assert why in str(refusal.value)
