"""Pairs drawn at random from all that some sentences can form."""

from __future__ import annotations

import numpy as np

from pairforge.engines.search import Rows
from pairforge.randomness import row_uniforms
from pairforge.steps.sentence_pairs import pair_codes


def random_codes(size: int, wanted: int, excluded: Rows, seed: int) -> Rows:
    """The codes of pairs of two different sentences, each pair as likely as any other, each once, ascending.

    Args:
        size: How many sentences there are.
        wanted: How many pairs; all there are, where they are fewer.
        excluded: Codes of pairs that are not to be drawn.
        seed: Decides the draws.
    """
    combinations = size * (size - 1) // 2
    if 2 * (wanted + len(excluded)) >= combinations:
        every = np.setdiff1d(_codes(np.arange(combinations), size), excluded, assume_unique=True)
        keys = row_uniforms(seed, every, 0)
        return np.sort(every[np.argsort(keys, kind="stable")[:wanted]])
    # At least half of the draws are new to a list that is shorter than half of what there is.
    drawn = np.empty(0, dtype=np.int64)
    while True:
        numbers = np.arange(len(drawn), max(2 * len(drawn), wanted + wanted // 8 + 16))
        more = np.floor(row_uniforms(seed, 0, numbers) * combinations).astype(np.int64)
        drawn = np.concatenate((drawn, more))
        _, first = np.unique(drawn, return_index=True)
        codes = _codes(drawn[np.sort(first)], size)
        fresh = codes[~np.isin(codes, excluded)]
        if len(fresh) >= wanted:
            return np.sort(fresh[:wanted])


def _codes(numbers: Rows, size: int) -> Rows:
    """The code of the pair that has each number in the order (0, 1), (0, 2), (1, 2), (0, 3) …"""
    second = ((1 + np.sqrt(1 + 8 * numbers.astype(np.float64))) / 2).astype(np.int64)
    # The square root may round across a whole number.
    second -= second * (second - 1) // 2 > numbers
    second += (second + 1) * second // 2 <= numbers
    return pair_codes(numbers - second * (second - 1) // 2, second, size)
