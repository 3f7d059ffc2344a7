"""The folder beside an output in which a stage keeps what it has finished, until it is done."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pairforge.errors import FileError, StageError


class Workspace:
    """`<output>.parts/<start of the fingerprint>`: nothing lies there before `held`, nothing after `discard`."""

    def __init__(self, main_output: Path, fingerprint: str) -> None:
        self._root = main_output.with_name(f"{main_output.name}.parts")
        self._output = main_output
        self.folder = self._root / fingerprint[:16]

    @property
    def manifest(self) -> Path:
        """The manifest of finished outputs that wait to be moved into place."""
        return self.folder / "manifest.json"

    @property
    def for_step(self) -> Path:
        """The folder that the step may use as it likes."""
        return self.folder / "step"

    def finished(self, output: str, path: Path) -> Path:
        """Where the output of this name waits until it goes to `path`."""
        return self.folder / "finished" / output / path.name

    def replaced(self, output: str, path: Path) -> Path:
        """Where a folder goes that a new one replaces; it is removed with the workspace."""
        return self.folder / "replaced" / output / path.name

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the workspace and keep other processes out of it; what is empty at the end is removed.

        Raises:
            StageError: another process holds it.
            FileError: it cannot be made.
        """
        with self._locked():
            try:
                self.for_step.mkdir(parents=True, exist_ok=True)
                yield
            finally:
                _remove_empty([self.for_step, self.folder])

    def discard(self) -> None:
        """Remove what this stage and earlier ones for the same output kept."""
        for folder in self._root.iterdir():
            if re.fullmatch("[0-9a-f]{16}", folder.name):
                shutil.rmtree(folder, ignore_errors=True)

    def discard_leftovers(self) -> None:
        """Remove what a run kept that was killed after its outputs and their manifest were in place; best effort."""
        if self.folder.exists():
            with suppress(StageError, FileError), self.held():
                self.discard()

    def restart(self) -> None:
        """Forget what an earlier run kept; only while `held`."""
        self.discard()
        self.for_step.mkdir(parents=True)

    @property
    def _lock_file(self) -> Path:
        return self._root / "lock"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        new_folders = [folder for folder in self._root.parents if not folder.exists()]
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            descriptor = self._lock()
        except OSError as error:
            raise FileError(f"{self._root}: cannot be made ({error.strerror}). Name another place with -o.") from error
        try:
            yield
        finally:
            with suppress(OSError):
                if list(self._root.iterdir()) == [self._lock_file]:
                    self._lock_file.unlink()
                    _remove_empty([self._root, *new_folders])
            os.close(descriptor)

    def _lock(self) -> int:
        # The kernel lets go of the lock when its holder dies, however it dies; the file only names the holder.
        while True:
            descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                self._take(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            # The former holder may have removed the file between our opening and our locking it.
            with suppress(FileNotFoundError):
                if os.path.samestat(self._lock_file.stat(), os.fstat(descriptor)):
                    return descriptor
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # A file system without locks is no reason not to work.
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                return
            holder = os.read(descriptor, 20).decode() or "unknown"
            raise StageError(
                f"{self._output}: is being made by another process (pid {holder}). "
                "Wait for it, or name another place with -o."
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
