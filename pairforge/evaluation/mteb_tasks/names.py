"""What a name asks of mteb: one task, or a benchmark of several."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import Any

from pairforge.errors import OptionsError
from pairforge.evaluation.mteb_tasks.library import load_mteb, quiet_mteb


@dataclass(frozen=True)
class Asked:
    """What a name stands for.

    Args:
        name: As mteb has it.
        tasks: One of mteb's tasks, or all those of a benchmark.
        benchmark: Whether the name is a benchmark's (or that of a task that is the mean of others).
    """

    name: str
    tasks: tuple[Any, ...]
    benchmark: bool


def find(name: str) -> Asked:
    """Look a name up among mteb's benchmarks and tasks.

    Raises:
        MissingExtraError: mteb is not installed.
        OptionsError: there is no such name, or what it names reads more than texts.
    """
    mteb = load_mteb()
    with quiet_mteb():
        asked = _benchmark(mteb, name) or _task(mteb, name)
    if asked is None:
        raise OptionsError(f"mteb:{name}: mteb knows no such task or benchmark{_nearest(mteb, name)}.")
    for task in asked.tasks:
        kinds = [kind for kind in task.metadata.modalities if kind != "text"]
        if kinds:
            raise OptionsError(
                f"mteb:{name}: {task.metadata.name} holds more than texts ({', '.join(kinds)}), and pairforge judges "
                "models of texts; name a task of texts."
            )
    return asked


def _benchmark(mteb: Any, name: str) -> Asked | None:
    try:
        found = mteb.get_benchmark(name)
    except KeyError:
        return None
    return Asked(found.name, tuple(_single_tasks(found.tasks)), benchmark=True)


def _task(mteb: Any, name: str) -> Asked | None:
    try:
        task = mteb.get_task(name)
    except KeyError:
        return None
    return Asked(task.metadata.name, tuple(_single_tasks([task])), benchmark=bool(task.is_aggregate))


def _single_tasks(tasks: Any) -> list[Any]:
    return [one for task in tasks for one in (_single_tasks(task.metadata.tasks) if task.is_aggregate else [task])]


def _nearest(mteb: Any, name: str) -> str:
    # The module; the package shows the function of that name in its place.
    tasks = importlib.import_module("mteb.get_tasks").TASK_LIST
    known = {one.metadata.name for one in tasks} | {one.name for one in mteb.get_benchmarks()}
    by_lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
    return f" (nearest names: {', '.join(by_lower[one] for one in near)})" if near else ""
