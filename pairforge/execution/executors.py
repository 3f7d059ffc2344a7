"""Where the parts of a stage are worked on; here, in the calling process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from pairforge.execution.parts import Part


class Executor(Protocol):
    """Spreads parts over whatever it has."""

    def run_parts(self, parts: Sequence[Part], work: Callable[[Part], None]) -> Iterator[Part]:
        """Do the work of each part, which keeps its own result; yield each as it is finished, in any order."""
        ...


class LocalExecutor:
    """One part at a time, in order, in this process."""

    def run_parts(self, parts: Sequence[Part], work: Callable[[Part], None]) -> Iterator[Part]:
        """Do the work of each part; yield it when it is finished."""
        for part in parts:
            work(part)
            yield part
