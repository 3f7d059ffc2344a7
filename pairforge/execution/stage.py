"""A stage: one step over files, up to date or run, resumed where it was killed, and accounted for in a manifest.

The order in a run is: digests, models found, freshness, refusals, inputs read and checked; only then models loaded
and work done. Outputs are finished in a workspace beside the main one and moved into place at the end; the manifest is
written last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pairforge.cache import cache_folder
from pairforge.errors import Stopped
from pairforge.execution.case import Case, Freshness, Stage, look_up
from pairforge.execution.executors import Executor, LocalExecutor
from pairforge.execution.inputs import FileInput
from pairforge.execution.job import Means, bring_up_to_date
from pairforge.execution.ledger import Ledger
from pairforge.execution.manifest import Manifest, quantiles_in
from pairforge.execution.parts import PART_ROWS
from pairforge.execution.workspace import Workspace
from pairforge.generators import FoundModel
from pairforge.progress import Progress, silent

__all__ = ["PART_ROWS", "FileInput", "Freshness", "Outcome", "Stage", "check_stage", "run_stage"]


@dataclass(frozen=True)
class Outcome:
    """What a stage did, or had done before.

    Args:
        status: Whether it worked now.
        outputs: Output name → path, the main one first.
        rows_in: Rows read, by input role.
        rows_out: Rows written, by output name, of the frames.
        ledger: What was counted when the work was done.
        seconds: How long the work took when it was done.
        notes: Sentences for the user.
        models: Model role → the models used.
    """

    status: Literal["done", "up to date"]
    outputs: Mapping[str, Path]
    rows_in: Mapping[str, int]
    rows_out: Mapping[str, int]
    ledger: Ledger
    seconds: float
    notes: tuple[str, ...]
    models: Mapping[str, tuple[FoundModel, ...]]

    def to_json(self) -> dict[str, Any]:
        """The same for machines, in JSON types."""
        return {
            "status": self.status,
            "outputs": {name: str(path) for name, path in self.outputs.items()},
            "rows_in": dict(self.rows_in),
            "rows_out": dict(self.rows_out),
            "dropped": self.ledger.dropped,
            "counts": self.ledger.counts,
            "quantiles": quantiles_in(self.ledger),
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
            "models": {
                role: [{"name": spec.name, "source": spec.source, "digest": spec.digest} for spec in specs]
                for role, specs in self.models.items()
            },
        }


def check_stage(stage: Stage, *, cache: Path | None = None) -> Freshness:
    """Whether a stage has anything to do, and why; nothing is read but digests, nothing heavy is imported.

    Raises:
        FileError: an input cannot be found.
        ModelError: a model cannot be found.
        StageError: the stage cannot run as it is given.
    """
    return look_up(stage, cache or cache_folder()).freshness


def run_stage(
    stage: Stage,
    *,
    cache: Path,
    overwrite: bool = False,
    resume: bool = True,
    progress: Progress = silent,
    part_rows: int = PART_ROWS,
    executor: Executor | None = None,
    load: Callable[[FoundModel], object] | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Outcome:
    """Bring a stage's outputs up to date.

    A run that was killed goes on where it was: finished parts, and whatever the step keeps in its workspace and cache,
    are not made twice. Part size, executor and kills never change a byte of the outputs.

    Args:
        stage: What is run.
        cache: The folder of the caches that all commands share.
        overwrite: Whether existing outputs of another making may be replaced.
        resume: Whether to go on from the parts and checkpoints of a run that was stopped; they are forgotten if not.
        progress: Shows how far the work is.
        part_rows: Rows in one part, for steps whose rows are independent.
        executor: Works on the parts; this process if None.
        load: Loads a model; `engines.loading.load` if None.
        say: Told what a step has to say before it works.

    Raises:
        Stopped: Ctrl-C.
        StageError: an output would be overwritten unasked, cannot be written, or would be empty.
        FileError, FrameError, ModelError: an input or a model is missing or wrong.
    """
    with _stoppable(stage.step.name):
        case = look_up(stage, cache)
        if case.made and case.freshness.up_to_date:
            Workspace(case.main, case.origin.fingerprint).discard_leftovers()
            return _outcome(case, case.made, "up to date")
        means = Means(cache, progress, part_rows, executor or LocalExecutor(), load or _load, say)
        return _outcome(case, bring_up_to_date(case, means, overwrite=overwrite, resume=resume), "done")


def _outcome(case: Case, manifest: Manifest, status: Literal["done", "up to date"]) -> Outcome:
    ledger = manifest.ledger
    return Outcome(
        status=status,
        outputs=case.paths,
        rows_in=manifest.rows_in,
        rows_out=manifest.rows_out,
        ledger=ledger,
        seconds=manifest.seconds,
        notes=tuple(ledger.notes),
        models=case.specs,
    )


@contextmanager
def _stoppable(name: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(
            f"Stopped in stage {name}; finished parts are kept: run the same command again to go on."
        ) from None


def _load(spec: FoundModel) -> object:
    from pairforge.engines.loading import load  # noqa: PLC0415 - heavy, and only wanted when work is left

    return load(spec)
