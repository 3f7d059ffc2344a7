"""Content digests of files and folders, remembered so that a run with nothing to do reads no file twice."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from pairforge.cache import cache_folder
from pairforge.errors import FileError
from pairforge.files.sources import PARTIAL, check_readable, is_hub, locate, missing

_RACY_SECONDS = 2.0


def digest_path(path: Path, *, cache: Path | None = None) -> str:
    """SHA-256 of a file's bytes; of a folder, over the relative names and digests of all files in it, sorted.

    Digests of files are remembered in `<cache>/digests` by path, size, mtime and inode. A cache that is broken or may
    not be written costs time, never an error.

    Args:
        path: A file or a folder; links are followed.
        cache: The cache folder; the user's if not given.

    Raises:
        FileError: it is missing or may not be read.
    """
    memory = _Memory((cache or cache_folder()) / "digests" / "digests.sqlite")
    if not path.is_dir():
        return memory.digest(path)
    parts = sorted(
        (found.relative_to(path).as_posix(), found) for found in _files_below(path) if PARTIAL not in found.name
    )
    return _combined(part for name, found in parts for part in (name, memory.digest(found)))


def digest_source(source: str | Path, *, cache: Path | None = None) -> str:
    """SHA-256 of what a source holds: of a file its own, of shards over theirs in order, of a hub dataset its revision.

    Raises:
        FileError: the source cannot be found or read.
    """
    if is_hub(source):
        from pairforge.files.hub import hub_digest  # noqa: PLC0415 - `datasets` takes a second to import

        return hub_digest(str(source))
    files = locate(source)
    if len(files) == 1 and not Path(source).is_dir():
        return digest_path(files[0], cache=cache)
    return _combined(digest_path(file, cache=cache) for file in files)


def digest_bytes(path: Path) -> str:
    """SHA-256 of a file's bytes, read now."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _combined(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _files_below(folder: Path) -> Iterable[Path]:
    for parent, _, names in os.walk(folder, followlinks=True):
        yield from (Path(parent, name) for name in names)


Identity = tuple[bytes, str, str, str]
"""Path, size, mtime and inode: as bytes and texts, since not every name is Unicode nor every inode below 2**63."""


def identity_of(path: Path) -> Identity:
    """What tells a file from every other and from itself once it is written anew.

    Raises:
        OSError: it is not there.
    """
    found = path.stat()
    return os.fsencode(path.resolve()), str(found.st_size), str(found.st_mtime_ns), str(found.st_ino)


class _Memory:
    """Digests by (path, size, mtime, inode), shared by processes through one sqlite file."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def digest(self, path: Path) -> str:
        try:
            identity, changed = identity_of(path), path.stat().st_mtime
        except OSError:
            raise FileError(missing(path)) from None
        remembered = self._recall(identity)
        if remembered:
            return remembered
        try:
            digest = digest_bytes(path)
            unchanged = identity_of(path) == identity
        except OSError as error:
            check_readable(path)
            raise FileError(f"{path}: cannot be read to its end ({error.strerror}). Check the disk.") from error
        # A file written just now could change once more under the same mtime: it is not remembered yet.
        if unchanged and time.time() - changed > _RACY_SECONDS:
            self._remember(identity, digest)
        return digest

    def _recall(self, identity: Identity) -> str | None:
        if not self._database.exists():
            return None
        try:
            with closing(self._open()) as connection:
                row = connection.execute(
                    "SELECT digest FROM digests WHERE path = ? AND size = ? AND mtime_ns = ? AND inode = ?", identity
                ).fetchone()
        except (sqlite3.Error, OSError):
            return None
        return str(row[0]) if row else None

    def _remember(self, identity: Identity, digest: str) -> None:
        try:
            self._database.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as connection, connection:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS digests"
                    " (path BLOB PRIMARY KEY, size TEXT, mtime_ns TEXT, inode TEXT, digest TEXT)"
                )
                connection.execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?)", (*identity, digest))
        except (sqlite3.Error, OSError):
            return

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._database, timeout=10)
