"""Vectors of texts: each distinct text encoded once by each model, for all commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pairforge.engines.shards import Keys, text_keys
from pairforge.engines.stored_rows import compute_missing
from pairforge.engines.tables import VectorTable
from pairforge.models import Encoder, Floats, ModelSpec, Side
from pairforge.progress import Progress, silent


class VectorStore:
    """The vectors of every text that any command has encoded, by model.

    Args:
        folder: Where they are kept; made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def tables(
        self, encoder: Encoder, texts_by_side: Mapping[Side, Sequence[str]], progress: Progress = silent
    ) -> Mapping[Side, VectorTable]:
        """A table for each side, row i the vector of its texts[i]; what is not stored yet is encoded first.

        A text that both sides treat alike is encoded once, and a run that was killed ends with the same bytes.

        Raises:
            ModelError: the model gives NaN, an infinity or vectors of changing length.
            FileError: the store cannot be written.
        """
        wanted = _Texts.of(encoder, texts_by_side)
        shards, locations = compute_missing(wanted, self._folder / encoder.spec.vector_identity[:32], progress)
        dimension = shards.width if len(wanted.keys) else encoder.dimension
        return {
            side: VectorTable(shards.read, locations[rows], dimension) for side, rows in wanted.rows_by_side.items()
        }


@dataclass(frozen=True)
class _Texts:
    """The distinct texts that are asked for, in the order of their keys.

    Args:
        encoder: What encodes them.
        keys: Their keys, ascending.
        texts: The texts.
        sides: The side each is encoded as: the first that asked for it.
        rows_by_side: For each text of each side, its place among these.
    """

    encoder: Encoder
    keys: Keys
    texts: Sequence[str]
    sides: Sequence[Side]
    rows_by_side: Mapping[Side, npt.NDArray[np.int64]]

    holds: ClassVar[str] = "vectors"
    label: ClassVar[str] = "encoding"
    unit: ClassVar[str] = "texts"

    @classmethod
    def of(cls, encoder: Encoder, texts_by_side: Mapping[Side, Sequence[str]]) -> _Texts:
        sides = [side for side, texts in texts_by_side.items() for _ in range(len(texts))]
        texts = [text for texts in texts_by_side.values() for text in texts]
        given = np.concatenate([text_keys(encoder.side_key(side), of) for side, of in texts_by_side.items()])
        keys, first, places = np.unique(given, return_index=True, return_inverse=True)
        ends = np.cumsum([len(of) for of in texts_by_side.values()])
        return cls(
            encoder=encoder,
            keys=keys,
            texts=[texts[row] for row in first],
            sides=[sides[row] for row in first],
            rows_by_side=dict(zip(texts_by_side, np.split(places, ends[:-1]), strict=True)),
        )

    @property
    def spec(self) -> ModelSpec:
        return self.encoder.spec

    @property
    def width(self) -> int:
        return self.encoder.dimension

    def lengths(self, places: Sequence[int]) -> npt.NDArray[np.int64]:
        return self.encoder.token_counts([self.texts[place] for place in places])

    def group(self, place: int) -> str:
        return self.encoder.side_key(self.sides[place])

    def compute(self, places: Sequence[int]) -> Floats:
        return self.encoder.encode([self.texts[place] for place in places], self.sides[places[0]])

    def described(self, place: int) -> str:
        return f"the text {self.texts[place][:60]!r}"
