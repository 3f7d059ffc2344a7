"""Batches that are cut where they do not fit the memory."""

from pathlib import Path

import pytest
import torch

from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.free_memory import free_bytes
from pairforge.training.memory import KeptBytes, Need
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from tests.training.runs import note_of, weights_digest
from tests.training.tiny import scored, triplets


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The memory that a training finds free; to be filled in."""
    figure = [2**40]
    monkeypatch.setattr("pairforge.training.fitting.free_bytes", lambda device: figure[0])
    return figure


def test_tensors_kept_for_the_backward_pass_are_counted_once_and_weights_not():
    layer, kept = torch.nn.Linear(8, 8, bias=False), KeptBytes(torch.nn.Linear(1, 1))
    kept_without = KeptBytes(layer)
    row = torch.ones(4, 8, requires_grad=True)
    with kept:
        (layer(row).exp() + layer(row)).sum()
    with kept_without:
        (layer(row).exp() + layer(row)).sum()
    of_layer = 8 * 8 * 4
    assert kept.bytes - kept_without.bytes == of_layer
    assert kept_without.bytes == 2 * row.numel() * 4


def test_pieces_are_the_largest_power_of_two_that_fits():
    assert Need(row=100, rows=64, free=1000).mini_batch == 8
    assert Need(row=100, rows=64, free=50).mini_batch == 1
    assert Need(row=100, rows=10, free=1000).fits
    assert not Need(row=100, rows=11, free=1000).fits


def test_machine_has_memory_that_is_free():
    assert 0 < free_bytes(torch.device("cpu")) < 2**50


def test_batch_that_fits_is_trained_as_it_is(transformer_base: ModelSpec, free: list[int]):
    context, options = StepContext(), TrainOptions(batch_size=8, max_steps=2, auto_batch=True)
    measured = train(triplets(), base=transformer_base, options=options, context=context)
    plain = train(triplets(), base=transformer_base, options=options.model_copy(update={"auto_batch": False}))
    assert note_of(context, "a batch of 8 rows takes up to").endswith("so that it fits")
    assert weights_digest(measured) == weights_digest(plain)


def test_batch_that_does_not_fit_is_cut_by_the_cached_loss_and_stays_cut(
    transformer_base: ModelSpec, free: list[int], tmp_path: Path
):
    free[0] = 700_000
    context, options = StepContext(workspace=tmp_path), TrainOptions(batch_size=32, max_steps=2, auto_batch=True)
    model = train(triplets(), base=transformer_base, options=options, context=context)
    sentence = note_of(context, "a batch of 32 rows takes up to")
    assert "so that cached-multiple-negatives-ranking is taken, in pieces of" in sentence
    pieces = int(sentence.split("pieces of ")[1].split()[0])
    assert 1 <= pieces < 32
    named = options.model_copy(
        update={"auto_batch": False, "loss": ("cached-multiple-negatives-ranking",), "mini_batch_size": pieces}
    )
    assert weights_digest(train(triplets(), base=transformer_base, options=named)) == weights_digest(model)
    free[0] = 2**40
    again = StepContext(workspace=tmp_path)
    train(triplets(), base=transformer_base, options=options, context=again)
    assert note_of(again, "a batch of 32 rows takes up to") == sentence


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [("cosine", "learns the same"), ("cosent", "--accumulate does not mend that")],
)
def test_loss_without_a_cached_form_says_what_would_help(
    loss: str, sentence: str, transformer_base: ModelSpec, free: list[int]
):
    free[0] = 700_000
    context = StepContext()
    options = TrainOptions(loss=loss, batch_size=32, max_steps=1, auto_batch=True)
    train(scored(), base=transformer_base, options=options, context=context)
    assert note_of(context, "a batch of 32 rows takes up to").endswith(sentence)
