"""What a training wants beyond the packages that are always there."""

from __future__ import annotations

from importlib.util import find_spec

from pairforge.errors import MissingExtraError
from pairforge.training.options import TrainOptions


def check_extras(options: TrainOptions) -> None:
    """Refuse what an optional package is missing for.

    Raises:
        MissingExtraError: naming the first.
    """
    if options.lora_rank is not None and find_spec("peft") is None:
        raise MissingExtraError("LoRA (lora_rank)", "lora")
    for tracker in options.report_to:
        if find_spec(tracker) is None:
            raise MissingExtraError(f"reporting to {tracker}", tracker)
