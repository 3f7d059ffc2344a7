import pytest

from pairforge.errors import FrameError
from pairforge.models import ModelSpec
from pairforge.training.options import TrainOptions
from pairforge.training.plan import plan_training
from tests.training.tiny import nli, scored, triplets


def test_defaults_suit_the_kind_of_model(static_base: ModelSpec, transformer_base: ModelSpec):
    options = TrainOptions(batch_size=4)
    static, transformer = (plan_training([triplets()], None, base, options) for base in (static_base, transformer_base))
    assert (static.steps, static.warmup_steps, static.eval_steps) == (12, 0, 1)
    assert (transformer.steps, transformer.warmup_steps) == (12, 2)


def test_steps_come_from_the_epochs_unless_they_are_given(static_base: ModelSpec):
    def steps(**options: float) -> int:
        return plan_training([nli()], None, static_base, TrainOptions.model_validate(options)).steps

    assert steps(batch_size=10) == 5
    assert steps(batch_size=10, epochs=2) == 10
    assert steps(batch_size=10, epochs=0.5) == 3
    assert steps(batch_size=10, epochs=2, max_steps=7) == 7


def test_given_numbers_are_taken(static_base: ModelSpec):
    options = TrainOptions(warmup_steps=3, eval_steps=4)
    plan = plan_training([nli()], scored(), static_base, options)
    assert (plan.warmup_steps, plan.eval_steps) == (3, 4)
    assert plan.lessons[0].rows.columns == ["premise", "hypothesis", "label"]


def test_dev_pairs_must_be_scored_in_0_to_1(static_base: ModelSpec):
    with pytest.raises(FrameError, match="dev: column 'score' should lie in 0 to 1"):
        plan_training([nli()], scored().with_columns(score=5.0), static_base, TrainOptions())
