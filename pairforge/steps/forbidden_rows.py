"""Which corpus rows a row must never be given, and draws among all the others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pairforge.randomness import row_uniforms

Rows = npt.NDArray[np.int64]

NONE = -1
"""Stands in a table of corpus rows where there is none."""


@dataclass(frozen=True)
class ForbiddenRows:
    """For each group, the corpus rows that none of its rows may be given.

    Args:
        num_rows: Rows of the corpus.
        codes: `group * num_rows + corpus row`, ascending, each once.
    """

    num_rows: int
    codes: Rows

    @classmethod
    def of(cls, groups: npt.ArrayLike, corpus_rows: npt.ArrayLike, num_rows: int) -> ForbiddenRows:
        """The forbidden rows that these (group, corpus row) pairs name, in any order, repeated or not."""
        groups, corpus_rows = np.asarray(groups, dtype=np.int64), np.asarray(corpus_rows, dtype=np.int64)
        return cls(num_rows, np.unique(groups * num_rows + corpus_rows))

    def holds(self, groups: Rows, corpus_rows: Rows) -> npt.NDArray[np.bool_]:
        """Whether group i must not be given `corpus_rows[i, j]`; shapes (rows,) and (rows, k) → (rows, k)."""
        wanted = groups[:, None] * self.num_rows + corpus_rows
        places = np.searchsorted(self.codes, wanted)
        found: npt.NDArray[np.bool_] = np.append(self.codes, -1)[places] == wanted
        return found

    def num_allowed(self, groups: Rows) -> Rows:
        """How many corpus rows each group may be given; shape (rows,)."""
        return self.num_rows - (self._starts(groups + 1) - self._starts(groups))

    def nth_allowed(self, groups: Rows, nth: Rows) -> Rows:
        """The corpus row that is number `nth` (from 0) among those allowed to each group; shape (rows,)."""
        # A group's j-th forbidden row f has f - j allowed rows before it: it is passed by where nth ≥ f - j.
        passed = np.searchsorted(self._allowed_before, groups * self.num_rows + nth, side="right")
        return nth + passed - self._starts(groups)

    def place_among_allowed(self, groups: Rows, corpus_rows: Rows) -> Rows:
        """The inverse of `nth_allowed`, for corpus rows that are allowed; shapes (rows,) and (rows, k) → (rows, k)."""
        before = np.searchsorted(self.codes, groups[:, None] * self.num_rows + corpus_rows)
        return corpus_rows - (before - self._starts(groups)[:, None])

    def _starts(self, groups: Rows) -> Rows:
        return np.searchsorted(self.codes, groups * self.num_rows).astype(np.int64)

    @cached_property
    def _allowed_before(self) -> Rows:
        groups = self.codes // max(self.num_rows, 1)
        return self.codes - (np.arange(len(self.codes)) - self._starts(groups))


def fill_at_random(
    chosen: Rows, groups: Rows, forbidden: ForbiddenRows, *, seed: int, ordinals: Rows, stream: int = 0
) -> Rows:
    """Fill the empty places of each row with corpus rows drawn evenly from those allowed and not chosen yet.

    Args:
        chosen: Corpus rows chosen so far, `NONE` where a place is empty, shape (rows, places).
        groups: Each row's group in `forbidden`, shape (rows,).
        forbidden: What must not be drawn.
        seed: The stage's seed.
        ordinals: Each row's ordinal in the stage's input: with the seed and the place, it decides the draw.
        stream: Keeps two uses within one step apart.

    Returns:
        The same table; `NONE` remains where nothing allowed was left.
    """
    filled = chosen.copy()
    num_allowed = forbidden.num_allowed(groups)
    for place in range(chosen.shape[1]):
        taken = np.where(filled == NONE, forbidden.num_rows, forbidden.place_among_allowed(groups, filled))
        left = num_allowed - (filled != NONE).sum(axis=1)
        drawn = (row_uniforms(seed, ordinals, place, stream=stream) * left).astype(np.int64)
        for passed in np.sort(taken, axis=1).T:
            drawn += drawn >= passed
        empty = (filled[:, place] == NONE) & (left > 0)
        filled[empty, place] = forbidden.nth_allowed(groups[empty], drawn[empty])
    return filled
