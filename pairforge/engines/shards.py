"""The files of one model's rows of numbers (vectors, logits): found, checked, read and written."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pairforge.errors import FileError
from pairforge.files import atomic_path
from pairforge.models import Floats

Keys = npt.NDArray[np.bytes_]

_KEY_BYTES = 16
_OPEN_SHARDS = 256
_PLACE_BITS = 32


def text_keys(side_key: str, texts: Sequence[str]) -> Keys:
    """A 16-byte digest of each text together with what its side adds to it, shape (len(texts),)."""
    return _digests(_bytes(side_key) + b"\0", map(_bytes, texts))


def pair_keys(pairs: Sequence[tuple[str, str]]) -> Keys:
    """A 16-byte digest of each ordered pair of texts, shape (len(pairs),)."""
    both = ((_bytes(first), _bytes(second)) for first, second in pairs)
    return _digests(b"", (len(first).to_bytes(8, "little") + first + second for first, second in both))


def _digests(seed: bytes, contents: Iterable[bytes]) -> Keys:
    seeded = hashlib.blake2b(seed, digest_size=_KEY_BYTES)
    digests = bytearray()
    for content in contents:
        hashed = seeded.copy()
        hashed.update(content)
        digests += hashed.digest()
    return np.frombuffer(bytes(digests), dtype=f"S{_KEY_BYTES}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Shards:
    """The shards that lay in a folder when it was looked at; a broken or foreign one is as good as absent.

    Args:
        folder: One model's folder in the store.
        holds: What the rows are, in the plural, as in the files' names.
        width: Numbers in a row; as in most shards if not given.
    """

    def __init__(self, folder: Path, holds: str, width: int | None = None) -> None:
        self.folder = folder
        self._holds = holds
        width_of = {file: _width(file) for file in sorted(folder.glob(f"*.{holds}.npy"))}
        widths = [width for width in width_of.values() if width]
        self.width = width or max(sorted(set(widths)), key=widths.count, default=0)
        self._files = [file for file, width in width_of.items() if width and width == self.width]
        self._open: OrderedDict[int, Floats] = OrderedDict()

    def locate(self, wanted: Keys) -> npt.NDArray[np.int64]:
        """Where the row of each of the wanted keys (ascending) lies; -1 where there is none yet."""
        locations = np.full(len(wanted), -1, dtype=np.int64)
        for shard, file in enumerate(self._files if len(wanted) else ()):
            # One shard's keys at a time: a store may hold many times the rows that are wanted.
            keys = _keys_of(file)
            if keys is None:
                continue
            at = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
            hits = np.flatnonzero((wanted[at] == keys) & (locations[at] < 0))
            locations[at[hits]] = (shard << _PLACE_BITS) + hits
        return locations

    def read(self, locations: npt.NDArray[np.int64]) -> Floats:
        """The rows at these locations, copied.

        Raises:
            IndexError: a location is none, as `locate` gives it for a key that is not there.
            FileError: a shard was deleted.
        """
        if len(locations) and locations.min() < 0:
            raise IndexError(f"what has no {self._holds} stored has none to read")
        rows = np.empty((len(locations), self.width), dtype=np.float32)
        order = np.argsort(locations, kind="stable")
        shards = locations[order] >> _PLACE_BITS
        places = locations[order] & ((1 << _PLACE_BITS) - 1)
        bounds = np.flatnonzero(np.diff(shards, prepend=-1, append=-1))
        for start, end in pairwise(bounds):
            rows[order[start:end]] = self._shard(int(shards[start]))[places[start:end]]
        return rows

    def write(self, keys: Keys, rows: Floats) -> None:
        """Add a shard; it is seen by those who look at the folder from now on."""
        name = hashlib.blake2b(keys.tobytes(), digest_size=_KEY_BYTES).hexdigest()
        save_array(self.folder / f"{name}.{self._holds}.npy", rows, self._holds)
        save_array(self.folder / f"{name}.keys.npy", keys, self._holds)

    def _shard(self, shard: int) -> Floats:
        """A memory map of a shard; few stay open, for each holds a file descriptor."""
        if shard in self._open:
            self._open.move_to_end(shard)
            return self._open[shard]
        try:
            self._open[shard] = _mapped(self._files[shard])
        except OSError:
            raise FileError(
                f"{self._files[shard]}: the stored {self._holds} were deleted while they were in use. "
                "Run the command again."
            ) from None
        if len(self._open) > _OPEN_SHARDS:
            self._open.popitem(last=False)
        return self._open[shard]


def save_array(file: Path, array: npt.NDArray[Any], holds: str = "vectors") -> None:
    """Write an array as .npy, atomically.

    Args:
        file: Where to.
        array: What is written.
        holds: What it is or belongs to, in the plural, for the error.

    Raises:
        FileError: it cannot be written.
    """
    try:
        with atomic_path(file) as temporary, temporary.open("wb") as written:
            np.save(written, np.ascontiguousarray(array))
    except (FileError, OSError) as error:
        cause = error.__cause__ if isinstance(error, FileError) else error
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error)
        raise FileError(
            f"{file.parent}: {holds} cannot be stored there ({reason}). Free some space, or name another cache folder "
            "with --cache-dir."
        ) from error


def _width(file: Path) -> int:
    """Numbers in a row of a shard; 0 where the file holds no rows."""
    try:
        rows = _mapped(file)
    except (OSError, ValueError, EOFError):
        return 0
    return rows.shape[1] if rows.dtype == np.float32 and rows.ndim == 2 else 0


def _keys_of(file: Path) -> Keys | None:
    """The keys of a shard, if it is whole."""
    name = file.name.split(".")[0]
    try:
        keys: npt.NDArray[Any] = np.load(file.with_name(f"{name}.keys.npy"), allow_pickle=False)
        rows = _mapped(file)
    except (OSError, ValueError, EOFError):
        return None
    whole = keys.shape == rows.shape[:1]
    right = keys.dtype == np.dtype(f"S{_KEY_BYTES}")
    named = hashlib.blake2b(keys.tobytes(), digest_size=_KEY_BYTES).hexdigest() == name
    return keys if whole and right and named else None


def _mapped(file: Path) -> Floats:
    mapped: Floats = np.load(file, mmap_mode="r", allow_pickle=False)
    return mapped
