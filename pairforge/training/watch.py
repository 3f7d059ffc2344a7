"""What looks at a run while it goes on: progress, dev scores, early stopping, checkpoints in time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from transformers import TrainerCallback

from pairforge.training.heads import weights_of
from pairforge.training.several import from_first

_SECONDS_BETWEEN_CHECKPOINTS = 300
_STEPS_BETWEEN_AGREEMENTS = 10


class RunWatch(TrainerCallback):  # type: ignore[misc] # its base is untyped
    """Shows progress, scores the dev rows and keeps the best weights, and asks for a checkpoint now and then.

    Of several processes the first alone scores, and all do as it says.

    Args:
        advance: Called with the steps done since the last call.
        dev_score: The model's score on the dev rows as it is now; None where there are none.
        eval_steps: Steps between two scores; the last step is always scored.
        patience: Scores in a row without a gain after which the run stops; None for no such stop.
    """

    def __init__(
        self,
        advance: Callable[[int], None],
        dev_score: Callable[[], float] | None,
        eval_steps: int,
        patience: int | None = None,
    ) -> None:
        self.dev_scores: dict[int, float] = {}
        self.best_weights: dict[str, torch.Tensor] | None = None
        self.losses: Sequence[torch.nn.Module] = ()
        self.scored: Callable[[float], None] = lambda score: None
        self._advance = advance
        self._dev_score = dev_score
        self._eval_steps = eval_steps
        self._patience = patience
        self._saved_at = time.monotonic()

    @property
    def best_step(self) -> int | None:
        """The step, after the start, with the best dev score; the earlier one of equals."""
        trained = {step: score for step, score in self.dev_scores.items() if step > 0 and not math.isnan(score)}
        return max(trained, key=lambda step: (trained[step], -step), default=None)

    @property
    def out_of_patience(self) -> bool:
        """Whether the last scores brought no gain over the best one, as many as patience allows."""
        later = [step for step in self.dev_scores if step > (self.best_step or 0)]
        return self._patience is not None and len(later) >= self._patience

    def recall(self, notes: Mapping[str, Any]) -> None:
        """Take over the scores that a checkpoint noted."""
        self.dev_scores = {int(step): score for step, score in notes["dev_scores"].items()}

    def on_train_begin(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        """Show the steps that an earlier run did, or score the untrained start."""
        if state.global_step:
            self._advance(state.global_step)
        else:
            self._score(also["model"], 0)

    def on_step_end(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        """Count the step, score it if its turn has come and ask for a checkpoint if the last one is old."""
        self._advance(1)
        if state.global_step % self._eval_steps == 0 or state.global_step == state.max_steps:
            self._score(also["model"], state.global_step)
            control.should_training_stop |= self.out_of_patience
        alone = args.world_size == 1
        if args.save_strategy == "no" and (alone or state.global_step % _STEPS_BETWEEN_AGREEMENTS == 0):
            control.should_save |= from_first(self._save_is_due)

    def on_save(self, args: Any, state: Any, control: Any, **also: Any) -> None:
        """Note the time of the checkpoint."""
        self._saved_at = time.monotonic()

    def _save_is_due(self) -> bool:
        return time.monotonic() - self._saved_at > _SECONDS_BETWEEN_CHECKPOINTS

    def _score(self, model: torch.nn.Module, step: int) -> None:
        if self._dev_score is None:
            return
        self.dev_scores[step] = from_first(self._dev_score)
        self.scored(self.dev_scores[step])
        if self.best_step == step > 0:
            self.best_weights = weights_of(model, self.losses)
