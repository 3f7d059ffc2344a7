"""Tasks and benchmarks of mteb as tasks of the house."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from pairforge.agreement import Array
from pairforge.errors import ModelError
from pairforge.evaluation.judged import Judged
from pairforge.evaluation.mteb_tasks.kinds import RERANKING, RETRIEVAL, kind_of
from pairforge.evaluation.mteb_tasks.library import quiet_mteb
from pairforge.evaluation.mteb_tasks.local import read_local
from pairforge.evaluation.mteb_tasks.measures import Found, measured_items
from pairforge.evaluation.mteb_tasks.names import find
from pairforge.evaluation.mteb_tasks.runs import SPLIT, SUBSET, VALUE, MtebRun
from pairforge.evaluation.pair_tasks import Reading
from pairforge.evaluation.task import Judgement, Means, Measured, Task

_MEMBER = "task"
_ROUNDING = 2e-6
"""mteb rounds to six decimals the scores that it keeps."""


@dataclass
class MtebTask:
    """One of mteb's tasks; its measures bear mteb's names, the main score first.

    Args:
        run: Runs it.
        type: mteb's word for its type ("Classification").
    """

    run: MtebRun
    type: str
    rows: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        """`mteb:` and mteb's name."""
        return f"mteb:{self.run.name}"

    @property
    def source(self) -> str:
        """The local folder, or the dataset of the hub."""
        local = self.run.local
        return local.folder if local else f"hub:{self.run.template.metadata.dataset['path']}"

    @property
    def items(self) -> str:
        """What an item is."""
        return kind_of(self.run.template).items

    @property
    def measures(self) -> tuple[str, ...]:
        """mteb's main score, and what is usual beside it."""
        task, kind = self.run.template, kind_of(self.run.template)
        deep = kind not in (RETRIEVAL, RERANKING)
        beside = [name for name in kind.measures if deep or int(name.rpartition("_")[2]) in task.k_values]
        return tuple(dict.fromkeys([task.metadata.main_score, *beside]))

    @property
    def guesses(self) -> tuple[str, ...]:
        """What was guessed in reading local rows."""
        return self.run.local.guesses if self.run.local else ()

    def predict(self, model: Judged, means: Means) -> pl.DataFrame:
        """mteb's scores, and one row an item where mteb tells what was predicted of it."""
        with means.context.progress(f"{self.name} by {model.name}", 0, "runs") as advance:
            found = self.run(model, means.context)
            advance(1)
        main = f"{VALUE}{self.measures[0]}"
        if main not in found.columns or found[main].null_count():
            raise ModelError(
                f"{self.name}: mteb finds no {self.measures[0]} of {model.name}: it, or the gold values, are the "
                "same for all items."
            )
        self.rows = found.height
        return found

    def measure(self, predictions: Sequence[pl.DataFrame], means: Means) -> list[Judgement]:
        """mteb's own values; intervals where what mteb kept of the items gives these values again."""
        return [Judgement("", dict(self._measured(found, means))) for found in predictions]

    def _measured(self, found: pl.DataFrame, means: Means) -> Iterator[tuple[str, Measured]]:
        cells = found.partition_by(SPLIT, SUBSET, maintain_order=True)
        items = [self._items(cell, means, place) for place, cell in enumerate(cells)]
        names = [column for column in found.columns if column.startswith(VALUE)]
        for column in names:
            values = [cell[column][0] for cell in cells]
            if None in values:
                continue
            measure, value = column.removeprefix(VALUE), float(np.mean(values))
            yield measure, Measured(value, _mean_draws(measure, values, items))

    def _items(self, cell: pl.DataFrame, means: Means, place: int) -> Found:
        own = cell.drop(SPLIT, SUBSET, *(name for name in cell.columns if name.startswith(VALUE)))
        items = own[[column.name for column in own if column.null_count() < cell.height]]
        if not items.width or cell.height < 2:
            return {}
        kind = kind_of(self.run.template).name
        return measured_items(kind, items, means.samples, _seed(means.seed, self.name, place))


@dataclass(frozen=True)
class MtebMean:
    """A benchmark of mteb: the mean of its tasks' main scores, and the mean of the means of each type of task.

    Args:
        name: `mteb:` and mteb's name.
        tasks: Its tasks, each of which is a task of its own too.
    """

    name: str
    tasks: tuple[MtebTask, ...]

    items = "tasks"
    measures = ("mean_task", "mean_task_type")
    source = "mteb"
    guesses: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many tasks there are."""
        return len(self.tasks)

    def predict(self, model: Judged, means: Means) -> pl.DataFrame:
        """What all tasks have, a column `task` beside; what was run before is not run again."""
        found = [task.predict(model, means).with_columns(pl.lit(task.name).alias(_MEMBER)) for task in self.tasks]
        return pl.concat(found, how="diagonal_relaxed")

    def measure(self, predictions: Sequence[pl.DataFrame], means: Means) -> list[Judgement]:
        """Means of the tasks' main scores; items are resampled within each task, where each has them."""
        return [Judgement("", self._means(found, means)) for found in predictions]

    def _means(self, found: pl.DataFrame, means: Means) -> Mapping[str, Measured]:
        main = {task.name: self._main(task, found, means) for task in self.tasks}
        by_type: dict[str, list[Measured]] = {}
        for task in self.tasks:
            by_type.setdefault(task.type, []).append(main[task.name])
        return {
            "mean_task": _mean(list(main.values())),
            "mean_task_type": _mean([_mean(of_type) for of_type in by_type.values()]),
        }

    def _main(self, task: MtebTask, found: pl.DataFrame, means: Means) -> Measured:
        own = found.filter(pl.col(_MEMBER) == task.name).drop(_MEMBER)
        (judgement,) = task.measure([own[[column.name for column in own if column.null_count() < len(own)]]], means)
        return judgement.measured[task.measures[0]]


def read_mteb(name: str, source: str, reading: Reading) -> MtebTask | MtebMean:
    """A task or a benchmark of mteb; its data is loaded when it is first needed, local rows are read now.

    Args:
        name: The task as the user named it.
        source: What stands behind `mteb:`.
        reading: Which folders stand in for the hub's data.

    Raises:
        MissingExtraError: mteb is not installed.
        OptionsError: mteb knows no such name, or local files cannot stand in for it.
        FileError, FrameError: local files are missing or do not hold what the task needs.
    """
    asked = find(source)
    with quiet_mteb():
        tasks = tuple(_read(task, reading) for task in asked.tasks)
    return MtebMean(f"mteb:{asked.name}", tasks) if asked.benchmark else tasks[0]


def each_task(task: Task) -> tuple[Task, ...]:
    """The tasks that stand in a table for one that was named: a benchmark's own tasks, and itself last."""
    return (*task.tasks, task) if isinstance(task, MtebMean) else (task,)


def _read(task: Any, reading: Reading) -> MtebTask:
    name = task.metadata.name
    # Names that stsb and its like bear here come in lower case.
    spelt = (f"mteb:{name}", name, name.lower())
    folder = next((reading.task_data[one] for one in spelt if one in reading.task_data), None)
    local = None if folder is None else read_local(task, folder, reading.columns)
    return MtebTask(MtebRun(task, local), str(task.metadata.type))


def _mean_draws(measure: str, values: Sequence[float], items: Sequence[Found]) -> Array | None:
    """The mean over splits and subsets, None unless in each the items give mteb's value again."""
    drawn = []
    for value, found in zip(values, items, strict=True):
        whole, draws = found.get(measure, (float("nan"), None))
        if draws is None or not abs(whole - value) <= _ROUNDING + 1e-5:
            return None
        drawn.append(draws)
    return np.asarray(np.mean(drawn, axis=0), dtype=np.float64)


def _mean(measured: Sequence[Measured]) -> Measured:
    draws = [one.draws for one in measured]
    known = [one for one in draws if one is not None]
    mean = np.asarray(np.mean(known, axis=0), dtype=np.float64) if len(known) == len(draws) else None
    return Measured(float(np.mean([one.value for one in measured])), mean)


def _seed(seed: int, name: str, place: int) -> int:
    """Tasks, splits and subsets are resampled independently of each other."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name} {place}".encode()).digest()[:8], "big")
