"""Sets of numbers by owner, in two flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pairforge.steps.forbidden_rows import Rows


@dataclass(frozen=True)
class Members:
    """For each owner (0, 1, …) a set of numbers, those of owner i in `values[starts[i] : starts[i + 1]]`, ascending."""

    starts: Rows
    values: Rows

    @classmethod
    def of(cls, owners: npt.ArrayLike, values: npt.ArrayLike, num_owners: int) -> Members:
        """The sets that these (owner, value) pairs name, in any order, repeated or not."""
        named = np.stack([np.asarray(owners, dtype=np.int64), np.asarray(values, dtype=np.int64)], axis=1)
        distinct = np.unique(named, axis=0)
        starts = np.searchsorted(distinct[:, 0], np.arange(num_owners + 1)).astype(np.int64)
        return cls(starts, distinct[:, 1].copy())

    def sizes(self, owners: Rows) -> Rows:
        """How many numbers each of these owners has; shape (owners,)."""
        return self.starts[owners + 1] - self.starts[owners]

    def nth(self, owners: Rows, nth: int) -> Rows:
        """Number `nth` (from 0) of each of these owners, which must have so many; shape (owners,)."""
        return self.values[self.starts[owners] + nth]

    def hold(self, owners: Rows, values: Rows) -> npt.NDArray[np.bool_]:
        """Whether `values[i]` is among the numbers of `owners[i]`; shape (n,)."""
        wanted = owners * self._span + values
        found: npt.NDArray[np.bool_] = np.append(self._codes, -1)[np.searchsorted(self._codes, wanted)] == wanted
        return found & (values < self._span)

    @cached_property
    def _span(self) -> int:
        return int(self.values.max(initial=-1)) + 1

    @cached_property
    def _codes(self) -> Rows:
        owners = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        return owners * self._span + self.values
