"""The kinds of task that there are, by the word before the colon of a task's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pairforge.errors import FileError
from pairforge.evaluation.classification import classification_files, read_classification
from pairforge.evaluation.clustering import read_clustering
from pairforge.evaluation.pair_tasks import Reading, read_pairs, read_scored_pairs
from pairforge.evaluation.retrieval.task import read_retrieval
from pairforge.evaluation.task import Task
from pairforge.evaluation.triplets import read_triplets
from pairforge.option_faults import nearest_names


@dataclass(frozen=True)
class TaskKind:
    """One kind of task.

    Args:
        holds: What its source holds, for help and errors.
        read: Reads one, from its name, its source and how that is to be read.
        source: What stands behind the colon.
        files: The files of a source; itself where it is one.
        each: The tasks that one stands for: itself, or all that it is the mean of, and itself last.
    """

    holds: str
    read: Callable[[str, str, Reading], Task]
    source: str = "FILE"
    files: Callable[[str], Sequence[str]] = lambda source: [source]
    each: Callable[[Task], Sequence[Task]] = lambda task: [task]


def _read_retrieval(name: str, source: str, reading: Reading) -> Task:
    return read_retrieval(name, source, reading.retrieval, reading.columns)


def _read_mteb(name: str, source: str, reading: Reading) -> Task:
    from pairforge.evaluation.mteb_tasks.task import read_mteb  # noqa: PLC0415 - loads an extra

    return read_mteb(name, source, reading)


def _each_of_mteb(task: Task) -> Sequence[Task]:
    from pairforge.evaluation.mteb_tasks.task import each_task  # noqa: PLC0415 - loads an extra

    return each_task(task)


KINDS: Mapping[str, TaskKind] = {
    "sts": TaskKind("scored pairs", read_scored_pairs),
    "pairs": TaskKind("labelled or scored pairs", read_pairs),
    "triplets": TaskKind("anchors, positives and negatives", read_triplets),
    "classification": TaskKind(
        "a train and a test file of texts with classes", read_classification, "DIR", classification_files
    ),
    "clustering": TaskKind("texts with labels", read_clustering),
    "retrieval": TaskKind(
        "a folder of corpus, queries and qrels, or a file of pairs or of images with captions", _read_retrieval, "DIR"
    ),
    "mteb": TaskKind("a task or a whole benchmark of mteb", _read_mteb, "NAME", lambda source: [], _each_of_mteb),
}
"""What stands before the colon of a task's name → its kind."""

NAMED: Mapping[str, str] = {
    "stsb": "sts:hub:sentence-transformers/stsb:test",
    **{f"sts{year}": f"sts:hub:mteb/sts{year}-sts:test" for year in range(12, 17)},
    "sick": "sts:hub:mteb/sickr-sts:test",
}
"""Tasks that have a name of their own, in lower case."""

FORMS = (*(f"{word}:{kind.source}" for word, kind in KINDS.items()), *NAMED)
"""How tasks are named."""


def canonical(name: str) -> str:
    """The name of a task with a name of its own in lower case; any other as it is."""
    return name.lower() if name.lower() in NAMED else name


def source_of(name: str, task_data: Mapping[str, str] | None = None) -> str | None:
    """Where a task's rows come from; None if there is no such task.

    Args:
        name: The task.
        task_data: Task → what holds its rows, in place of the hub.
    """
    kind, source = _split(name, task_data or {})
    return source or None if kind in KINDS else None


def files_of(name: str, task_data: Mapping[str, str]) -> Sequence[str]:
    """The files and hub datasets that a task is read from; arguments as of `source_of`."""
    kind, source = _split(name, task_data)
    return KINDS[kind].files(source)


def nearest_tasks(name: str) -> str:
    """The half sentence that helps after a mistyped task."""
    word, colon, _ = name.lower().partition(":")
    return nearest_names(f"{word}:FILE" if colon else word, FORMS)


def mend_of(source: str) -> str:
    """What helps where the hub's dataset behind a task of its own name is out of reach; empty for other sources."""
    name = next((name for name in NAMED if source_of(name) == source), None)
    if name is None:
        return ""
    dataset, _, split = source.removeprefix("hub:").partition(":")
    return (
        f"Or fetch the {split} split of https://huggingface.co/datasets/{dataset} where there is a connection (columns "
        f"sentence1, sentence2, score) and name that file: --task-data {name}=FILE."
    )


def read_tasks(name: str, reading: Reading) -> Sequence[Task]:
    """What a name stands for: one task, or those of a benchmark and then their mean.

    Raises:
        FileError, FrameError: as `read_task`.
    """
    return KINDS[_split(name, reading.task_data)[0]].each(read_task(name, reading))


def read_task(name: str, reading: Reading) -> Task:
    """A task, read and checked.

    Raises:
        FileError: its source cannot be read.
        FrameError: its source does not hold what the task needs.
    """
    kind, source = _split(name, reading.task_data)
    try:
        return KINDS[kind].read(name, source, reading)
    except FileError as error:
        if not (mend := mend_of(source)):
            raise
        raise FileError(f"{error} {mend}") from error


def _split(name: str, task_data: Mapping[str, str]) -> tuple[str, str]:
    """The kind of a task and its source."""
    kind, _, source = NAMED.get(canonical(name), name).partition(":")
    own = task_data.get(canonical(name)) if canonical(name) in NAMED else None
    return kind, own or source
