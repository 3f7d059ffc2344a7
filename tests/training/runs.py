"""Runs of a training: broken off, looked at and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pairforge.execution.step import StepContext


def weights_digest(model: Path) -> str:
    files = sorted(model.rglob("*.safetensors"))
    assert files
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def stopping_after(steps: int) -> Callable[..., object]:
    """A progress that breaks the run off once that many steps are done, as Ctrl-C does."""

    done = 0

    @contextmanager
    def progress(label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        def advance(more: int) -> None:
            nonlocal done
            done += more
            if done > steps:
                raise KeyboardInterrupt

        yield advance

    return progress


def note_of(context: StepContext, beginning: str) -> str:
    """The first note of the run that begins so."""
    return next(note for note in context.ledger.notes if note.startswith(beginning))
