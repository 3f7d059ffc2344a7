"""The forms of a model's vectors that are compared, and the bytes of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pairforge.evaluation.shrinking.quantised import BITS, Precision


@dataclass(frozen=True)
class Form:
    """One way of keeping a text's vector.

    Args:
        model: Whose vector it is: "as it is", or "static" for the distilled model.
        dimension: How many of its first numbers are kept.
        precision: How each is kept.
        rescored: In which precision what a search finds first is compared again, with the query's own numbers; None
            if it is not.
    """

    model: str
    dimension: int
    precision: Precision
    rescored: Precision | None = None

    @property
    def bytes(self) -> int:
        """Bytes of one text, those that it is rescored by included."""
        kept = {self.precision, self.rescored or self.precision}
        return sum(-(-self.dimension * BITS[precision] // 8) for precision in kept)

    @property
    def shown(self) -> str:
        """The form in words."""
        again = f", rescored by {self.rescored}" if self.rescored else ""
        return f"{'' if self.model == AS_IT_IS else f'{self.model}, '}{self.dimension} {self.precision}{again}"


AS_IT_IS = "as it is"


def forms_of(
    model: str, full: int, dimensions: Sequence[int], precisions: Sequence[Precision], *, rescoring: bool
) -> Iterator[Form]:
    """Every form of one model, the model as it is first.

    Args:
        model: What it is called.
        full: Numbers of its vectors.
        dimensions: How many of them to keep.
        precisions: How to keep each.
        rescoring: Whether int8 and binary forms are also rescored: int8 by itself, binary by itself and by int8.
    """
    yield Form(model, full, "float32")
    for dimension in dimensions:
        for precision in precisions:
            if (dimension, precision) != (full, "float32"):
                yield Form(model, dimension, precision)
            if rescoring and precision != "float32":
                yield Form(model, dimension, precision, precision)
            if rescoring and precision == "binary":
                yield Form(model, dimension, precision, "int8")
