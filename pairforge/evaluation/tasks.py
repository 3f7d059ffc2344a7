"""The kinds of task that there are, by the word before the colon of a task's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pairforge.errors import FileError
from pairforge.evaluation.pair_tasks import Reading, read_pairs, read_scored_pairs
from pairforge.evaluation.retrieval.task import read_retrieval
from pairforge.evaluation.task import Task


@dataclass(frozen=True)
class TaskKind:
    """One kind of task.

    Args:
        holds: What its file holds, for help and errors.
        read: Reads one, from its name, its source and how that is to be read.
        source: What stands behind the colon.
    """

    holds: str
    read: Callable[[str, str, Reading], Task]
    source: str = "FILE"


def _read_retrieval(name: str, source: str, reading: Reading) -> Task:
    return read_retrieval(name, source, reading.retrieval)


KINDS: Mapping[str, TaskKind] = {
    "sts": TaskKind("scored pairs", read_scored_pairs),
    "pairs": TaskKind("labelled or scored pairs", read_pairs),
    "retrieval": TaskKind("a folder of corpus, queries and qrels, or a file of pairs", _read_retrieval, "DIR"),
}
"""What stands before the colon of a task's name → its kind."""

NAMED = {"stsb": "sts:hub:sentence-transformers/stsb:test"}
"""Tasks that have a name of their own."""


def source_of(name: str) -> str | None:
    """Where a task's rows come from; None if there is no such task."""
    kind, _, source = NAMED.get(name, name).partition(":")
    return source or None if kind in KINDS else None


def read_task(name: str, reading: Reading) -> Task:
    """A task, read and checked.

    Raises:
        FileError: its source cannot be read.
        FrameError: its source does not hold what the task needs.
    """
    kind, _, source = NAMED.get(name, name).partition(":")
    try:
        return KINDS[kind].read(name, source, reading)
    except FileError as error:
        if name not in NAMED:
            raise
        own = f"{kind}:{KINDS[kind].source}"
        holds = KINDS[kind].holds.capitalize()
        raise FileError(f"{error} {holds} of your own can take its place: {own} instead of {name}.") from error
