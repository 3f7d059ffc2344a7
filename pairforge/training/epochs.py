"""Rows that a loss wants drawn anew for each epoch, as a dataset reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from pairforge.randomness import row_uniforms
from pairforge.training.losses import Draw

_SEEDS = 2**32


class EpochRows:
    """Draws rows when a batch asks for them; the transform of a dataset that holds their places alone.

    Args:
        rows: The whole corpus.
        draw: What becomes of rows in an epoch.
        seed: Of the training; each epoch gets one of its own from it.
    """

    def __init__(self, rows: pl.DataFrame, draw: Draw, seed: int) -> None:
        self._rows, self._draw, self._seed = rows, draw, seed
        self.epoch = 0

    @property
    def places(self) -> pl.DataFrame:
        """What the dataset holds."""
        return self._rows.select(row=pl.int_range(pl.len()))

    def __call__(self, batch: Mapping[str, Sequence[int]]) -> dict[str, list[object]]:
        """The rows at the places of a batch, by column."""
        ordinals = np.asarray(batch["row"], np.int64)
        drawn = self._draw(self._rows, ordinals, int(row_uniforms(self._seed, self.epoch, 0) * _SEEDS))
        return {name: drawn[name].to_list() for name in drawn.columns}
