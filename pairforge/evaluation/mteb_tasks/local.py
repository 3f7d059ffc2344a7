"""Local files in place of what mteb would load from the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from pairforge.errors import FileError, OptionsError
from pairforge.evaluation.mteb_tasks.beir import read_beir
from pairforge.evaluation.mteb_tasks.files import as_dataset, part_of
from pairforge.evaluation.mteb_tasks.kinds import (
    CLASSIFICATION,
    CLUSTERING,
    PAIRS,
    RERANKING,
    RETRIEVAL,
    STS,
    kind_of,
    needed,
)
from pairforge.evaluation.mteb_tasks.library import load_mteb
from pairforge.files import digest_path, read_frame
from pairforge.frames import LABELLED_PAIR, LABELLED_TEXT, SCORED_PAIR, FrameContract, adopt


@dataclass(frozen=True)
class LocalRows:
    """The rows of a task from a folder.

    Args:
        folder: The folder, as it was named.
        digest: SHA-256 of all files in it.
        dataset: As the task holds its rows: subset → split → rows.
        guesses: What was guessed in reading them, and what differs from mteb's own way.
    """

    folder: str
    digest: str
    dataset: Mapping[str, Mapping[str, Any]]
    guesses: tuple[str, ...]

    def lend(self, task: Any) -> None:
        """Let the task run on these rows."""
        task.dataset = {subset: dict(splits) for subset, splits in self.dataset.items()}
        task.hf_subsets = list(self.dataset)
        task.data_loaded = True


def read_local(task: Any, folder: str, columns: Mapping[str, str]) -> LocalRows:
    """The rows of one of mteb's tasks from a folder; of a task of several subsets, a folder for each inside it.

    Args:
        task: mteb's task.
        folder: Where the files are.
        columns: Contract column → the files' own name, where one is given.

    Raises:
        OptionsError: local files cannot stand in for a task of this kind.
        FileError: the folder or a file is missing.
        FrameError: a file does not hold what the task needs.
    """
    kind, name = kind_of(task), task.metadata.name
    if not kind.local:
        known = ", ".join(one.name for one in (CLASSIFICATION, STS, PAIRS, CLUSTERING, RETRIEVAL, RERANKING))
        raise OptionsError(
            f"--task-data {name}={folder}: local files can stand in for tasks of {known}, but {name} is one of "
            f"{kind.name}; leave the option out, and mteb loads the task's own data from the hub."
        )
    root = Path(folder).expanduser()
    if not root.is_dir():
        what = "is a file" if root.exists() else "there is no such folder"
        raise FileError(f"{folder}: {what}, but mteb:{name} wants a folder with {needed(task)}. Check the path.")
    told: list[str] = []
    folders = _subset_folders(task, root, told)
    reader, read = _Reader(task, columns, told), _READERS[kind.name]
    dataset = {subset: read(reader, place) for subset, place in folders.items()}
    if "dataset_transform" in _defined(type(task)) and kind not in (RETRIEVAL, RERANKING):
        told.append(
            f"mteb:{name}: mteb prepares the hub's rows of this task in a way of its own; local rows are all taken"
        )
    return LocalRows(folder, digest_path(root), dataset, tuple(told))


def _defined(task_class: type) -> set[str]:
    """What the task's class defines itself, or takes from a base that is not one of mteb's kinds."""
    own = [one for one in task_class.__mro__ if ".tasks." in one.__module__]
    return {attribute for one in own for attribute in vars(one)}


def _subset_folders(task: Any, root: Path, told: list[str]) -> dict[str, Path]:
    subsets = list(task.hf_subsets)
    there = {subset: root / subset for subset in subsets if (root / subset).is_dir()}
    if len(subsets) == 1:
        return there or {subsets[0]: root}
    if not there:
        raise FileError(
            f"{root}: mteb:{task.metadata.name} has the subsets {_listed(subsets)}, but there is no folder of such a "
            "name; put the files of each subset into a folder of its name."
        )
    if len(there) < len(subsets):
        absent = [subset for subset in subsets if subset not in there]
        told.append(
            f"mteb:{task.metadata.name}: the subsets {_listed(absent)} are not in {root} and left out of the mean"
        )
    return there


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


@dataclass(frozen=True)
class _Reader:
    """Reads the files of one task.

    Args:
        task: mteb's task.
        columns: Contract column → the files' own name, where one is given.
        told: Takes what was guessed.
    """

    task: Any
    columns: Mapping[str, str]
    told: list[str]

    def frame(self, folder: Path, split: str, shape: FrameContract, scale: float | None = None) -> pl.DataFrame:
        path = part_of(folder, split, f"mteb:{self.task.metadata.name} needs {needed(self.task)}")
        wanted = {column.name for column in shape.columns}
        named = {column: own for column, own in self.columns.items() if column in wanted}
        adopted = adopt(read_frame(path), (_with_flags(shape),), str(path), columns=named, score_scale=scale)
        self.told.extend(adopted.guesses)
        return adopted.frame


def _with_flags(shape: FrameContract) -> FrameContract:
    """As errors should have it: `evaluate` has a flag for every column of pairs, but none for a text."""
    return FrameContract(shape.name, tuple(replace(one, has_flag=one.name != "text") for one in shape.columns))


def _classified(reader: _Reader, folder: Path) -> dict[str, Any]:
    return _labelled(reader, folder, dict.fromkeys([reader.task.train_split, *reader.task.eval_splits]))


def _clustered(reader: _Reader, folder: Path) -> dict[str, Any]:
    rows = _labelled(reader, folder, reader.task.eval_splits)
    if not isinstance(reader.task, load_mteb().abstasks.AbsTaskClusteringLegacy):
        return rows
    reader.told.append(f"mteb:{reader.task.metadata.name}: all rows of a split are clustered as one set of texts")
    return {split: as_dataset(found.to_polars().select(pl.all().implode())) for split, found in rows.items()}


def _labelled(reader: _Reader, folder: Path, splits: Iterable[str]) -> dict[str, Any]:
    frames = {split: reader.frame(folder, split, LABELLED_TEXT) for split in splits}
    names = sorted({name for frame in frames.values() for name in frame["label"]})
    # Numbers keep their order: of two classes the greater counts as the one to find.
    numbers = all(map(str.isdecimal, names))
    codes = {name: int(name) if numbers else code for code, name in enumerate(names)}
    return {
        split: as_dataset(
            frame.select(
                pl.col("text").alias(reader.task.input_column_name),
                pl.col("label").replace_strict(codes, return_dtype=pl.Int64).alias(reader.task.label_column_name),
            )
        )
        for split, frame in frames.items()
    }


def _scored_pairs(reader: _Reader, folder: Path) -> dict[str, Any]:
    first, second = reader.task.column_names
    # The scale decides nothing: correlations do not change with it.
    span = float(reader.task.max_score)
    columns = (pl.col("sentence1").alias(first), pl.col("sentence2").alias(second), pl.col("score") * span)
    return {
        split: as_dataset(reader.frame(folder, split, SCORED_PAIR, span).select(*columns))
        for split in reader.task.eval_splits
    }


def _labelled_pairs(reader: _Reader, folder: Path) -> dict[str, Any]:
    task = reader.task
    own = {"sentence1": task.input1_column_name, "sentence2": task.input2_column_name, "label": task.label_column_name}
    columns = [pl.col(ours).alias(theirs) for ours, theirs in own.items()]
    return {
        split: as_dataset(reader.frame(folder, split, LABELLED_PAIR).select(*columns)) for split in task.eval_splits
    }


def _retrieved(reader: _Reader, folder: Path) -> dict[str, Any]:
    return read_beir(reader.task, folder, reader.told)


_READERS: Mapping[str, Callable[[_Reader, Path], dict[str, Any]]] = {
    CLASSIFICATION.name: _classified,
    CLUSTERING.name: _clustered,
    STS.name: _scored_pairs,
    PAIRS.name: _labelled_pairs,
    RETRIEVAL.name: _retrieved,
    RERANKING.name: _retrieved,
}
