"""The outputs of a stage: where they go, whether they may go there, and how they get there whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pairforge.counted import counted
from pairforge.errors import FileError, StageError
from pairforge.execution.inputs import FileInput
from pairforge.execution.ledger import Ledger
from pairforge.execution.manifest import Manifest, OutputRecord
from pairforge.execution.step import Artifact, Output, Outputs, Step, StepOptions, StepResult
from pairforge.execution.workspace import Workspace
from pairforge.files import Rows, atomic_path, default_output, digest_path, type_fault, write_frame
from pairforge.files.formats import format_of, suffix_of
from pairforge.frames import ColumnKind

_OTHER_FORMATS = (".csv", ".json", ".jsonl", ".md", ".parquet", ".tsv")
_LISTS = (ColumnKind.TEXTS, ColumnKind.LABELS, ColumnKind.SCORES)


def output_paths(
    step: Step, options: StepOptions, inputs: Mapping[str, FileInput], named: Mapping[str, Path]
) -> dict[str, Path]:
    """Output name → path, the main one first.

    A main output that is not named goes beside the first input; the others beside the main one, as
    `<its stem>.<output name><suffix>`.

    Raises:
        StageError: the main output has no place, two outputs have one, or a name is no output of these options.
    """
    outputs = step.outputs(options)
    unknown = [name for name in named if name not in outputs]
    if unknown:
        raise StageError(f"{step.name}: has no output '{unknown[0]}' (it has: {', '.join(outputs)}).")
    main_name = next(iter(outputs))
    main = named[main_name] if main_name in named else _default_main(step, options, outputs[main_name], inputs)
    paths = {
        name: named[name] if name in named else main if name == main_name else _beside(main, name, outputs)
        for name in outputs
    }
    if len({path.absolute() for path in paths.values()}) < len(paths):
        raise StageError(f"{main}: is the place of two outputs ({', '.join(paths)}). Give each its own.")
    return {name: path.expanduser() for name, path in paths.items()}


def _default_main(step: Step, options: StepOptions, output: Output, inputs: Mapping[str, FileInput]) -> Path:
    given = next(iter(inputs.values()), None)
    if given is None:
        raise StageError(f"{step.name}: has no file to name its output after. Name the output with -o.")
    return default_output(given.sources, output.suffix if isinstance(output, Artifact) else step.suffix_of(options))


def _beside(main: Path, name: str, outputs: Outputs) -> Path:
    main_output, output = next(iter(outputs.values())), outputs[name]
    main_suffix = main_output.suffix if isinstance(main_output, Artifact) else suffix_of(main)
    frame_suffix = ".parquet" if isinstance(main_output, Artifact) else main_suffix
    suffix = output.suffix if isinstance(output, Artifact) else frame_suffix
    stem = main.name[: -len(main_suffix)] if main_suffix and main.name.lower().endswith(main_suffix) else main.name
    return main.with_name(f"{stem}.{name}{suffix}")


def check_writable(paths: Mapping[str, Path], outputs: Outputs) -> None:
    """Find out, before any work, whether the outputs can be written.

    Raises:
        FileError: a suffix names no format that can be written.
        StageError: a folder stands where a file should go or the reverse, the format cannot hold the columns, another
            format is named than is written, or the place is closed to this user.
    """
    for name, path in paths.items():
        output = outputs[name]
        folder = isinstance(output, Artifact) and output.folder
        if path.exists() and path.is_dir() != folder:
            there, wanted = ("folder", "file") if path.is_dir() else ("file", "folder")
            raise StageError(f"{path}: is a {there}, but a {wanted} is to be written. Name another place with -o.")
        if isinstance(output, Artifact):
            _check_ending(path, output)
        else:
            _check_format(path, holds_lists=any(column.kind in _LISTS for column in output.columns))
        _check_parent(path)


def _check_ending(path: Path, output: Artifact) -> None:
    ending = path.suffix.lower()
    if not output.folder and ending != output.suffix and ending in _OTHER_FORMATS:
        raise StageError(f"{path}: what is written there is {output.suffix}, not {ending}. Give it that ending.")


def _check_format(path: Path, *, holds_lists: bool) -> None:
    written_as = format_of(path)
    if written_as.write is None:
        raise StageError(f"{path}: .json is read, but not written. Write .jsonl or .parquet.")
    if holds_lists and written_as.separator:
        raise StageError(f"{path}: {written_as.family} cannot hold lists. Write .parquet or .jsonl.")


def _check_parent(path: Path) -> None:
    parent = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not parent.is_dir():
        raise StageError(f"{path}: cannot be written, because {parent} is no folder. Name another place with -o.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise StageError(
            f"{path}: cannot be written, because the folder {parent} is closed to this user. "
            "Name another place with -o."
        )


Result = Rows | Path
"""One output as it was made: rows that are in memory or lie in parts, or what a step wrote."""


def results_by_name(result: StepResult | Rows, outputs: Outputs, step_name: str) -> dict[str, Result]:
    """What a step returned, by output name.

    Raises:
        TypeError: the step returned something else than its record promises.
    """
    named = dict(result) if isinstance(result, Mapping) else {next(iter(outputs)): result}
    if set(named) != set(outputs):
        raise TypeError(f"step {step_name} promises {', '.join(outputs)}, but it returned {', '.join(named)}")
    for name, output in outputs.items():
        wanted, shown = (Path, "Path") if isinstance(output, Artifact) else (Rows, "DataFrame")
        if not isinstance(named[name], wanted):
            raise TypeError(f"step {step_name} should return a {shown} as {name}")
    return {name: named[name] for name in outputs}


def refuse_empty(results: Mapping[str, Result], rows_in: int, ledger: Ledger, step_name: str) -> None:
    """Refuse a frame without rows.

    Raises:
        StageError: naming how many input rows were dropped and why.
    """
    empty = [name for name, made in results.items() if not isinstance(made, Path) and not made.height]
    if not empty:
        return
    reasons = ", ".join(f"{reason.replace('_', ' ')}: {rows:,}" for reason, rows in ledger.dropped.items())
    where = f" for its output '{empty[0]}'" if len(results) > 1 else ""
    raise StageError(
        f"{step_name}: kept none of {counted(rows_in, 'row')}{where}{f' ({reasons})' if reasons else ''}, "
        "so nothing was written. Loosen its options or look at the input."
    )


def finish_outputs(
    results: Mapping[str, Result],
    paths: Mapping[str, Path],
    outputs: Outputs,
    workspace: Workspace,
    cache: Path,
) -> dict[str, OutputRecord]:
    """Check results against their contracts and lay them ready in the workspace, in their final format.

    Raises:
        FrameError: a frame breaks its contract.
        StageError: a format cannot hold a frame's columns.
        FileError: an output cannot be written.
    """
    main_folder = next(iter(paths.values())).parent
    records = {}
    for name, result in results.items():
        output, ready = outputs[name], workspace.finished(name, paths[name])
        path = os.path.relpath(paths[name], main_folder)
        if isinstance(result, Path) or isinstance(output, Artifact):
            records[name] = OutputRecord(path=path, digest=_finish_artifact(Path(str(result)), ready, cache))
        else:
            rows = output.check_rows(result, f"the output {name}")
            if fault := type_fault(rows.schema, paths[name]):
                raise StageError(fault)
            digest = write_frame(rows, ready)
            records[name] = OutputRecord(path=path, digest=digest, rows=rows.height, columns=tuple(rows.schema))
    return records


def _finish_artifact(made: Path, ready: Path, cache: Path) -> str:
    with atomic_path(ready) as temporary:
        shutil.move(made, temporary)
    return digest_path(ready, cache=cache)


def placed_outputs(manifest: Manifest, paths: Mapping[str, Path], cache: Path) -> set[str]:
    """The names of the outputs that are in place as the manifest says."""
    return {
        name
        for name, path in paths.items()
        if name in manifest.outputs and _holds(path, manifest.outputs[name].digest, cache)
    }


def can_be_placed(manifest: Manifest, paths: Mapping[str, Path], workspace: Workspace, cache: Path) -> bool:
    """Whether every output of a finished stage is in place or lies ready in the workspace."""
    placed = placed_outputs(manifest, paths, cache)
    return set(manifest.outputs) == set(paths) and all(
        name in placed or _holds(workspace.finished(name, path), manifest.outputs[name].digest, cache)
        for name, path in paths.items()
    )


def _holds(path: Path, digest: str, cache: Path) -> bool:
    return path.exists() and digest_path(path, cache=cache) == digest


def place_outputs(paths: Mapping[str, Path], workspace: Workspace) -> None:
    """Move the outputs that lie ready into place; a kill leaves the old or the new, or the new one still ready.

    Raises:
        FileError: a place cannot be written; the outputs stay ready.
    """
    for name, path in paths.items():
        ready = workspace.finished(name, path)
        if ready.exists():
            try:
                _place(ready, path, workspace.replaced(name, path))
            except OSError as error:
                raise FileError(
                    f"{path}: cannot be written ({error.strerror}). Mend that and run the same command again."
                ) from error


def _place(ready: Path, target: Path, aside: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _swap(ready, target, aside)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(ready, target)


def _swap(ready: Path, target: Path, aside: Path) -> None:
    if target.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        target.rename(aside)
    ready.replace(target)


def _copy(ready: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        if ready.is_dir():
            shutil.copytree(ready, temporary)
        else:
            shutil.copy(ready, temporary)
