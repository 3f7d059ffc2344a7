"""Which corpus rows a row must never be given, and draws among all the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pairforge.randomness import row_uniforms

Rows = npt.NDArray[np.int64]

NONE = -1
"""Stands in a table of corpus rows where there is none."""

Refusal = Callable[[Rows, Rows], npt.NDArray[np.bool_]]

_ATTEMPTS = 32


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
    chosen: Rows,
    groups: Rows,
    forbidden: ForbiddenRows,
    *,
    seed: int,
    ordinals: Rows,
    stream: int = 0,
    refuses: Refusal | None = None,
) -> Rows:
    """Fill the empty places of each row with corpus rows drawn evenly from those allowed and not chosen yet.

    Args:
        chosen: Corpus rows chosen so far, `NONE` where a place is empty, shape (rows, places).
        groups: Each row's group in `forbidden`, shape (rows,).
        forbidden: What must not be drawn.
        seed: The stage's seed.
        ordinals: Each row's ordinal in the stage's input: with the seed and the place, it decides the draw.
        stream: Keeps two uses within one step apart.
        refuses: Tells of rows (numbers of lines of `chosen`) and corpus rows, both (n,), which must not meet, beyond
            what is forbidden; asked of what was drawn only.

    Returns:
        The same table; `NONE` remains where nothing allowed was left.
    """
    filled = chosen.copy()
    num_places = chosen.shape[1]
    for place in range(num_places):
        rows = np.flatnonzero(filled[:, place] == NONE)
        for attempt in range(_ATTEMPTS if refuses else 1):
            uniforms = row_uniforms(seed, ordinals[rows], place + attempt * num_places, stream=stream)
            drawn = _drawn(filled[rows], groups[rows], forbidden, uniforms)
            rows, drawn = rows[drawn != NONE], drawn[drawn != NONE]
            taken = ~refuses(rows, drawn) if refuses else np.ones(len(rows), dtype=np.bool_)
            filled[rows[taken], place] = drawn[taken]
            rows = rows[~taken]
        if refuses and len(rows):
            uniforms = row_uniforms(seed, ordinals[rows], place + _ATTEMPTS * num_places, stream=stream)
            for row, uniform in zip(rows.tolist(), uniforms.tolist(), strict=True):
                left = _allowed_to(row, filled[row], groups[row : row + 1], forbidden, refuses)
                filled[row, place] = left[int(uniform * len(left))] if len(left) else NONE
    return filled


def _drawn(filled: Rows, groups: Rows, forbidden: ForbiddenRows, uniforms: npt.NDArray[np.float64]) -> Rows:
    """One allowed corpus row a line that the line does not hold yet, as the line's uniform number says."""
    left = forbidden.num_allowed(groups) - (filled != NONE).sum(axis=1)
    nth = (uniforms * left).astype(np.int64)
    held = np.where(filled == NONE, forbidden.num_rows, forbidden.place_among_allowed(groups, filled))
    for passed in np.sort(held, axis=1).T:
        nth += nth >= passed
    drawn = np.full(len(filled), NONE)
    some = left > 0
    drawn[some] = forbidden.nth_allowed(groups[some], nth[some])
    return drawn


def _allowed_to(row: int, held: Rows, group: Rows, forbidden: ForbiddenRows, refuses: Refusal) -> Rows:
    """Every corpus row that one row may still be given: for one whose draws were refused again and again."""
    nth = np.arange(int(forbidden.num_allowed(group)[0]))
    allowed = forbidden.nth_allowed(np.repeat(group, len(nth)), nth)
    allowed = allowed[~np.isin(allowed, held)]
    return allowed[~refuses(np.full(len(allowed), row), allowed)]
