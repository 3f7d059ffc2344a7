"""Which pooling a training wants, settled before torch is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from pairforge.engines.configuration import ModelConfiguration
from pairforge.errors import ModelError
from pairforge.training.losses import Loss


def settle_pooling(
    losses: Sequence[Loss], base_name: str, base: ModelConfiguration, chosen: str | None = None
) -> str | None:
    """The pooling that is set on a base for these losses; None where it keeps what it has.

    Args:
        losses: Of the training.
        base_name: The base.
        base: Its configuration.
        chosen: The pooling that the user chose, if one is chosen.

    Raises:
        ModelError: the base pools otherwise than a loss wants.
    """
    wanting = next((loss for loss in losses if loss.pooling), None)
    if wanting is None:
        return chosen
    pooling = (chosen,) if chosen else base.pooling
    if pooling not in ((), (wanting.pooling,)):
        found = " and ".join(pooling)
        raise ModelError(
            f"{base_name}: its vectors are pooled by {found}, but the {wanting.name} loss learns by {wanting.pooling}; "
            f"say --pooling {wanting.pooling}, or choose --loss mlm or simcse."
        )
    return chosen or (None if pooling else wanting.pooling)
