import pytest

from pairforge.errors import OptionsError
from pairforge.training.options import InitModelOptions, TrainOptions


def test_short_and_full_loss_names_are_the_same_options():
    assert TrainOptions(loss="mnr") == TrainOptions(loss="multiple-negatives-ranking")


@pytest.mark.parametrize("options", [TrainOptions, InitModelOptions])
def test_every_option_is_described(options: type):
    assert all(field.description for field in options.model_fields.values())


def test_setting_that_the_loss_does_not_have_is_refused():
    with pytest.raises(OptionsError, match=r"scale=10.0 is given, but the triplet loss has none \(it has: margin\)"):
        TrainOptions(loss="triplet", scale=10)
    with pytest.raises(OptionsError, match="it has: nothing to set"):
        TrainOptions(loss="softmax", margin=1)
    assert TrainOptions(loss="cosent", scale=10).scale == 10


def test_warmup_is_given_one_way():
    with pytest.raises(OptionsError, match=r"^TrainOptions: .*give one of them\.$"):
        TrainOptions(warmup_ratio=0.1, warmup_steps=10)


def test_heads_must_divide_the_dimension_of_a_transformer():
    with pytest.raises(OptionsError, match=r"dimension=10 is no multiple of heads=4; change one of them"):
        InitModelOptions(kind="transformer", dimension=10)
    assert InitModelOptions(kind="static", dimension=10).vector_size == 10
