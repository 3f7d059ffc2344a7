"""Batches for losses that compare the texts of a class with those of others."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np

from pairforge.training.batches import Batches, Cut, Numbers

_TOGETHER = 2


def cut_by_class(labels: Numbers) -> Cut:
    """Cuts `class_batches` of rows with these labels."""
    return partial(class_batches, labels=labels)


def class_batches(order: Numbers, batch_size: int, labels: Numbers) -> Batches:
    """Batches that hold two rows or more of each of their classes, and two classes or more.

    Rows of a class are put together in twos as they are drawn, an odd one with the last two, and each class is spread
    evenly over the epoch. A row is left out where the batches have no room for its group, or where a batch would be
    of one class, as when most of the corpus is.

    Args:
        order: Rows as they shall be drawn.
        batch_size: Rows in a full batch.
        labels: The class of each row, shape (rows,).
    """
    batches: Batches = [[]]
    for group in _spread(order, labels):
        if len(batches[-1]) + len(group) > batch_size:
            batches.append([])
        batches[-1] += group
    return [batch for batch in batches if len(np.unique(labels[batch])) > 1]


def _spread(order: Numbers, labels: Numbers) -> Batches:
    """Groups of two or three rows of a class, no class sooner or later on the whole than the others."""
    by_class: dict[int, list[int]] = defaultdict(list)
    for row in order.tolist():
        by_class[int(labels[row])].append(row)
    drawn = np.empty(len(order))
    drawn[order] = np.arange(len(order)) / len(order)
    placed = []
    for rows in by_class.values():
        groups = _groups(rows)
        # The draw of a group's last row is as good as any for its place within its share of the epoch.
        placed += [((number + drawn[group[-1]]) / len(groups), group) for number, group in enumerate(groups)]
    return [group for _, group in sorted(placed)]


def _groups(rows: list[int]) -> Batches:
    ends = [*range(_TOGETHER, len(rows) - 1, _TOGETHER), len(rows)]
    starts = [0, *ends[:-1]]
    return [rows[start:end] for start, end in zip(starts, ends, strict=True)]
