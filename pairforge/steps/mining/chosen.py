"""The negatives that were chosen, and how often each text has been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from pairforge.models import Floats
from pairforge.steps.forbidden_rows import NONE, Rows
from pairforge.steps.mining.relations import Flags
from pairforge.steps.mining.retrieval import Finders


@dataclass(frozen=True)
class Chosen:
    """The negatives of some pairs, nearest first; several lines a pair where there are bands, in their order.

    Args:
        ordinals: Each line's pair, by its ordinal in the whole input, (lines,).
        bands: Each line's band, by its place among the options' (0 without bands), (lines,).
        negatives: Rows of the corpus' distinct texts, int64 (lines, num_negatives), `NONE` where there is none.
        similarities: Their cosines with the anchor, float32 of the same shape; NaN if not looked at.
        finders: Which retrievers found them, uint8 of the same shape; 0 for a text drawn at random.
        positive_similarities: The own positive's cosine with the anchor, float32 (lines,); NaN if not looked at.
    """

    ordinals: Rows
    bands: Rows
    negatives: Rows
    similarities: Floats
    finders: Finders
    positive_similarities: Floats

    def only(self, lines: Rows | Flags | slice) -> Chosen:
        """These lines of it."""
        return Chosen(*(getattr(self, column.name)[lines] for column in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Chosen]) -> Chosen:
        """The lines of all parts, one at least, in order."""
        return cls(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)))


@dataclass(frozen=True)
class Uses:
    """How often each text serves so far, and how often it may.

    Args:
        counts: int32 (texts,); changed as texts are given out.
        most: Times that one may serve.
    """

    counts: npt.NDArray[np.int32]
    most: int

    @classmethod
    def of(cls, num_texts: int, most: int) -> Uses:
        """None has served yet."""
        return cls(np.zeros(num_texts, dtype=np.int32), most)

    def copy(self) -> Uses:
        """The same counts, to be tried out."""
        return Uses(self.counts.copy(), self.most)

    def spent(self, corpus_rows: Rows) -> Flags:
        """Whether these texts may serve no more; of the shape given."""
        spent: Flags = self.counts[corpus_rows] >= self.most
        return spent

    def add(self, negatives: Rows) -> None:
        """Count the texts of a table of negatives, in which none stands twice in a line."""
        np.add.at(self.counts, negatives[negatives != NONE], 1)
