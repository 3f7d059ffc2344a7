"""How far a long piece of work is, with its rate and the time left, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Opens a bar for one piece of work."""

    def __call__(self, label: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None]]:
        """A context whose value is called with the units done since the last call."""
        ...


@contextmanager
def silent(label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Show nothing."""
    yield lambda done: None
