"""What students of several seeds reached by one measure, and how far they are ahead of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pairforge.agreement import Array
from pairforge.evaluation.statistics import Estimate, interval, over_seeds


@dataclass(frozen=True)
class SeedScores:
    """One measure of the students that were trained on one corpus.

    Args:
        values: On all items, shape (seeds,).
        draws: On resamples of the items, the same for all students, shape (seeds, samples); None where the task knows
            no predictions of single items.
    """

    values: Array
    draws: Array | None

    def around_mean(self, confidence: float, seed: int) -> Estimate:
        """The mean over seeds with its interval: over seeds and items, or over seeds alone where there are no draws.

        Args:
            confidence: Share of the resamples that the interval holds.
            seed: Decides the seeds of every resample.
        """
        if self.draws is None:
            return _by_seeds_alone(self.values, confidence)
        return interval(float(self.values.mean()), over_seeds(self.draws, seed), confidence)

    def ahead_of(self, other: SeedScores, confidence: float, seed: int) -> Estimate:
        """How far they are ahead on the mean, the students of a seed and the items of a resample paired; as above."""
        if self.draws is None or other.draws is None:
            return _by_seeds_alone(self.values - other.values, confidence)
        drawn = over_seeds(self.draws - other.draws, seed)
        return interval(float(self.values.mean() - other.values.mean()), drawn, confidence)


def _by_seeds_alone(values: Array, confidence: float) -> Estimate:
    """Student's interval of a mean: a bootstrap of so few values would be far too narrow."""
    from scipy.stats import t  # noqa: PLC0415 - half a second that few tasks need

    mean, reach = float(values.mean()), np.inf
    if len(values) > 1:
        times = float(t.ppf((1 + confidence) / 2, len(values) - 1))
        reach = times * float(values.std(ddof=1)) / np.sqrt(len(values))
    return Estimate(mean, mean - reach, mean + reach)
