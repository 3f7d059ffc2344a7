"""Bringing a stage up to date: refusals first, then inputs, then the work, its outputs and their manifest."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pairforge.errors import FrameError, StageError
from pairforge.execution.case import Case
from pairforge.execution.executors import Executor
from pairforge.execution.inputs import ReadInputs, read_inputs
from pairforge.execution.ledger import Ledger
from pairforge.execution.manifest import (
    Manifest,
    counted_in,
    installed_versions,
    manifest_path,
    quantiles_in,
    read_manifest,
)
from pairforge.execution.outputs import (
    can_be_placed,
    check_writable,
    finish_outputs,
    place_outputs,
    placed_outputs,
    refuse_empty,
    results_by_name,
)
from pairforge.execution.row_wise import run_in_parts
from pairforge.execution.step import StepContext, StepResult
from pairforge.execution.workspace import Workspace
from pairforge.files import Rows
from pairforge.generators import FoundModel
from pairforge.models import ModelKind
from pairforge.progress import Progress


@dataclass(frozen=True)
class Means:
    """What a job works with; nothing of it may change its outputs."""

    cache: Path
    progress: Progress
    part_rows: int
    executor: Executor
    load: Callable[[FoundModel], object]
    say: Callable[[str], None]


def bring_up_to_date(case: Case, means: Means, *, overwrite: bool, resume: bool) -> Manifest:
    """Do what a stage has to do, from where an earlier run left it or, without `resume`, from the start.

    Raises:
        StageError: an output would be overwritten unasked, cannot be written, or would be empty.
        FileError, FrameError, ModelError: an input or a model is missing or wrong.
    """
    check_writable(case.paths, case.outputs)
    workspace = Workspace(case.main, case.origin.fingerprint)
    finished = _finished(case, workspace, means.cache) if resume else None
    _refuse_overwriting(
        case, placed_outputs(finished, case.paths, means.cache) if finished else (), overwrite=overwrite
    )
    if finished:
        with workspace.held():
            return _put_in_place(case, finished, workspace)
    read = read_inputs(case.stage.step, case.stage.options, case.inputs)
    with workspace.held():
        if not resume:
            workspace.restart()
        return _put_in_place(case, _work(case, means, read, workspace), workspace)


def _finished(case: Case, workspace: Workspace, cache: Path) -> Manifest | None:
    manifest = read_manifest(workspace.manifest)
    return manifest if manifest and can_be_placed(manifest, case.paths, workspace, cache) else None


def _put_in_place(case: Case, manifest: Manifest, workspace: Workspace) -> Manifest:
    place_outputs(case.paths, workspace)
    manifest.write(manifest_path(case.main))
    workspace.discard()
    return manifest


def _refuse_overwriting(case: Case, placed: Collection[str], *, overwrite: bool) -> None:
    unknown = case.made is None
    for name, path in case.existing.items():
        # Whole folders of unknown making are never removed, whatever was typed after -o.
        allowed = overwrite and not (unknown and path.is_dir())
        if allowed or name in placed or not (name in case.edited or case.changes):
            continue
        if unknown:
            found = "exists, and no manifest says that this step made it"
        elif case.changes:
            found = f"was made otherwise ({'; '.join(case.changes)})"
        else:
            found = "was edited since it was made"
        mend = "Remove it yourself" if unknown and path.is_dir() else "Give --overwrite to replace it"
        raise StageError(f"{path}: {found}. {mend}, or name another place with -o.")


def _work(case: Case, means: Means, read: ReadInputs, workspace: Workspace) -> Manifest:
    started, clock = datetime.now(UTC), time.perf_counter()
    context = StepContext(
        cache=means.cache,
        ledger=Ledger(notes=list(read.guesses)),
        progress=means.progress,
        say=means.say,
        workspace=workspace.for_step,
        origin=case.origin,
        output=case.main,
    )
    try:
        with _naming_files(case):
            result = _run_step(case, means, read, context, workspace)
        results = results_by_name(result, case.outputs, case.stage.step.name)
        refuse_empty(results, read.main_rows, context.ledger, case.stage.step.name)
        records = finish_outputs(results, case.paths, case.outputs, workspace, means.cache)
    except (StageError, FrameError):
        workspace.discard()
        raise
    manifest = Manifest(
        fingerprint=case.origin.fingerprint,
        origin=case.origin,
        outputs=records,
        rows_in=read.rows,
        counted=counted_in(context.ledger),
        quantiles=quantiles_in(context.ledger),
        seconds=round(time.perf_counter() - clock, 3),
        started=started,
        finished=datetime.now(UTC),
        versions=installed_versions(),
    )
    manifest.write(workspace.manifest)
    return manifest


@contextmanager
def _naming_files(case: Case) -> Iterator[None]:
    """Let a step's complaint about an input begin with its file: a step knows the role alone."""
    try:
        yield
    except FrameError as error:
        role, colon, complaint = str(error).partition(": ")
        if colon and role in case.inputs:
            raise FrameError(f"{case.inputs[role].place}: {complaint}") from error
        raise


def _run_step(
    case: Case, means: Means, read: ReadInputs, context: StepContext, workspace: Workspace
) -> StepResult | Rows:
    step, options = case.stage.step, case.stage.options

    def load_models() -> dict[str, object]:
        return {role: _loaded(case, role, means.load) for role in step.models}

    step.previewed(
        options, read.by_role, case.stage.models
    )  # Loading may take minutes, and what cannot be asked is known before.
    if step.row_wise is None:
        return step.run(**read.by_role, **load_models(), options=options, context=context)
    return run_in_parts(
        step.row_wise,
        read.by_role,
        load_models,
        options=options,
        context=context,
        label=step.name,
        folder=workspace.folder,
        part_rows=means.part_rows,
        executor=means.executor,
    )


def _loaded(case: Case, role: str, load: Callable[[FoundModel], object]) -> object:
    if role not in case.specs:
        return None
    wanted = case.stage.step.models[role]
    models = [spec if wanted.kind is ModelKind.WEIGHTS else load(spec) for spec in case.specs[role]]
    return models if wanted.many else models[0]
