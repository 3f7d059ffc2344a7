"""Rows of numbers that a model computes (a text's vector, a pair's logits): each once, kept for all commands.

Below a store's folder lies one folder a model identity, with pairs of files: `NAME.vectors.npy` (or another word for
what the rows are; float32, one row an item, as the model gave them) and `NAME.keys.npy` (what each row belongs to). The
keys are written last and name their shard, so that a shard is there whole or not at all, and two processes may write
one store.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from pairforge.engines.shards import Keys, Shards, save_array
from pairforge.errors import FileError, ModelError
from pairforge.models import Floats, ModelSpec
from pairforge.progress import Progress

_SHARD_ROWS = 4096
_SHARDS_A_RUN = 128
_SHARD_SECONDS = 30.0

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


class Items(Protocol):
    """Distinct things of which a model computes a row each, in the order of their keys, however they were asked for."""

    holds: ClassVar[str]
    """What the rows are, in the plural ("vectors")."""
    label: ClassVar[str]
    """What computing them is called ("encoding")."""
    unit: ClassVar[str]
    """What the things are, in the plural ("texts")."""

    @property
    def keys(self) -> Keys:
        """Their keys, ascending."""
        ...

    @property
    def spec(self) -> ModelSpec:
        """The model."""
        ...

    @property
    def width(self) -> int:
        """Numbers in a row; may load the model."""
        ...

    def lengths(self, places: Sequence[int]) -> npt.NDArray[np.int64]:
        """A length for each of the things at these places, by which batches are planned."""
        ...

    def group(self, place: int) -> str:
        """What all of one batch must have in common."""
        ...

    def compute(self, places: Sequence[int]) -> Floats:
        """The rows of one batch, shape (len(places), width)."""
        ...

    def described(self, place: int) -> str:
        """One of them, as an error names it ("the text 'cat'")."""
        ...


def compute_missing(
    items: Items, folder: Path, progress: Progress, *, known_width: int | None = None
) -> tuple[Shards, Places]:
    """The shards of a model's folder and where each item's row lies in them; what is not there is computed first.

    Batches are planned by length from all items that were missing when these items were first asked for; the plan is
    kept until they are done, so that a run that was killed meets the same batches again, and ends with the same bytes.

    Args:
        items: What is asked for.
        folder: The model's folder.
        progress: Shows how many are left.
        known_width: Numbers in a row, if that is known without the model.

    Raises:
        ModelError: the model gives NaN, an infinity or rows of changing length.
        FileError: the folder cannot be written.
    """
    shards = Shards(folder, items.holds, known_width)
    locations = shards.locate(items.keys)
    if (locations < 0).any():
        _Computation(items, shards).run(locations < 0, progress)
        shards = Shards(folder, items.holds, items.width)
        locations = shards.locate(items.keys)
        if (locations < 0).any():
            raise FileError(f"{folder}: {items.holds} were deleted while others were computed. Run it again.")
    return shards, locations


@dataclass
class _Computation:
    """One pass over the items that a store lacks."""

    items: Items
    shards: Shards
    places: list[int] = field(default_factory=list)
    rows: list[Floats] = field(default_factory=list)
    last_written: float = field(default_factory=time.monotonic)

    def run(self, missing: Flags, progress: Progress) -> None:
        plan_name = f"{hashlib.blake2b(self.items.keys.tobytes(), digest_size=16).hexdigest()}.plan.npy"
        plan = self._plan(plan_name, missing)
        batches = [batch for batch in self._batches(plan) if missing[batch].any()]
        rows_a_shard = max(_SHARD_ROWS, len(plan) // _SHARDS_A_RUN)
        try:
            with progress(self.items.label, sum(map(len, batches)), self.items.unit) as advance:
                for batch in batches:
                    self._add(batch, missing)
                    advance(len(batch))
                    if len(self.places) >= rows_a_shard or time.monotonic() > self.last_written + _SHARD_SECONDS:
                        self._write()
        finally:
            self._write()
        (self.shards.folder / plan_name).unlink(missing_ok=True)

    def _plan(self, name: str, missing: Flags) -> Places:
        """Places of the items to compute in the order of their batches, as first planned."""
        kept = _read_plan(self.shards.folder / name, self.items.keys)
        if kept is not None and np.isin(np.flatnonzero(missing), kept).all():
            return kept
        places = np.flatnonzero(missing)
        planned = places[np.argsort(-self.items.lengths(places.tolist()), kind="stable")]
        save_array(self.shards.folder / name, self.items.keys[planned], self.items.holds)
        return planned

    def _batches(self, plan: Places) -> Iterator[Places]:
        size = self.items.spec.request.batch_size
        groups = [self.items.group(place) for place in plan.tolist()]
        for group in dict.fromkeys(groups):
            together = plan[[its == group for its in groups]]
            yield from (together[start : start + size] for start in range(0, len(together), size))

    def _add(self, batch: Places, missing: Flags) -> None:
        rows = self.items.compute(batch.tolist())
        self._check(rows, batch)
        # A batch that is met again after a kill is computed whole, so that its arithmetic is the same.
        self.places.extend(batch[missing[batch]].tolist())
        self.rows.append(rows[missing[batch]])

    def _write(self) -> None:
        if self.places:
            self.shards.write(self.items.keys[self.places], np.concatenate(self.rows))
        self.places.clear()
        self.rows.clear()
        self.last_written = time.monotonic()

    def _check(self, rows: Floats, batch: Places) -> None:
        name, wanted = self.items.spec.name, (len(batch), self.items.width)
        if rows.shape != wanted:
            raise ModelError(
                f"{name}: {self.items.holds} of shape {wanted} were wanted, but it gives {rows.shape}; "
                "its configuration does not fit its weights."
            )
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            raise not_finite(name, self.items.described(int(batch[np.argmin(finite)])))


def not_finite(name: str, described: str) -> ModelError:
    """What to say of a model that gives no numbers for something."""
    return ModelError(
        f"{name}: gives NaN or an infinity for {described}. Compute in float32 (--dtype float32), or train the model "
        "anew if it is already."
    )


def _read_plan(file: Path, keys: Keys) -> Places | None:
    try:
        planned = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if planned.dtype != keys.dtype or planned.ndim != 1 or not np.isin(planned, keys).all():
        return None
    places: Places = np.searchsorted(keys, planned)
    return places
