"""How densely scores lie along [0, 1]: a kernel estimate on a fine grid, in NumPy alone.

Gaussian kernels; what would lie beyond an end is folded back at it, so that no mass is lost there. Source: Silverman
1986, with the bandwidth of Scott 1992.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_CELLS = 1000
_LEAST_BANDWIDTH = 0.01


def scott_bandwidth(scores: npt.ArrayLike) -> float:
    """Standard deviation × n^(-1/5), but not below 0.01, so that a few distinct scores get no spikes."""
    values = np.asarray(scores, dtype=np.float64)
    return max(_LEAST_BANDWIDTH, float(values.std() * len(values) ** -0.2))


def density(scores: npt.ArrayLike, at: npt.ArrayLike, bandwidth: float) -> Array:
    """The density of `scores` in the cells (a thousandth wide) in which the values `at` lie.

    Args:
        scores: In [0, 1], at least one.
        at: Where the density is wanted, in [0, 1].
        bandwidth: Standard deviation of the kernels.
    """
    counts = np.bincount(_cells(scores), minlength=_CELLS) / np.size(scores) * _CELLS
    reach = min(_CELLS, int(np.ceil(5 * bandwidth * _CELLS)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (bandwidth * _CELLS)) ** 2)
    smooth = np.convolve(np.pad(counts, reach, mode="symmetric"), kernel / kernel.sum(), mode="valid")
    found: Array = smooth[_cells(at)]
    return found


def _cells(scores: npt.ArrayLike) -> npt.NDArray[np.int64]:
    return np.minimum(np.asarray(scores, dtype=np.float64) * _CELLS, _CELLS - 1).astype(np.int64)
