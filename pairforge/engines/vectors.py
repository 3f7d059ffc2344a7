"""Vectors of texts: each distinct text encoded once, kept in memory-mapped shards that all commands share.

Below a store's folder lies one folder a model identity, with pairs of files: `NAME.vectors.npy` (float32, one row a
text, as the model gave them) and `NAME.keys.npy` (what each row is the vector of). The keys are written last and name
their shard, so that a shard is there whole or not at all, and two processes may write one store.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pairforge.engines.shards import Keys, Shards, save_array, text_keys
from pairforge.engines.tables import VectorTable
from pairforge.errors import FileError, ModelError
from pairforge.models import Encoder, Floats, Side
from pairforge.progress import Progress, silent

_SHARD_TEXTS = 4096
_SHARDS_A_RUN = 128
_SHARD_SECONDS = 30.0


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

        A text that both sides treat alike is encoded once. Batches are planned by length from all texts that were
        missing when these texts were first asked for; the plan is kept until they are done, so that a run that was
        killed meets the same batches again, and ends with the same bytes.

        Raises:
            ModelError: the model gives NaN, an infinity or vectors of changing length.
            FileError: the store cannot be written.
        """
        shards = Shards(self._folder / encoder.spec.vector_identity[:32])
        wanted = _Wanted.of(encoder, texts_by_side)
        locations = shards.locate(wanted.keys)
        if (locations < 0).any():
            _Encoding(encoder, wanted, shards).run(locations < 0, progress)
            shards = Shards(shards.folder, encoder.dimension)
            locations = shards.locate(wanted.keys)
            if (locations < 0).any():
                raise FileError(f"{shards.folder}: vectors were deleted while others were encoded. Run it again.")
        dimension = shards.dimension if len(wanted.keys) else encoder.dimension
        return {
            side: VectorTable(shards.read, locations[rows], dimension) for side, rows in wanted.rows_by_side.items()
        }


@dataclass(frozen=True)
class _Wanted:
    """The distinct texts that are asked for, in the order of their keys: whatever order they were asked for in.

    Args:
        keys: Their keys, ascending.
        texts: Their texts.
        sides: The side each is encoded as: the first that asked for it.
        rows_by_side: For each text of each side, its place among these.
        digest: Of all keys.
    """

    keys: Keys
    texts: Sequence[str]
    sides: Sequence[Side]
    rows_by_side: Mapping[Side, npt.NDArray[np.int64]]
    digest: str

    @classmethod
    def of(cls, encoder: Encoder, texts_by_side: Mapping[Side, Sequence[str]]) -> _Wanted:
        sides = [side for side, texts in texts_by_side.items() for _ in range(len(texts))]
        texts = [text for texts in texts_by_side.values() for text in texts]
        given = np.concatenate([text_keys(encoder.side_key(side), of) for side, of in texts_by_side.items()])
        keys, first, places = np.unique(given, return_index=True, return_inverse=True)
        ends = np.cumsum([len(of) for of in texts_by_side.values()])
        return cls(
            keys=keys,
            texts=[texts[row] for row in first],
            sides=[sides[row] for row in first],
            rows_by_side=dict(zip(texts_by_side, np.split(places, ends[:-1]), strict=True)),
            digest=hashlib.blake2b(keys.tobytes(), digest_size=16).hexdigest(),
        )


@dataclass
class _Encoding:
    """One pass over the texts that a store lacks."""

    encoder: Encoder
    wanted: _Wanted
    shards: Shards
    places: list[int] = field(default_factory=list)
    vectors: list[Floats] = field(default_factory=list)
    last_written: float = field(default_factory=time.monotonic)

    def run(self, missing: npt.NDArray[np.bool_], progress: Progress) -> None:
        plan_file = self.shards.folder / f"{self.wanted.digest}.plan.npy"
        plan = self._plan(plan_file, missing)
        batches = [batch for batch in self._batches(plan) if missing[batch].any()]
        texts_a_shard = max(_SHARD_TEXTS, len(plan) // _SHARDS_A_RUN)
        try:
            with progress("encoding", sum(map(len, batches)), "texts") as advance:
                for batch in batches:
                    self._add(batch, missing)
                    advance(len(batch))
                    if len(self.places) >= texts_a_shard or time.monotonic() > self.last_written + _SHARD_SECONDS:
                        self._write()
        finally:
            self._write()
        plan_file.unlink(missing_ok=True)

    def _plan(self, file: Path, missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Places of the texts to encode in the order of their batches, as first planned."""
        kept = _read_plan(file, self.wanted.keys)
        if kept is not None and np.isin(np.flatnonzero(missing), kept).all():
            return kept
        places = np.flatnonzero(missing)
        lengths = self.encoder.token_counts([self.wanted.texts[place] for place in places.tolist()])
        planned = places[np.argsort(-lengths, kind="stable")]
        save_array(file, self.wanted.keys[planned])
        return planned

    def _batches(self, plan: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
        size = self.encoder.spec.request.batch_size
        keys = [self.encoder.side_key(self.wanted.sides[place]) for place in plan.tolist()]
        for side_key in dict.fromkeys(keys):
            of_side = plan[[key == side_key for key in keys]]
            yield from (of_side[start : start + size] for start in range(0, len(of_side), size))

    def _add(self, batch: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_]) -> None:
        texts = [self.wanted.texts[place] for place in batch.tolist()]
        vectors = self.encoder.encode(texts, self.wanted.sides[int(batch[0])])
        self._check(vectors, texts)
        # A batch that is met again after a kill is encoded whole, so that its arithmetic is the same.
        self.places.extend(batch[missing[batch]].tolist())
        self.vectors.append(vectors[missing[batch]])

    def _write(self) -> None:
        if self.places:
            self.shards.write(self.wanted.keys[self.places], np.concatenate(self.vectors))
        self.places.clear()
        self.vectors.clear()
        self.last_written = time.monotonic()

    def _check(self, vectors: Floats, texts: Sequence[str]) -> None:
        wanted = (len(texts), self.encoder.dimension)
        if vectors.shape != wanted:
            raise ModelError(
                f"{self.encoder.spec.name}: vectors of shape {wanted} were wanted, but it gives {vectors.shape}; "
                "its configuration does not fit its weights."
            )
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            text = texts[int(np.argmin(finite))]
            raise ModelError(
                f"{self.encoder.spec.name}: gives NaN or an infinity for the text {text[:60]!r}. "
                "Encode in float32 (--dtype float32), or train the model anew if it is already."
            )


def _read_plan(file: Path, keys: Keys) -> npt.NDArray[np.int64] | None:
    try:
        planned = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if planned.dtype != keys.dtype or planned.ndim != 1 or not np.isin(planned, keys).all():
        return None
    places: npt.NDArray[np.int64] = np.searchsorted(keys, planned)
    return places
