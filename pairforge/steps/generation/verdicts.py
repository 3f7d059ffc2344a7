"""Verdicts on pairs of texts: what a model is asked, what it may answer, and when its answer is doubted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel

from pairforge.steps.generation.prompts import RowText

ScaleName = Literal["relevance", "similarity", "yes-no"]


class Verdict(BaseModel):
    """What every verdict holds; each scale bounds the grade."""

    reason: str
    grade: int
    sure: bool


class YesNo(Verdict):
    """Right or not."""

    grade: Literal[0, 1]


class Relevance(Verdict):
    """How far a passage answers a query."""

    grade: Literal[0, 1, 2, 3]


class Similarity(Verdict):
    """How much two texts mean the same."""

    grade: Literal[0, 1, 2, 3, 4, 5]


@dataclass(frozen=True)
class Scale:
    """The grades that a verdict may give.

    Args:
        answer: What an answer holds.
        highest: The highest grade; the lowest is 0.
        threshold: The grade from which a text counts as right, where no other is named.
    """

    answer: type[Verdict]
    highest: int
    threshold: int


SCALES: Mapping[ScaleName, Scale] = {
    "relevance": Scale(Relevance, 3, 2),
    "similarity": Scale(Similarity, 5, 4),
    "yes-no": Scale(YesNo, 1, 1),
}

COLUMNS: Mapping[str, pl.DataType] = {
    "grade": pl.Int64(), "sure": pl.Boolean(), "reason": pl.String(), "second_grade": pl.Int64(),
    "scorer_score": pl.Float64(), "relevant": pl.Boolean(),
}  # fmt: skip
"""The columns in which a verdict stays; null where there was none."""


@dataclass
class Judged:
    """Two texts, and what was said of them.

    Args:
        first: The query, or one text.
        second: The passage, or the other text.
        verdict: The answer; None as long as none could be read.
    """

    first: str
    second: str
    verdict: Verdict | None = None

    def values(self, scale: ScaleName) -> dict[str, Any]:
        """The fields of the prompt."""
        return {"first": RowText(self.first), "second": RowText(self.second), "scale": scale}


def keep_verdicts(answers: Sequence[tuple[Judged, Verdict]]) -> list[None]:
    """Keep each answer: one that could be read is a verdict."""
    for judged, verdict in answers:
        judged.verdict = verdict
    return [None] * len(answers)


@dataclass(frozen=True)
class Opinions:
    """All that was said of one pair of texts.

    Args:
        first: The verdict of the first model.
        second: That of the second, where it was asked and answered.
        score: The cross-encoder's score, where there is one.
    """

    first: Verdict | None
    second: Verdict | None = None
    score: float | None = None

    def doubted(self, threshold: int, highest: int, score_threshold: float) -> bool:
        """Whether a second opinion is worth asking for.

        So if the first model gave none or was not sure, gave a grade next to the threshold (on a scale of more than
        two grades), or the cross-encoder disagrees.
        """
        if self.first is None or not self.first.sure:
            return True
        borderline = highest > 1 and self.first.grade in (threshold - 1, threshold)
        return borderline or self._contradicted(self.first.grade >= threshold, score_threshold)

    def relevant(self, threshold: int, score_threshold: float) -> bool | None:
        """Whether the second text is right for the first; None without a verdict, or where models disagree.

        A second opinion stands above the first and the cross-encoder.
        """
        if self.second is not None:
            return self.second.grade >= threshold
        if self.first is None:
            return None
        right = self.first.grade >= threshold
        return None if self._contradicted(right, score_threshold) else right

    def _contradicted(self, right: bool, score_threshold: float) -> bool:
        return self.score is not None and (self.score >= score_threshold) != right

    def row(self, threshold: int, score_threshold: float) -> tuple[Any, ...]:
        """The values of `COLUMNS`."""
        told = (self.first.grade, self.first.sure, self.first.reason) if self.first else (None, None, None)
        second = self.second.grade if self.second else None
        return (*told, second, self.score, self.relevant(threshold, score_threshold))
