"""How a training is run, refused where model, corpora or machine do not allow it."""

from __future__ import annotations

import os

from pairforge.errors import OptionsError
from pairforge.models import ModelSpec
from pairforge.training.kinds import BaseKind
from pairforge.training.options import TrainOptions

_OF_LAYERS = ("gradient_checkpointing", "freeze_layers", "lora_rank")


def refuse_torchrun() -> None:
    """Refuse to be one of several processes that another program started.

    Raises:
        OptionsError: as that.
    """
    started = os.environ.get("WORLD_SIZE", "1")
    if started.isdigit() and int(started) > 1:
        raise OptionsError(
            f"torchrun or accelerate started {started} processes, but one stage has one process; start pairforge by "
            f"itself with --processes {started}, which lets torchrun start the processes that train."
        )


def check_practice(options: TrainOptions, base: ModelSpec, kind: BaseKind, corpora: int) -> None:
    """Refuse what cannot be done with this model and these corpora.

    Args:
        options: Of the training.
        base: The model to start from.
        kind: How that reads its tokens.
        corpora: How many there are.

    Raises:
        OptionsError: naming the option.
    """
    given = [name for name in _OF_LAYERS if getattr(options, name) not in (None, False)]
    if kind is BaseKind.STATIC and given:
        raise OptionsError(f"{given[0]} is given, but {base.name} is a static model, which has no layers; omit it.")
    if options.weight and len(options.weight) != corpora:
        raise OptionsError(
            f"{len(options.weight)} weights are given for {corpora} {'corpus' if corpora == 1 else 'corpora'}; "
            "give one for each in their order."
        )
    if options.mix == "round-robin" and corpora == 1:
        raise OptionsError("mix is round-robin, but there is one corpus to take turns; omit it or give several.")
