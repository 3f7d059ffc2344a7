"""Which weights of a transformer are trained: frozen layers, LoRA, and layers that are computed twice to save memory.

LoRA: Hu et al. 2021; its matrices stand beside those of the layers, as in Dettmers et al. 2023 all of them, and are
added to them when the training is over.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import torch

from pairforge.errors import ModelError, OptionsError
from pairforge.training.options import TrainOptions

LORA_RATE = 10.0
"""Times the rate of a whole training that suits LoRA."""

_ADAPTER = "pairforge"


def set_parts(model: Any, name: str, options: TrainOptions) -> None:
    """Freeze, add LoRA and switch on checkpointing, as the options say.

    Args:
        model: A sentence-transformers model with transformers in it.
        name: What errors call it.
        options: Of the training.

    Raises:
        ModelError: its layers cannot be told.
        OptionsError: it has fewer layers, or none of the matrices that LoRA shall stand beside.
    """
    wanted = options.freeze_layers is not None or options.lora_rank is not None
    for transformer in _transformers(model) if wanted else ():
        layers = _layers(transformer)
        if layers is None:
            raise ModelError(
                f"{name}: its layers cannot be told, so that they cannot be frozen or get LoRA; train all."
            )
        if options.freeze_layers is not None:
            _freeze(transformer, layers, name, options.freeze_layers)
        if options.lora_rank is not None:
            _add_lora(transformer, layers, name, options, options.lora_rank)
    if options.gradient_checkpointing:
        for transformer in _transformers(model):
            transformer.activation_checkpointing_enable({"use_reentrant": False})


def trained_share(model: torch.nn.Module) -> tuple[str, ...]:
    """A sentence on how many of the weights are trained, where it is not all of them."""
    sizes = [(weights.numel(), weights.requires_grad) for weights in model.parameters()]
    trained, every = sum(size for size, trains in sizes if trains), sum(size for size, _ in sizes)
    return () if trained == every else (f"{trained:,} of {every:,} weights are trained ({trained / every:.1%})",)


def merge_lora(model: torch.nn.Module) -> None:
    """Add LoRA's matrices to those that they stand beside; the model is then as if it never had any."""
    if find_spec("peft") is None:
        return
    from peft.tuners.tuners_utils import BaseTunerLayer  # noqa: PLC0415 - an extra

    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, BaseTunerLayer):
                child.merge()
                setattr(parent, name, child.get_base_layer())
    for transformer in _transformers(model):
        transformer._hf_peft_config_loaded = False
        transformer.__dict__.pop("peft_config", None)


def _transformers(model: torch.nn.Module) -> Iterator[Any]:
    """The outermost models of transformers inside it."""
    from transformers import PreTrainedModel  # noqa: PLC0415 - seconds

    found: list[torch.nn.Module] = []
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and not any(module in set(outer.modules()) for outer in found):
            found.append(module)
            yield module


def _layers(transformer: Any) -> torch.nn.ModuleList | None:
    """The layers that follow each other: the longest list of modules of one class, the outermost of equals."""
    lists = [module for module in transformer.modules() if isinstance(module, torch.nn.ModuleList)]
    alike = [layers for layers in lists if len({type(layer) for layer in layers}) == 1]
    return max(alike, key=len, default=None)


def _freeze(transformer: Any, layers: torch.nn.ModuleList, name: str, number: int) -> None:
    if number > len(layers):
        raise OptionsError(f"freeze_layers is {number}, but {name} has {len(layers)} layers; lower it.")
    frozen = [
        *_embeddings(transformer, layers),
        *(weights for layer in layers[:number] for weights in layer.parameters()),
    ]
    for weights in frozen:
        weights.requires_grad_(False)


def _embeddings(transformer: Any, layers: torch.nn.ModuleList) -> list[torch.nn.Parameter]:
    """What stands before the layers: the modules whose names say so, or the table of tokens alone."""
    inside = {id(weights) for weights in layers.parameters()}
    named = [
        weights
        for name, module in transformer.named_modules()
        if name.rpartition(".")[2] in ("embeddings", "embed_tokens", "embed_positions")
        for weights in module.parameters()
        if id(weights) not in inside
    ]
    return named or list(transformer.get_input_embeddings().parameters())


def _add_lora(transformer: Any, layers: torch.nn.ModuleList, name: str, options: TrainOptions, rank: int) -> None:
    from peft import LoraConfig  # noqa: PLC0415 - an extra

    in_layers = set(layers.modules())
    matrices = [
        path for path, module in transformer.named_modules()
        if module in in_layers and isinstance(module, torch.nn.Linear)
    ]  # fmt: skip
    chosen = [path for path in matrices if not options.lora_target or _ends_with(path, options.lora_target)]
    if not chosen:
        known = ", ".join(sorted({path.rpartition(".")[2] for path in matrices}))
        raise OptionsError(f"lora_target names no matrix of the layers of {name} (they end with: {known}).")
    settings = LoraConfig(
        r=rank,
        lora_alpha=options.lora_alpha or 2 * rank,
        lora_dropout=options.lora_dropout,
        target_modules=chosen,
    )
    trained_before = {id(weights) for weights in transformer.parameters() if weights.requires_grad}
    kept = {id(weights) for weights in (*layers.parameters(), *_embeddings(transformer, layers))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformer.add_adapter(settings, adapter_name=_ADAPTER)
    for weights in transformer.parameters():  # A head beyond the layers has to be learnt whole.
        if id(weights) in trained_before - kept:
            weights.requires_grad_(True)


def _ends_with(path: str, ends: tuple[str, ...]) -> bool:
    return any(path == end or path.endswith(f".{end}") for end in ends)
