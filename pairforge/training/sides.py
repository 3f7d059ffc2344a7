"""Whether queries and documents share an encoder or have two, settled before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pairforge.errors import OptionsError
from pairforge.models import ModelSpec
from pairforge.training.bases import side_kinds
from pairforge.training.kinds import BaseKind
from pairforge.training.lessons import Lesson
from pairforge.training.options import TrainOptions


@dataclass(frozen=True)
class Sides:
    """The encoders of a training.

    Args:
        kinds: The name of each that it starts from, and how that reads its tokens.
        two: Whether queries and documents have encoders of their own.
    """

    kinds: tuple[tuple[str, BaseKind], ...]
    two: bool

    @property
    def base_kind(self) -> BaseKind:
        """How the trained model reads its tokens; a transformer if one of two sides is one."""
        kinds = {kind for _, kind in self.kinds}
        return BaseKind.TRANSFORMER if BaseKind.TRANSFORMER in kinds else BaseKind.STATIC


def settle_sides(base: ModelSpec, document_base: ModelSpec | None, options: TrainOptions) -> Sides:
    """The encoders that a training starts from.

    Raises:
        OptionsError: one side is asked of a model that has two, or a model for documents of one that has none.
        ModelError: this kind of model cannot start from one of them.
    """
    kind = options.trained_kind
    of_base = [(base.name, of_side) for of_side in side_kinds(base, kind)]
    has_two = len(of_base) > 1
    if has_two and options.sides == "one":
        raise OptionsError(f"sides is one, but {base.name} has two, for queries and for documents; omit it.")
    if document_base is None:
        return Sides(tuple(of_base), has_two or options.sides == "two")
    if options.sides != "two":
        raise OptionsError("a model for documents is given, but not --sides two; add it, or omit the model.")
    if has_two:
        raise OptionsError(f"a model for documents is given, but {base.name} has one of its own; omit it.")
    of_documents = side_kinds(document_base, kind)
    if len(of_documents) > 1:
        raise OptionsError(f"{document_base.name} has two sides itself; name a model of one for documents.")
    return Sides((*of_base, (document_base.name, of_documents[0])), two=True)


def check_sides(lessons: Sequence[Lesson], *, two: bool) -> None:
    """Refuse a corpus from which one of two encoders would learn nothing.

    Raises:
        OptionsError: as that.
    """
    for lesson in lessons:
        if two and len({*lesson.text_columns} - {"original"}) == 1:
            raise OptionsError(
                f"{lesson.name}: holds one text a row, from which the encoder of queries alone would learn; train a "
                "model of one side on it, and two sides from that on pairs."
            )
