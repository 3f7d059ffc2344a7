"""Further models that a training uses."""

from __future__ import annotations

from dataclasses import dataclass

from pairforge.models import ModelSpec


@dataclass(frozen=True)
class Companions:
    """Further models that a training uses.

    Args:
        guide: Tells the batch's false negatives from the others (GIST losses).
        teacher: Whose vectors are learnt (distillation).
        decoder: Writes texts from the encoder's vectors, with weights of its own (tsdae).
    """

    guide: ModelSpec | None = None
    teacher: ModelSpec | None = None
    decoder: ModelSpec | None = None


NO_COMPANIONS = Companions()
