"""Runs mteb's tasks, and keeps what came out by all that decides it: nothing is run twice, nothing stale is met."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pairforge.errors import FileError, ModelError, PairforgeError
from pairforge.evaluation.judged import Judged
from pairforge.evaluation.mteb_tasks.adapter import adapted, model_meta, refuse_without_vectors
from pairforge.evaluation.mteb_tasks.items import item_rows
from pairforge.evaluation.mteb_tasks.kinds import kind_of, needed, searches
from pairforge.evaluation.mteb_tasks.library import load_mteb, quiet_mteb
from pairforge.evaluation.mteb_tasks.local import LocalRows
from pairforge.execution.step import StepContext
from pairforge.files import read_json, write_frame
from pairforge.quoting import quotable

SPLIT, SUBSET, VALUE = "split", "subset", "value:"
"""Columns of what is kept: where an item belongs, and mteb's scores of that split and subset by `value:NAME`."""

_VERSION = 1
"""Of how models are shown to mteb and items are kept."""


@dataclass(frozen=True)
class MtebRun:
    """One of mteb's tasks, on its own data or on local rows.

    Args:
        template: mteb's task; each run makes its like anew, for a task draws random numbers as it goes.
        local: Local rows in place of its own.
    """

    template: Any
    local: LocalRows | None

    @property
    def name(self) -> str:
        """As mteb has it."""
        return str(self.template.metadata.name)

    def __call__(self, model: Judged, context: StepContext) -> pl.DataFrame:
        """mteb's scores of a model, and what it predicted of each item where mteb tells.

        Returns:
            One row an item, or one a subset and split where nothing is known of items: `split`, `subset`, mteb's
            scores of these (`value:accuracy` …), and the item's columns as `item_rows` has them.

        Raises:
            ModelError: the model cannot do the task.
            FileError: the task's data can neither be loaded nor is it here.
        """
        if not searches(self.template):
            refuse_without_vectors(model, f"mteb:{self.name}", kind_of(self.template))
        with quiet_mteb():
            task, meta = self._task(), model_meta(model)
            folder = context.cache / "mteb" / self._key(task)
            kept = folder / "items" / model.identity / f"{self.name}.parquet"
            results = load_mteb().ResultCache(folder)
            known = results.load_task_result(self.name, meta)
            if known is not None and kept.is_file() and not known.get_missing_evaluations(task):
                return _with_scores(pl.read_parquet(kept), known)
            return self._run(task, model, context, results, kept)

    def _task(self) -> Any:
        task = type(self.template)()
        task.filter_eval_splits(list(self.template.eval_splits))
        task.hf_subsets = list(self.template.hf_subsets)
        if self.local is not None:
            self.local.lend(task)
        return task

    def _key(self, task: Any) -> str:
        """Digest of all but the model that decides the results; mteb itself files them by model and task."""
        told = {
            "task": self.name,
            "splits": list(task.eval_splits),
            "subsets": list(task.hf_subsets),
            "data": self.local.digest if self.local else task.metadata.dataset["revision"],
            "local": self.local is not None,
            "mteb": load_mteb().__version__,
            "version": _VERSION,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]

    def _run(self, task: Any, model: Judged, context: StepContext, results: Any, kept: Path) -> pl.DataFrame:
        self._load(task)
        written = kept.with_suffix(".predictions")
        # What mteb did before it was stopped counts only with the predictions that go with it.
        resumed = "only-missing" if written.is_dir() else "always"
        result = self._evaluate(task, adapted(model, context), results, written, resumed)
        predicted = _read_predictions(written, task.prediction_file_name)
        items = list(_cells(task, result.scores, predicted))
        write_frame(pl.concat(items, how="diagonal_relaxed"), kept)
        shutil.rmtree(written, ignore_errors=True)
        return _with_scores(pl.read_parquet(kept), result)

    def _load(self, task: Any) -> None:
        try:
            task.load_data()
            if searches(task):
                task.convert_v1_dataset_format_to_v2(num_proc=None)
        except (OSError, ValueError, RuntimeError) as error:
            path, wanted = task.metadata.dataset["path"], needed(task)
            mend = (
                f"put {wanted} into a folder and name it: --task-data {self.name}=FOLDER"
                if wanted
                else "run it once where there is a network; local files cannot stand in for this kind of task"
            )
            raise FileError(
                f"mteb:{self.name}: its data, {path} of the hub, can neither be reached nor is it in the cache; {mend}."
            ) from error

    def _evaluate(self, task: Any, model: Any, results: Any, written: Path, overwrite: str) -> Any:
        written.mkdir(parents=True, exist_ok=True)
        try:
            found = load_mteb().evaluate(
                model,
                task,
                cache=results,
                co2_tracker=False,
                overwrite_strategy=overwrite,
                prediction_folder=written,
                show_progress_bar=False,
                encode_kwargs={"show_progress_bar": False, "batch_size": 32},
            )
        except PairforgeError:
            raise
        except (ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
            said = f"{type(error).__name__}: {quotable(str(error), ())}"
            raise ModelError(
                f"mteb:{self.name}: mteb could not run it on these rows ({said}); are there rows enough of every "
                "class, and two values at least?"
            ) from error
        return found.task_results[0]


def _read_predictions(folder: Path, name: str) -> Mapping[str, Any]:
    path = folder / name
    return read_json(path) if path.is_file() else {}


def _cells(task: Any, scores: Mapping[str, Any], predicted: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
    for split, subsets in scores.items():
        for found in subsets:
            subset = found["hf_subset"]
            items = item_rows(task, subset, split, predicted.get(subset, {}).get(split))
            place = [pl.lit(split).alias(SPLIT), pl.lit(subset).alias(SUBSET)]
            yield pl.select(*place) if items is None else items.with_columns(*place)


def _with_scores(items: pl.DataFrame, result: Any) -> pl.DataFrame:
    scores = pl.DataFrame(
        [
            {SPLIT: split, SUBSET: found["hf_subset"]} | {f"{VALUE}{name}": value for name, value in _scalars(found)}
            for split, subsets in result.scores.items()
            for found in subsets
        ]
    )
    return items.join(scores, on=[SPLIT, SUBSET], how="left", maintain_order="left")


def _scalars(scores: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in scores.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not math.isnan(value) and name != "main_score" and not name.startswith("nauc"):
            yield name, float(value)
