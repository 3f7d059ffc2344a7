"""What cross-encoders say of pairs: each distinct ordered pair scored once by each model, for all commands.

Logits are kept, not scores: the same rows serve every way of reading a head, and margins on the logits' scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pairforge.engines.shards import Keys, pair_keys
from pairforge.engines.stored_rows import compute_missing
from pairforge.models import Floats, ModelSpec, PairScorer, TextPair
from pairforge.progress import Progress, silent


class ScoreStore:
    """The logits of every pair that any command has had scored, by model.

    Args:
        folder: Where they are kept; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def logits(self, scorer: PairScorer, pairs: Sequence[TextPair], progress: Progress = silent) -> Floats:
        """The model's outputs for each pair, float32 (len(pairs), outputs); what is not stored yet is scored first.

        A pair that stands there twice is scored once; the same two texts the other way round are another pair. Batches
        are planned by length from all pairs that are missing, and a run that was killed ends with the same bytes.

        Raises:
            ModelError: the model gives NaN, an infinity or another number of outputs than it has labels.
            FileError: the store cannot be written.
        """
        wanted = _Pairs.of(scorer, pairs)
        folder = self._folder / scorer.spec.identity[:32]
        shards, locations = compute_missing(wanted, folder, progress, known_width=wanted.width)
        return shards.read(locations[wanted.rows])


@dataclass(frozen=True)
class _Pairs:
    """The distinct pairs that are asked for, in the order of their keys.

    Args:
        scorer: What scores them.
        keys: Their keys, ascending.
        pairs: The pairs.
        rows: For each pair as it was asked for, its place among these.
    """

    scorer: PairScorer
    keys: Keys
    pairs: Sequence[TextPair]
    rows: npt.NDArray[np.int64]

    holds: ClassVar[str] = "logits"
    label: ClassVar[str] = "scoring"
    unit: ClassVar[str] = "pairs"

    @classmethod
    def of(cls, scorer: PairScorer, pairs: Sequence[TextPair]) -> _Pairs:
        keys, first, rows = np.unique(pair_keys(pairs), return_index=True, return_inverse=True)
        return cls(scorer, keys, [pairs[row] for row in first.tolist()], rows)

    @property
    def spec(self) -> ModelSpec:
        return self.scorer.spec

    @property
    def width(self) -> int:
        return len(self.scorer.labels)

    def lengths(self, places: Sequence[int]) -> npt.NDArray[np.int64]:
        return self.scorer.token_counts([self.pairs[place] for place in places])

    def group(self, place: int) -> str:
        return ""

    def compute(self, places: Sequence[int]) -> Floats:
        return self.scorer.logits([self.pairs[place] for place in places])

    def described(self, place: int) -> str:
        first, second = self.pairs[place]
        return f"the pair {first[:60]!r}, {second[:60]!r}"
