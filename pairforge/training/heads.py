"""What losses learn beside the model: their own parameters, and how they are kept together with the model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from sentence_transformers.base.model import BaseModel

_KEY = "loss-{}."


def head_tensors(loss: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The loss's own parameters, each once, without those of the models in it: the one that it trains, a guide."""
    models = [module for module in loss.modules() if isinstance(module, BaseModel)]
    of_models = {id(tensor) for model in models for tensor in model.state_dict(keep_vars=True).values()}
    own: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in loss.state_dict(keep_vars=True).items():
        if id(tensor) not in of_models:
            own.setdefault(id(tensor), (name, tensor))
    return {name: tensor.detach().cpu().contiguous() for name, tensor in own.values()}


def weights_of(model: Any, losses: Sequence[torch.nn.Module]) -> dict[str, torch.Tensor]:
    """Copies, on the CPU, of the weights of a model and of its losses' own parameters."""
    heads = {
        _KEY.format(number) + name: tensor
        for number, loss in enumerate(losses)
        for name, tensor in head_tensors(loss).items()
    }
    return {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in {**model.state_dict(), **heads}.items()
    }


def take_weights(model: Any, losses: Sequence[torch.nn.Module], weights: Mapping[str, torch.Tensor]) -> None:
    """Give a model and its losses the weights that `weights_of` copied."""
    keys = [_KEY.format(number) for number in range(len(losses))]
    model.load_state_dict({name: tensor for name, tensor in weights.items() if not name.startswith(tuple(keys))})
    for key, loss in zip(keys, losses, strict=True):
        head = {name.removeprefix(key): tensor for name, tensor in weights.items() if name.startswith(key)}
        loss.load_state_dict(head, strict=False)
