"""The loss of every step, and runs that go wrong."""

import pytest
import torch

from pairforge.errors import ModelError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.curve import LossCurve, diverges
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from tests.training.runs import note_of
from tests.training.tiny import scored


def test_run_diverges_when_its_loss_is_ten_times_the_worst_beginning_and_still_rises():
    assert diverges([1.0] * 20 + [5.0] * 20 + [11.0] * 20)
    assert not diverges([1.0] * 20 + [5.0] * 20 + [9.0] * 20)
    assert not diverges([1.0] * 20 + [12.0] * 20 + [11.0] * 20)
    assert not diverges([1.0] * 19 + [2.0] + [5.0] * 20 + [11.0] * 20)
    assert not diverges([1.0] * 20 + [11.0] * 20)


def test_diverging_run_is_stopped_in_one_sentence():
    curve = LossCurve(0.5)
    with pytest.raises(
        ModelError, match=r"the loss grew from 9\.\d* in the first steps to .*by step 60, learning rate"
    ):
        _grow(curve)
    tested = LossCurve(0.5, may_diverge=True)
    _grow(tested)
    assert len(tested.losses) == 100


def _grow(curve: LossCurve) -> None:
    for step in range(100):
        curve.add(torch.tensor(1.2**step))
        curve.check()


def test_step_at_which_a_loss_broke_is_named_however_late_one_looks():
    curve = LossCurve(0.1)
    for loss in (1.0, 2.0, float("nan"), 3.0):
        curve.add(torch.tensor(loss))
    with pytest.raises(ModelError, match="the loss became nan at step 3"):
        curve.check()


def test_loss_that_did_not_fall_is_told(static_base: ModelSpec):
    context = StepContext()
    options = TrainOptions(loss="cosine", batch_size=8, epochs=8, learning_rate=1e-9)
    train(scored(), base=static_base, options=options, context=context)
    first, last = (float(word) for word in note_of(context, "loss 0.").replace(",", "").split() if word[0] == "0")
    assert note_of(context, "loss 0.").endswith("; it did not fall") == (last >= first)
