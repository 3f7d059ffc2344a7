"""Noise for the words of texts, drawn for many texts at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pairforge.randomness import row_uniforms

Words = Sequence[Sequence[str]]
"""The words of each text, in order."""

Ordinals = npt.NDArray[np.int64]
"""Places of texts in the input, from 0."""

_Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Draws:
    """Random numbers for one noise of one copy.

    Args:
        seed: The stage's seed.
        rows: The ordinal of each text in the stage's input, shape (texts,).
        stream: Tells this noise and copy from every other of the same text.
    """

    seed: int
    rows: Ordinals
    stream: int

    def for_words(self, counts: _Counts) -> npt.NDArray[np.float64]:
        """A number in [0, 1) for each word, the texts' words one after the other."""
        rows = np.repeat(self.rows, counts)
        places = np.arange(len(rows)) - np.repeat(_starts(counts), counts)
        return row_uniforms(self.seed, rows, places, stream=2 * self.stream)

    def for_texts(self) -> npt.NDArray[np.float64]:
        """A number in [0, 1) for each text."""
        return row_uniforms(self.seed, self.rows, 0, stream=2 * self.stream + 1)


def deleted(words: Words, ratio: float, draws: Draws) -> Words:
    """The words that are left when each is deleted with the chance `ratio`; of each text one at least."""
    return [list(compress(text, spared)) for text, spared in zip(words, _spared(words, ratio, draws), strict=True)]


def masked(words: Words, ratio: float, token: str, draws: Draws) -> Words:
    """The words, each with the chance `ratio` replaced by a token; of each text one at least stays."""
    return [
        [word if spare else token for word, spare in zip(text, spared, strict=True)]
        for text, spared in zip(words, _spared(words, ratio, draws), strict=True)
    ]


def swapped(words: Words, ratio: float, draws: Draws) -> Words:
    """The words, each from the left, unless it was moved, with the chance `ratio` after the word that follows it."""
    counts = _counts(words)
    swaps = _by_text(draws.for_words(counts) < ratio, counts)
    return [_swapped(list(text), wanted) for text, wanted in zip(words, swaps, strict=True)]


def shuffled(words: Words, draws: Draws) -> Words:
    """The words of each text in an order drawn at random."""
    counts = _counts(words)
    texts = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((draws.for_words(counts), texts)) - np.repeat(_starts(counts), counts)
    return [[text[place] for place in places] for text, places in zip(words, _by_text(order, counts), strict=True)]


def _spared(words: Words, ratio: float, draws: Draws) -> Iterator[list[bool]]:
    counts = _counts(words)
    spared = draws.for_words(counts) > ratio
    starts = _starts(counts)
    total = np.concatenate([[0], np.cumsum(spared)])
    bare = (total[starts + counts] == total[starts]) & (counts > 0)
    chosen = starts + (draws.for_texts() * counts).astype(np.int64)
    spared[chosen[bare]] = True
    return _by_text(spared, counts)


def _swapped(words: list[str], wanted: Sequence[bool]) -> list[str]:
    place = 0
    while place < len(words) - 1:
        if wanted[place]:
            words[place : place + 2] = words[place + 1], words[place]
            place += 1
        place += 1
    return words


def _counts(words: Words) -> _Counts:
    return np.fromiter(map(len, words), dtype=np.int64, count=len(words))


def _starts(counts: _Counts) -> _Counts:
    starts: _Counts = np.cumsum(counts) - counts
    return starts


def _by_text(values: npt.NDArray[Any], counts: _Counts) -> Iterator[list[Any]]:
    listed, bounds = values.tolist(), [0, *np.cumsum(counts).tolist()]
    return (listed[start:end] for start, end in pairwise(bounds))
