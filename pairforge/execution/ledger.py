"""What a stage counted while it ran: rows dropped by reason, other counts, distributions and notes.

Parts of a stage keep a ledger each; merging them in any order gives the same totals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

DROP_REASON = "drop_reason"


@dataclass
class Distribution:
    """A histogram over [-1, 1] in bins of 0.0005: enough for quantiles of cosine similarities."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(4000, dtype=np.int64))

    def add(self, values: npt.ArrayLike) -> None:
        """Count values, in [-1, 1] (clipped)."""
        bins = np.clip((np.asarray(values, dtype=np.float64) + 1) * 2000, 0, 3999).astype(np.int64)
        self.counts += np.bincount(bins.ravel(), minlength=4000)

    def quantiles(self, at: Iterable[float] = (0.05, 0.25, 0.5, 0.75, 0.95)) -> dict[str, float]:
        """Quantile → value, to within half a bin; empty if nothing was counted."""
        total = int(self.counts.sum())
        if not total:
            return {}
        cumulated = np.cumsum(self.counts)
        places = {f"{level:g}": np.searchsorted(cumulated, level * total) for level in at}
        return {level: round(float(place) / 2000 - 1 + 0.00025, 4) for level, place in places.items()}


@dataclass
class Ledger:
    """The counts of one stage or of one part of it.

    Args:
        dropped: Input rows that gave no output row, by reason.
        counts: Anything else that was counted, by name.
        distributions: Cosine similarities seen, by name.
        notes: Sentences for the user, each once.
    """

    dropped: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    distributions: dict[str, Distribution] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def drop(self, reason: str, rows: int) -> None:
        """Count input rows that gave nothing."""
        if rows:
            self.dropped[reason] = self.dropped.get(reason, 0) + int(rows)

    def count(self, name: str, number: int) -> None:
        """Count something else."""
        self.counts[name] = self.counts.get(name, 0) + int(number)

    def observe(self, name: str, similarities: npt.ArrayLike) -> None:
        """Add cosine similarities to a distribution."""
        self.distributions.setdefault(name, Distribution()).add(similarities)

    def note(self, sentence: str) -> None:
        """Tell the user something, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def keep_unflagged(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Drop the rows whose `drop_reason` is set, counted by reason, and the column with them."""
        reasons = frame.filter(pl.col(DROP_REASON).is_not_null()).group_by(DROP_REASON, maintain_order=True).len()
        for reason, rows in reasons.iter_rows():
            self.drop(reason, rows)
        return frame.filter(pl.col(DROP_REASON).is_null()).drop(DROP_REASON)

    def merge(self, other: Ledger) -> None:
        """Add another part's counts to these."""
        for reason, rows in other.dropped.items():
            self.drop(reason, rows)
        for name, number in other.counts.items():
            self.count(name, number)
        for name, distribution in other.distributions.items():
            self.distributions.setdefault(name, Distribution()).counts += distribution.counts
        for sentence in other.notes:
            self.note(sentence)

    def to_json(self) -> dict[str, Any]:
        """Everything needed to restore the ledger."""
        return {
            "dropped": self.dropped,
            "counts": self.counts,
            "distributions": {
                name: {str(place): int(d.counts[place]) for place in np.flatnonzero(d.counts)}
                for name, d in self.distributions.items()
            },
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Ledger:
        """The ledger that `to_json` wrote."""
        ledger = cls(dict(stored["dropped"]), dict(stored["counts"]), notes=list(stored["notes"]))
        for name, bins in stored["distributions"].items():
            distribution = ledger.distributions.setdefault(name, Distribution())
            for place, number in bins.items():
                distribution.counts[int(place)] = number
        return ledger
