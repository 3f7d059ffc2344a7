"""Sums over the groups that rows belong to, for many resamples at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pairforge.agreement import Array


class Groups:
    """Rows by the group that each belongs to, sorted once.

    Args:
        groups: The group of each row, from 0; rows of a negative one belong to none.
        number: How many groups there are.
    """

    def __init__(self, groups: npt.NDArray[np.int64], number: int) -> None:
        order = np.argsort(groups, kind="stable")
        self._order = order[np.count_nonzero(groups < 0) :]
        self._present, self._starts = np.unique(groups[self._order], return_index=True)
        self._number = number

    def sums(self, amounts: Array) -> Array:
        """For amounts of shape (rows, block) their sum in each group, shape (groups, block)."""
        found = np.zeros((self._number, amounts.shape[1]))
        if len(self._present):
            found[self._present] = np.add.reduceat(amounts[self._order], self._starts, axis=0)
        return found
