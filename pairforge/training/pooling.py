"""Which pooling a training wants, settled before torch is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from pairforge.engines.configuration import ModelConfiguration
from pairforge.errors import ModelError
from pairforge.training.losses import Loss


def settle_pooling(losses: Sequence[Loss], base_name: str, base: ModelConfiguration) -> str | None:
    """The pooling that a plain transformer gets for these losses; None where any will do, or the base has its own.

    Raises:
        ModelError: the base pools otherwise than a loss wants.
    """
    wanting = next((loss for loss in losses if loss.pooling), None)
    if wanting is None:
        return None
    if base.pooling not in ((), (wanting.pooling,)):
        found = " and ".join(base.pooling)
        raise ModelError(
            f"{base_name}: its vectors are pooled by {found}, but the {wanting.name} loss learns by {wanting.pooling}; "
            f"give its pooling as {wanting.pooling}, or choose --loss mlm or simcse."
        )
    return None if base.pooling else wanting.pooling
