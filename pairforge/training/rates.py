"""A training whose learning rate rises from step to step, until the loss has had enough."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from pairforge.engines.sentence_models import quiet
from pairforge.progress import Progress
from pairforge.training.allocation import freed_memory_kept
from pairforge.training.arguments import default_rate, matrices_multiplied, settled_precision
from pairforge.training.curve import LossCurve
from pairforge.training.find_learning_rate import smoothed
from pairforge.training.fitting import load_trainee, make_trainer
from pairforge.training.free_memory import free_bytes
from pairforge.training.memory import fitted_to_memory
from pairforge.training.options import FindLearningRateOptions
from pairforge.training.plan import TrainingPlan
from pairforge.training.watch import RunWatch

_TIMES_THE_LEAST = 4.0
_FIRST_STEPS = 5
_LOWEST, _HIGHEST = 0.01, 1000.0


def try_rates(
    plan: TrainingPlan, options: FindLearningRateOptions, folder: Path, progress: Progress
) -> list[tuple[float, float]]:
    """Each rate with the loss of the step at it, as far as the losses are numbers.

    Args:
        plan: The training.
        options: The rates.
        folder: For what the trainer writes.
        progress: Shows the steps.

    Raises:
        ModelError, OptionsError: as `fit`.
    """
    with quiet(), freed_memory_kept(), progress("trying rates", plan.steps, "steps") as advance:
        trainee = load_trainee(plan)
        rates = _rates(options, default_rate(plan, trainee))
        precision = settled_precision(plan, trainee.model.device.type)
        watch = RunWatch(advance, None, plan.steps)
        with matrices_multiplied(precision):
            plan, _ = fitted_to_memory(plan, folder, lambda: make_trainer(plan, trainee, folder, precision), free_bytes)
            trainer = make_trainer(plan, trainee, folder, precision, watch, may_diverge=True)
            trainer.add_callback(_Enough(trainer.curve))
            _let_rise(trainer, rates)
            trainer.train()
    losses = trainer.curve.losses
    end = next((step for step, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
    return list(zip(rates, losses[:end], strict=False))


def _rates(options: FindLearningRateOptions, usual: float) -> list[float]:
    lowest, highest = options.lowest_rate or _LOWEST * usual, options.highest_rate or _HIGHEST * usual
    ratio = (highest / lowest) ** (1 / (options.num_rates - 1))
    return [lowest * ratio**step for step in range(options.num_rates)]


def _let_rise(trainer: Any, rates: list[float]) -> None:
    for group in trainer.create_optimizer().param_groups:
        group["lr"] = 1.0
    trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
        trainer.optimizer, lambda step: rates[min(step, len(rates) - 1)]
    )


class _Enough(TrainerCallback):  # type: ignore[misc] # its base is untyped
    """Stops when the smoothed loss is four times its least, or no number."""

    def __init__(self, curve: LossCurve) -> None:
        self._curve = curve

    def on_step_end(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        """Look at the losses so far."""
        means = smoothed(self._curve.losses)
        late = len(means) > _FIRST_STEPS and means[-1] > _TIMES_THE_LEAST * min(means)
        control.should_training_stop |= late or not math.isfinite(means[-1])
