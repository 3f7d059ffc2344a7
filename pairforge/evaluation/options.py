"""What evaluations ask: the tasks, how they are read, how sure to be, and in which forms models are judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pairforge.evaluation.pair_tasks import Reading
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.evaluation.shrinking.quantised import Precision
from pairforge.evaluation.tasks import KINDS, NAMED, canonical, files_of, nearest_tasks, source_of
from pairforge.execution.origin import source_digest
from pairforge.execution.step import SeededOptions
from pairforge.option_faults import nearest_names
from pairforge.option_values import listed
from pairforge.steps.pair_scores import HeadOptions

MTEB = "mteb:"
_TASKS = ", ".join([*(f"{word}:{kind.source} ({kind.holds})" for word, kind in KINDS.items()), *NAMED])
_COLUMNS = ("sentence1", "sentence2", "score", "label", "text", "anchor", "positive", "negative", "image", "caption")

_ColumnName = Annotated[str | None, Field(min_length=1)]


class TaskOptions(SeededOptions, RetrievalOptions):
    """What to judge by, how that is read, and how sure to be."""

    task: Annotated[
        tuple[str, ...],
        Field(min_length=1, description=f"What to judge by: {_TASKS}. Those without a colon come from the hub."),
    ]
    task_data: Annotated[
        tuple[str, ...],
        Field(description="NAME=PATH: the file or folder that holds a task's rows, in place of the hub."),
    ] = ()
    bootstrap_samples: Annotated[
        int, Field(ge=100, le=1_000_000, description="Resamples of the items behind each interval.")
    ] = 10_000
    confidence: Annotated[float, Field(gt=0, lt=1, description="Share of the resamples an interval holds.")] = 0.95
    score_scale: Annotated[
        float | None, Field(gt=0, description="Score that means 'the same'; 5 is guessed for scores above 1, up to 5.")
    ] = None
    sentence1_column: Annotated[_ColumnName, Field(description="The files' column of first sentences.")] = None
    sentence2_column: Annotated[_ColumnName, Field(description="The files' column of second sentences.")] = None
    score_column: Annotated[_ColumnName, Field(description="The files' column of gold scores.")] = None
    label_column: Annotated[_ColumnName, Field(description="The files' column of labels, or of classes.")] = None
    text_column: Annotated[_ColumnName, Field(description="The files' column of single texts.")] = None
    anchor_column: Annotated[_ColumnName, Field(description="The files' column of anchors.")] = None
    positive_column: Annotated[_ColumnName, Field(description="The files' column of positives.")] = None
    negative_column: Annotated[_ColumnName, Field(description="The files' column of negatives.")] = None
    image_column: Annotated[_ColumnName, Field(description="The files' column of images.")] = None
    caption_column: Annotated[_ColumnName, Field(description="The files' column of captions.")] = None

    @field_validator("task")
    @classmethod
    def _known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        for task in tasks:
            if source_of(task) is None:
                raise ValueError(f"there is no task '{task}'; {nearest_tasks(task)}")
            if [canonical(other) for other in tasks].count(canonical(task)) > 1:
                raise ValueError(f"task '{task}' is given twice")
        return tasks

    @field_validator("task_data")
    @classmethod
    def _named_paths(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        names = []
        for text in given:
            name, _, path = text.partition("=")
            if not (name and path):
                raise ValueError(f"should be NAME=PATH, as sts12=FILE, but it is '{text}'")
            if canonical(name) in names:
                raise ValueError(f"names two paths for {name}")
            names.append(canonical(name))
        return given

    @model_validator(mode="after")
    def _data_of_tasks(self) -> Self:
        if any(task.startswith(MTEB) for task in self.tasks_read):
            return self  # A benchmark's tasks are known only when it is read.
        asked = [canonical(task) for task in self.tasks_read if canonical(task) in NAMED]
        for name in self.data_by_task:
            if name not in asked:
                raise ValueError(
                    f"task_data: no task '{name}' that lies on the hub is asked for; {nearest_names(name, asked)}"
                )
        return self

    @property
    def tasks_read(self) -> tuple[str, ...]:
        """Every task that is read."""
        return self.task

    @property
    def data_by_task(self) -> dict[str, str]:
        """Task → what holds its rows."""
        parts = [text.partition("=") for text in self.task_data]
        return {canonical(name): path for name, _, path in parts}

    @property
    def reading(self) -> Reading:
        """How the tasks' files are to be read."""
        named = {column: getattr(self, f"{column}_column") for column in _COLUMNS}
        columns = {column: name for column, name in named.items() if name is not None}
        return Reading(columns, self.score_scale, self.data_by_task, retrieval=self)


class JudgedOptions(HeadOptions):
    """In which forms models are judged."""

    dims: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        BeforeValidator(listed),
        Field(description="Also judge encoders by the first so many numbers of their vectors (Matryoshka)."),
    ] = ()
    precision: Annotated[
        tuple[Precision, ...],
        BeforeValidator(listed),
        Field(description="Also judge encoders by vectors whose numbers are kept so."),
    ] = ()


class EvaluateOptions(TaskOptions, JudgedOptions):
    """What to evaluate on, and how sure to be."""

    latency: Annotated[
        bool, Field(description="Also time each model on this machine: one query, and passages a second.")
    ] = False
    also: Annotated[
        tuple[Literal["markdown", "csv"], ...],
        Field(description="Also write the table as Markdown, or every value as a row of a CSV file."),
    ] = ()
    leaderboard: Annotated[
        str | None,
        Field(min_length=1, description="JSON lines file to which the results are added; leaderboard.jsonl beside the "
                                        "output if not given."),
    ] = None  # fmt: skip


def data_digest(name: str, tasks: Sequence[str], options: TaskOptions, cache: Path) -> str:
    """Digest of what decides a task's items: the bytes of its files, and how they are read.

    Args:
        name: The task as it was named.
        tasks: Names of mteb's tasks that it stands for; the name alone of any other.
        options: Of the evaluation.
        cache: Folder in which digests of files are remembered.

    Raises:
        FileError: a file cannot be read.
    """
    wanted = {canonical(task.removeprefix(MTEB)) for task in tasks}
    lent = [path for own, path in options.data_by_task.items() if canonical(own.removeprefix(MTEB)) in wanted]
    searched = options.documents if name.startswith("retrieval:") else ()
    files = dict.fromkeys([*files_of(name, options.data_by_task), *lent, *searched])
    how = [options.split, options.ignore_identical_ids] if name.startswith("retrieval:") else []
    told = [[source_digest(file, cache) for file in files], dict(options.reading.columns), how]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def task_files(options: TaskOptions) -> list[str]:
    """The files that the tasks are read from."""
    files = [file for task in options.task for file in files_of(task, options.data_by_task)]
    folders = [path for name, path in options.data_by_task.items() if path not in files]
    return [*files, *folders, *options.documents]
