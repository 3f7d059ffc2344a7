"""Semi-hard mining by brute force, one pair after the other, sharing no code with the package.

The same rules in the plainest words: every similarity is computed, every candidate is looked at in the order of its
rank, and the first that nothing speaks against are taken.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NEAR = 1e-6


def same_form(text: str) -> str:
    folded = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    return folded.removesuffix(".").rstrip()


@dataclass(frozen=True)
class Rules:
    num_negatives: int = 3
    min_rank: int = 1
    max_rank: int = 100
    min_similarity: float | None = None
    max_similarity: float | None = None
    absolute_margin: float | None = None
    relative_margin: float | None = 0.05

    def thresholds(self, positive: float) -> list[float]:
        margins = [] if self.absolute_margin is None else [self.absolute_margin]
        if self.relative_margin:
            margins.append(self.relative_margin * abs(positive))
        bounds = [bound for bound in (self.min_similarity, self.max_similarity) if bound is not None]
        return bounds + [positive - margin for margin in margins]

    def allow(self, similarity: float, positive: float) -> bool:
        if self.min_similarity is not None and similarity < self.min_similarity:
            return False
        if self.max_similarity is not None and similarity > self.max_similarity:
            return False
        if self.absolute_margin is not None and similarity > positive - self.absolute_margin:
            return False
        return not self.relative_margin or similarity <= positive - abs(positive) * self.relative_margin


@dataclass(frozen=True)
class Found:
    """One pair's negatives (corpus rows), and what decided about them."""

    negatives: list[int]
    positive_similarity: float
    similarities: npt.NDArray[np.float32]
    thresholds: list[float]
    max_rank: int

    def explains(self, others: list[int]) -> bool:
        """Whether other negatives differ from these only by similarities that are as good as equal."""
        place = next(i for i in range(len(others) + 1) if others[i : i + 1] != self.negatives[i : i + 1])
        involved = [self.similarities[row] for rows in (others, self.negatives) for row in rows[place : place + 1]]
        ordered = np.sort(self.similarities)[::-1]
        doubtful = [*self.thresholds, *ordered[self.max_rank - 1 : self.max_rank + 1]]
        tied = len(involved) == 2 and abs(involved[0] - involved[1]) <= NEAR
        return tied or any(abs(ours - bound) <= NEAR for ours in involved for bound in doubtful)


def distinct(texts: Sequence[str]) -> list[str]:
    first: dict[str, str] = {}
    for text in texts:
        first.setdefault(same_form(text), text)
    return list(first.values())


def forbidden_forms(pairs: Sequence[tuple[str, str]], judged: Sequence[tuple[str, str]] = ()) -> dict[str, set[str]]:
    """For each anchor, in its same form, the same forms of the texts that are right for it."""
    right: dict[str, set[str]] = {}
    for anchor, positive in pairs:
        right.setdefault(same_form(anchor), {same_form(anchor)}).add(same_form(positive))
    for anchor, positive in pairs:
        if same_form(positive) in right:
            right[same_form(positive)].add(same_form(anchor))
    for anchor, text in judged:
        right[same_form(anchor)].add(same_form(text))
    return right


def mine(
    pairs: Sequence[tuple[str, str]],
    texts: Sequence[str],
    anchor_vectors: npt.NDArray[np.float32],
    positive_vectors: npt.NDArray[np.float32],
    text_vectors: npt.NDArray[np.float32],
    rules: Rules,
    judged: Sequence[tuple[str, str]] = (),
    *,
    refused: Callable[[int, int], bool] = lambda row, text: False,
    max_uses: float = math.inf,
) -> list[Found]:
    """Args are row by row: vectors of unit length of the pairs' anchors and positives, and of the distinct texts.

    `refused` says of a row and a text, by their numbers, that the one must not serve the other.
    """
    uses = [0] * len(texts)
    right = forbidden_forms(pairs, judged)
    forms = [same_form(text) for text in texts]
    found = []
    for row, (anchor, _) in enumerate(pairs):
        similarities = text_vectors @ anchor_vectors[row]
        own = float(positive_vectors[row] @ anchor_vectors[row])
        ranked = np.argsort(-similarities, kind="stable")
        negatives: list[int] = []
        for rank, candidate in enumerate(ranked[: rules.max_rank].tolist(), start=1):
            if rank < rules.min_rank or forms[candidate] in right[same_form(anchor)]:
                continue
            if refused(row, candidate) or uses[candidate] >= max_uses:
                continue
            if rules.allow(float(similarities[candidate]), own) and len(negatives) < rules.num_negatives:
                negatives.append(candidate)
        for negative in negatives:
            uses[negative] += 1
        found.append(Found(negatives, own, similarities, rules.thresholds(own), rules.max_rank))
    return found
