"""Encoders that average the vectors of a text's words, which stand in a text file (GloVe, word2vec, fastText)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pairforge.engines.lexical import words_of
from pairforge.engines.word_files import WordTable, read_dimension, read_words
from pairforge.errors import ModelError
from pairforge.models import Floats, ModelSpec, Side


class WordVectorEncoder:
    """The mean of the vectors of a text's words, as an `Encoder`; both sides alike.

    Words are those of `LexicalIndex`, in lower case, a repeated one counting repeatedly. Those that the file does not
    have are skipped; a text without any word of the file is the zero vector. The file is read at the first text: what
    stays in memory is its vectors in float32, and its words.

    Args:
        spec: Where the file lies.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        if spec.path is None:
            raise ModelError(f"{spec.name}: a file of word vectors is wanted, but there is none.")
        self._file = spec.path

    @cached_property
    def dimension(self) -> int:
        """Numbers in one vector, from the beginning of the file."""
        return read_dimension(self._file)

    def side_key(self, side: Side) -> str:
        """Nothing: both sides are encoded alike, and no prompt comes before them."""
        return ""

    def token_counts(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Letters of each text: any length will do, since no batch is padded."""
        return np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        """One batch of texts, float32, shape (len(texts), dimension)."""
        table = self._table
        vectors = np.zeros((len(texts), table.vectors.shape[1]), dtype=np.float32)
        for place, words in enumerate(words_of(texts)):
            rows = [table.row_of[word] for word in words if word in table.row_of]
            if rows:
                vectors[place] = table.vectors[rows].mean(axis=0)
        return vectors

    @cached_property
    def _table(self) -> WordTable:
        return read_words(self._file)
