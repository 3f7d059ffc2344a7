"""What several processes of one training tell each other; nothing where there is but one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import distributed

Said = TypeVar("Said")


def process_share() -> tuple[int, int]:
    """The place of this process, from 0, and how many there are."""
    if not distributed.is_initialized():
        return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    return distributed.get_rank(), distributed.get_world_size()


def from_first(say: Callable[[], Said]) -> Said:
    """What the first process says, in all of them; it is asked alone."""
    place, processes = process_share()
    if processes == 1:
        return say()
    word = [say() if place == 0 else None]
    distributed.broadcast_object_list(word)
    return word[0]  # type: ignore[return-value] # the first process has said it


def mean_of_all(number: torch.Tensor) -> torch.Tensor:
    """The mean of the processes' numbers, in all of them."""
    _, processes = process_share()
    if processes == 1:
        return number
    shared = number.detach().clone()
    distributed.all_reduce(shared)
    return shared / processes


def share_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Give each process the mean of all processes' gradients, as is done for the model that the library wraps."""
    _, processes = process_share()
    if processes == 1:
        return
    for parameter in parameters:
        if parameter.grad is not None:
            distributed.all_reduce(parameter.grad)
            parameter.grad /= processes


def wait_for_all() -> None:
    """Go on when all processes have come here."""
    if process_share()[1] > 1:
        distributed.barrier()
