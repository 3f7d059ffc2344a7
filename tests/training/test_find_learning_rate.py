"""Learning rates that rise from step to step."""

import numpy as np
import polars as pl
import pytest

from pairforge.errors import ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.find_learning_rate import find_learning_rate, smoothed, suggestion
from pairforge.training.options import FindLearningRateOptions
from tests.training.runs import note_of, weights_digest
from tests.training.tiny import nli, spec_of, triplets


def _curve(rates: np.ndarray, losses: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"learning_rate": rates, "smoothed_loss": losses})


def test_rates_rise_at_even_ratios_and_the_model_stays_as_it_was(static_base: ModelSpec):
    before, context = weights_digest(static_base.path), StepContext()
    options = FindLearningRateOptions(batch_size=8, num_rates=30, lowest_rate=1e-3, highest_rate=1.0)
    table = find_learning_rate(triplets(), base=static_base, options=options, context=context)
    assert table.columns == ["learning_rate", "loss", "smoothed_loss"]
    np.testing.assert_allclose(table["learning_rate"], np.geomspace(1e-3, 1, 30)[: table.height], rtol=1e-9)
    assert note_of(context, "the loss falls fastest at a rate of")
    assert weights_digest(static_base.path) == before
    assert find_learning_rate(triplets(), base=static_base, options=options).equals(table)


def test_test_ends_where_the_loss_has_had_enough(static_base: ModelSpec):
    options = FindLearningRateOptions(loss="triplet", batch_size=8, num_rates=60, lowest_rate=1e-3, highest_rate=1e30)
    table = find_learning_rate(triplets(), base=static_base, options=options)
    assert table.height < 60
    assert table["loss"].is_finite().all()


def test_rates_start_and_end_around_the_usual_one(transformer_base: ModelSpec):
    options = FindLearningRateOptions(loss="softmax", batch_size=8, num_rates=10)
    rates = find_learning_rate(nli(), base=transformer_base, options=options)["learning_rate"]
    assert rates[0] == pytest.approx(2e-7)
    assert rates[-1] == pytest.approx(2e-2)


def test_smoothed_losses_want_no_history():
    assert smoothed([2.0, 2.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])
    assert smoothed([1.0, 0.0])[1] == pytest.approx(0.09 / 0.19)


def test_rate_is_suggested_where_the_loss_falls_fastest_before_its_least():
    rates = np.geomspace(1e-4, 1, 9)
    losses = np.array([3.0, 2.9, 2.8, 2.0, 1.2, 1.1, 1.0, 5.0, 0.9 + 8])
    assert "--learning-rate 0.003" in suggestion(_curve(rates, losses))
    assert "is least at 0.1" in suggestion(_curve(rates, losses))
    assert suggestion(_curve(rates, rates)).startswith("the loss fell at no rate from 0.0001 to 1")


def test_wrong_options_are_refused(static_base: ModelSpec):
    with pytest.raises(OptionsError, match=r"highest_rate \(0.1\) is not above lowest_rate \(1\)"):
        FindLearningRateOptions(lowest_rate=1, highest_rate=0.1)
    with pytest.raises(OptionsError, match=r"margin=1\.0 is given, but the softmax loss has none"):
        find_learning_rate(nli(), base=static_base, options=FindLearningRateOptions(loss="softmax", margin=1))


def test_model_whose_loss_is_no_number_is_told(static_base: ModelSpec, tmp_path):
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(static_base.path), device="cpu")
    torch.nn.init.constant_(model[0].embedding.weight, float("nan"))
    model.save_pretrained(str(tmp_path / "broken"), create_model_card=False)
    options = FindLearningRateOptions(batch_size=8, num_rates=10, lowest_rate=0.1)
    with pytest.raises(ModelError, match="no number at the first step already"):
        find_learning_rate(triplets(), base=spec_of(tmp_path / "broken"), options=options)
