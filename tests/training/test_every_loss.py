"""Every loss of the table, on every shape that it reads, in a tiny real training."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairforge.frames import FrameContract
from pairforge.models import ModelSpec
from pairforge.training.fitting import fit_trainee, load_trainee
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.losses import LOSSES, Loss
from pairforge.training.options import TrainOptions
from pairforge.training.plan import Companions, plan_training
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


OUTPUTS: Mapping[TrainedKind, tuple[str, Callable[[Any], np.ndarray]]] = {
    TrainedKind.ENCODER: ("SentenceTransformer", _vectors),
    TrainedKind.CROSS_ENCODER: ("CrossEncoder", _scores),
}
"""Kind of model → the class of sentence-transformers that loads it, and what it makes of the texts."""


@pytest.mark.parametrize(("loss", "shape"), CASES)
def test_loss_falls_and_plain_sentence_transformers_loads_the_model_that_was_trained(
    loss: Loss,
    shape: FrameContract,
    static_base: ModelSpec,
    transformer_base: ModelSpec,
    cls_base: ModelSpec,
    tmp_path: Path,
):
    import sentence_transformers

    refused = loss.refuses or {}
    wants_transformer = loss.trains is not TrainedKind.ENCODER or BaseKind.STATIC in refused
    transformer = cls_base if loss.pooling == "cls" else transformer_base
    base = transformer if wants_transformer else static_base
    rate = 0.01 if wants_transformer else 0.02
    options = TrainOptions(kind=loss.trains.value, loss=loss.name, batch_size=8, max_steps=80, learning_rate=rate)
    companions = Companions(**dict.fromkeys(loss.models, static_base))
    plan = plan_training([CORPORA[shape.name]()], None, base, options, companions)
    trainee = load_trainee(plan)
    outcome = fit_trainee(trainee, plan, tmp_path)
    assert outcome.final_loss < outcome.first_loss
    class_name, output = OUTPUTS[loss.trains]
    trainee.model.eval()
    plain = getattr(sentence_transformers, class_name)(str(tmp_path / "model"), device="cpu")
    np.testing.assert_allclose(output(plain), output(trainee.model), atol=1e-5)


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
        companions = Companions(**dict.fromkeys(loss.models, static_base))
        with pytest.raises(ModelError) as refusal:
            plan_training([CORPORA[loss.shapes[0].name]()], None, bases[kind], options, companions)
        assert why in str(refusal.value)
