"""Randomness that belongs to the row.

A seed and a row's ordinal in its input decide the row's draws, so that part size, worker count and resuming never
change an output. Source: SplitMix64 (Steele, Lea and Flood 2014), used as a hash of (seed, row, draw).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def row_uniforms(seed: int, rows: npt.ArrayLike, draws: npt.ArrayLike, *, stream: int = 0) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1), one for each (row, draw), of the broadcast shape of `rows` and `draws`.

    Args:
        seed: The stage's seed.
        rows: Ordinals of the rows in the stage's input.
        draws: Which draw of the row; anything that names it (a counter, a candidate's corpus row).
        stream: Keeps two uses within one step apart.
    """
    with np.errstate(over="ignore"):
        state = _mix(np.asarray(seed, dtype=np.int64).astype(np.uint64) + _GOLDEN)
        for part in (np.asarray(stream), np.asarray(rows), np.asarray(draws)):
            state = _mix((state ^ part.astype(np.uint64)) + _GOLDEN)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return state ^ (state >> np.uint64(31))
