"""How the stages of a recipe hang together: references to each other's outputs, their order and their paths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from pairforge.errors import FrameError
from pairforge.execution.outputs import output_paths
from pairforge.execution.stage import FileInput, Stage
from pairforge.execution.step import Artifact, Output, StepOptions
from pairforge.frames import ColumnKind, FrameContract
from pairforge.generators import AnyRequest
from pairforge.option_faults import nearest_names
from pairforge.pipeline.faults import Faults, in_recipe_terms
from pairforge.pipeline.stage_table import Draft, Reference, reference_in


def in_order(drafts: Sequence[Draft], faults: Faults) -> list[Draft]:
    """The stages in the order of the file, but none before a stage whose output it uses; less those in a cycle."""
    waiting = {made.name: made for made in drafts}
    needs = {made.name: {r.stage for r in made.references()} & waiting.keys() for made in drafts}
    ordered: list[Draft] = []
    while ready := next((name for name in waiting if not needs[name] & waiting.keys()), None):
        ordered.append(waiting.pop(ready))
    if waiting:
        cycle = _cycle({name: [need for need in waiting if need in needs[name]] for name in waiting})
        faults.add("stages", f"{' → '.join(cycle)} wait for each other; let one of them read something else.")
    return ordered


def _cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The names of one cycle, from one of its stages to the same again; every stage here waits for another."""
    seen: list[str] = []
    name = next(iter(needs))
    while name not in seen:
        seen.append(name)
        name = needs[name][0]
    return [*seen[seen.index(name) :], name]


def paths_of(made: Draft, folder: Path) -> dict[str, Path]:
    """Output name → path: `<folder>/<stage><ending>`, and for further outputs `<folder>/<stage>.<output><ending>`."""
    main = next(iter(made.outputs))
    return output_paths(made.step, made.options, {}, {main: folder / f"{made.name}{made.ending}"})


def check_references(drafts: Sequence[Draft], stages: Iterable[str], faults: Faults) -> None:
    """Note references to stages and outputs that do not exist, or that hold something else than is wanted.

    Args:
        drafts: The stages that were understood.
        stages: The names of all stages; of one that was not understood, nothing more is said.
        faults: Where faults are noted.
    """
    known, names = {made.name: made for made in drafts}, list(stages)
    for made in drafts:
        for reference in made.references():
            _check_exists(made, reference, known, names, faults)
        for role, given in made.inputs.items():
            for source in given.sources:
                if (output := _output(reference_in(source), known)) is not None:
                    _check_corpus(made, role, source, given=given, output=output, faults=faults)
        for source in made.files_in_options:
            output = _output(reference_in(source), known)
            if isinstance(output, Artifact) and output.folder:
                faults.add(made.place, f"{source} is {_named(output)}, but a file was wanted.")
        for role, asked in made.models.items():
            for request in asked:
                output = _output(reference_in(request.name), known)
                if output is not None and not (isinstance(output, Artifact) and output.model):
                    flag = made.step.models[role].flag
                    faults.add(made.place, f"{flag}: {request.name} is {_named(output)}, but a model was wanted.")


def _check_exists(
    made: Draft, reference: Reference, known: Mapping[str, Draft], names: Sequence[str], faults: Faults
) -> None:
    if reference.stage not in names:
        others = [name for name in names if name != made.name]
        faults.add(made.place, f"there is no stage '{reference.stage}'; {nearest_names(reference.stage, others)}.")
    elif (outputs := _outputs(reference, known)) and reference.output not in (None, *outputs):
        nearest = nearest_names(str(reference.output), outputs)
        faults.add(made.place, f"stage '{reference.stage}' has no output '{reference.output}'; {nearest}.")


def _outputs(reference: Reference, known: Mapping[str, Draft]) -> Mapping[str, Output]:
    return known[reference.stage].outputs if reference.stage in known else {}


def _output(reference: Reference | None, known: Mapping[str, Draft]) -> Output | None:
    outputs = _outputs(reference, known) if reference else {}
    if not reference or not outputs:
        return None
    return outputs.get(next(iter(outputs)) if reference.output is None else reference.output)


def _check_corpus(made: Draft, role: str, source: str, *, given: FileInput, output: Output, faults: Faults) -> None:
    if isinstance(output, Artifact):
        faults.add(made.place, f"{role}: {source} is {_named(output)}, but a corpus was wanted.")
        return
    example = _example(output)
    # Columns beyond the contract travel with the rows, and may be the ones that are named; a contract without columns
    # says nothing of what will come.
    if example.columns and set(given.columns.values()) <= set(example.columns):
        try:
            given.adopt(example, made.wanted[role], f"{source} ({output.name})")
        except FrameError as error:
            faults.add(made.place, f"{role}: {in_recipe_terms(str(error))}")


def _named(output: Output) -> str:
    if isinstance(output, FrameContract):
        return f"a {output.name} corpus"
    return "a model" if output.model else f"a {output.suffix} file"


def _example(contract: FrameContract) -> pl.DataFrame:
    """A frame of one row that meets a contract."""
    columns = [column for column in contract.columns if column.required]
    return pl.DataFrame({column.shown_name: [_value(column.kind, column.minimum)] for column in columns})


def _value(kind: ColumnKind, minimum: float | None) -> Any:
    label, score = int(minimum or 0), float(minimum or 0)
    values = {ColumnKind.LABEL: label, ColumnKind.SCORE: score, ColumnKind.LABELS: [label], ColumnKind.SCORES: [score]}
    return values.get(kind, ["text"] if kind is ColumnKind.TEXTS else "text")


def linked(made: Draft, paths: Mapping[str, Mapping[str, Path]]) -> Stage:
    """The stage to execute: each reference replaced by the path at which that output lies.

    Args:
        made: The stage.
        paths: Stage → output name → path, of all stages.
    """
    return Stage(
        step=made.step,
        options=_with_paths(made, paths),
        inputs={
            role: replace(given, sources=tuple(_path(source, paths) for source in given.sources))
            for role, given in made.inputs.items()
        },
        models={role: tuple(_with_path(request, paths) for request in asked) for role, asked in made.models.items()},
        outputs=paths[made.name],
    )


def _with_paths(made: Draft, paths: Mapping[str, Mapping[str, Path]]) -> StepOptions:
    """The options, the path in place of a reference, whether it is a whole text or stands behind ":" or "=" in one."""
    replaced = {source: _path(source, paths) for source in made.files_in_options if reference_in(source)}
    if not replaced:
        return made.options

    def without_references(value: Any) -> Any:
        if isinstance(value, list):
            return [without_references(item) for item in value]
        if isinstance(value, str):
            for reference, path in replaced.items():
                if value == reference or value.endswith((f":{reference}", f"={reference}")):
                    return value.removesuffix(reference) + path
        return value

    computed = set(type(made.options).model_computed_fields)
    given = made.options.model_dump(mode="json", exclude_unset=True, exclude=computed)
    return type(made.options).model_validate({name: without_references(value) for name, value in given.items()})


def _with_path(request: AnyRequest, paths: Mapping[str, Mapping[str, Path]]) -> AnyRequest:
    return request.model_copy(update={"name": _path(request.name, paths)})


def _path(text: str, paths: Mapping[str, Mapping[str, Path]]) -> str:
    reference = reference_in(text)
    return text if reference is None else str(_output_path(reference, paths))


def _output_path(reference: Reference, paths: Mapping[str, Mapping[str, Path]]) -> Path:
    outputs = paths[reference.stage]
    return next(iter(outputs.values())) if reference.output is None else outputs[reference.output]


def needs_of(made: Draft, paths: Mapping[str, Mapping[str, Path]]) -> dict[str, tuple[Path, ...]]:
    """Stage whose outputs a stage uses → the paths of those outputs."""
    needs: dict[str, tuple[Path, ...]] = {}
    for reference in made.references():
        needs[reference.stage] = (*needs.get(reference.stage, ()), _output_path(reference, paths))
    return needs
