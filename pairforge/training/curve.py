"""The loss of every step of a run, and the moment from which it has gone wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from pairforge.errors import ModelError
from pairforge.training.outcome import FEW_STEPS, mean_loss

_TIMES_AS_LARGE = 10


class LossCurve:
    """The loss of every step, read from the device no more often than it is asked for.

    Args:
        learning_rate: The peak, for what is said of a loss that has gone wrong.
        may_diverge: Whether anything may become of a loss (a test of rates).
    """

    def __init__(self, learning_rate: float, *, may_diverge: bool = False) -> None:
        self._rate = learning_rate
        self._may_diverge = may_diverge
        self._read: list[float] = []
        self._unread: list[torch.Tensor] = []

    def add(self, loss: torch.Tensor) -> None:
        """The loss of one more step."""
        self._unread.append(loss.detach())

    def recall(self, losses: Sequence[float]) -> None:
        """Take over the losses that a checkpoint noted."""
        self._read, self._unread = list(losses), []

    @property
    def losses(self) -> list[float]:
        """All of them; waits for the device."""
        if self._unread:
            self._read += torch.stack(self._unread).tolist()
            self._unread = []
        return self._read

    def check(self) -> None:
        """Stop a run that has gone wrong; waits for the device.

        Raises:
            ModelError: a loss is no number, or the run diverges: the mean of the last 20 steps is more than ten times
                the worst of the first 20, and more than that of the 20 before.
        """
        if self._may_diverge:
            return
        unchecked = len(self._unread)
        losses = self.losses
        recent = losses[len(losses) - unchecked :]
        broken = next((place for place, loss in enumerate(recent) if not math.isfinite(loss)), None)
        if broken is not None:
            self._stop(f"the loss became {recent[broken]} at step {len(losses) - unchecked + broken + 1:,}")
        if diverges(losses):
            first, last = mean_loss(losses[:FEW_STEPS]), mean_loss(losses[-FEW_STEPS:])
            self._stop(f"the loss grew from {first:.4g} in the first steps to {last:.4g} by step {len(losses):,}")

    def _stop(self, fault: str) -> None:
        raise ModelError(
            f"{fault}, learning rate {self._rate:g}; lower the rate with --learning-rate, lengthen the warm-up or "
            "train with --precision fp32."
        )


def diverges(losses: Sequence[float]) -> bool:
    """Whether the last 20 are on the mean ten times the worst of the first 20, and worse than the 20 before them."""
    if len(losses) < 3 * FEW_STEPS:
        return False
    last, before = mean_loss(losses[-FEW_STEPS:]), mean_loss(losses[-2 * FEW_STEPS : -FEW_STEPS])
    return last > before and last > _TIMES_AS_LARGE * max(losses[:FEW_STEPS]) > 0
