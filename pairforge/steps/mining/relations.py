"""Relations between a pair and a corpus text that decide, before any rank or cosine, whether it may serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pairforge.engines.search import similarities
from pairforge.engines.tables import VectorTable
from pairforge.steps.forbidden_rows import ForbiddenRows, Rows
from pairforge.steps.mining.members import Members

Flags = npt.NDArray[np.bool_]


class Relation(Protocol):
    """Which corpus texts stand in some relation to which pairs."""

    def holds(self, ordinals: Rows, corpus_rows: Rows) -> Flags:
        """Whether pair `ordinals[i]` and text `corpus_rows[i]` stand in it; all of shape (n,)."""
        ...


def flags(relation: Relation, ordinals: Rows, corpus_rows: Rows, among: Flags) -> Flags:
    """Where the relation holds in a table of corpus rows, one line a pair; false wherever `among` is."""
    lines, places = np.nonzero(among)
    found = np.zeros_like(among)
    found[lines, places] = relation.holds(ordinals[lines], corpus_rows[lines, places])
    return found


@dataclass(frozen=True)
class KnownPositive:
    """The text is known to be right for the pair's anchor, or is the anchor.

    Args:
        groups: Each pair's group.
        forbidden: Each group's texts.
    """

    groups: Rows
    forbidden: ForbiddenRows

    def holds(self, ordinals: Rows, corpus_rows: Rows) -> Flags:
        """Whether they stand in the relation."""
        return self.forbidden.holds(self.groups[ordinals], corpus_rows[:, None])[:, 0]


@dataclass(frozen=True)
class SameLabel:
    """The text bears a label (a group, a cluster) that the pair's anchor bears.

    Args:
        groups: Each pair's group.
        anchor_labels: Each group's labels.
        text_labels: Each text's labels.
    """

    groups: Rows
    anchor_labels: Members
    text_labels: Members

    def holds(self, ordinals: Rows, corpus_rows: Rows) -> Flags:
        """Whether they stand in the relation."""
        sizes = self.text_labels.sizes(corpus_rows)
        found = np.zeros(len(corpus_rows), dtype=np.bool_)
        for nth in range(int(sizes.max(initial=0))):
            open_ = np.flatnonzero((sizes > nth) & ~found)
            labels = self.text_labels.nth(corpus_rows[open_], nth)
            found[open_] = self.anchor_labels.hold(self.groups[ordinals[open_]], labels)
        return found


@dataclass(frozen=True)
class NearDuplicate:
    """The text's cosine with one of the texts that are right for the pair's anchor is at least `similarity`.

    Args:
        groups: Each pair's group.
        positives: Each group's rows of `vectors`.
        vectors: Of the texts that are right for some group, of unit length.
        corpus: Of the corpus' texts, of unit length.
        similarity: The least cosine.
    """

    groups: Rows
    positives: Members
    vectors: VectorTable
    corpus: VectorTable
    similarity: float

    def holds(self, ordinals: Rows, corpus_rows: Rows) -> Flags:
        """Whether they stand in the relation."""
        groups = self.groups[ordinals]
        sizes = self.positives.sizes(groups)
        found = np.zeros(len(corpus_rows), dtype=np.bool_)
        for nth in range(int(sizes.max(initial=0))):
            open_ = np.flatnonzero((sizes > nth) & ~found)
            right = self.positives.nth(groups[open_], nth)
            cosines = similarities(self.vectors, right, self.corpus, corpus_rows[open_])
            found[open_] = cosines.astype(np.float64) >= self.similarity
        return found
