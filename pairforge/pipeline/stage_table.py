"""One stage's table: its step, the step's options, and the files and models it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from pairforge.errors import OptionsError
from pairforge.execution.stage import FileInput
from pairforge.execution.step import Artifact, Input, ModelRole, Output, Step, StepOptions
from pairforge.generators import AnyRequest, request_type
from pairforge.option_faults import nearest_names
from pairforge.pipeline.faults import Faults, validated
from pairforge.pipeline.registry import Entry, load_step

_REFERENCE = re.compile(r"stage:([^.]*)(?:\.(.*))?")


@dataclass(frozen=True)
class Reference:
    """An output of another stage, written `stage:NAME` (its main output) or `stage:NAME.OUTPUT`."""

    stage: str
    output: str | None = None


def reference_in(text: str) -> Reference | None:
    """The reference that a source or a model's name is; None for a plain one."""
    found = _REFERENCE.fullmatch(text)
    return Reference(found[1], found[2]) if found else None


@dataclass(frozen=True)
class Draft:
    """A stage whose table was understood.

    Args:
        name: The stage's name.
        step: What it runs.
        options: The step's options.
        wanted: Input role → what the step wants there, with these options where they are right.
        inputs: Input role → files; a source may still be a reference.
        models: Model role → models; a name may still be a reference.
        valid: Whether the options are right; where they are not, `options` holds their defaults.
    """

    name: str
    step: Step
    options: StepOptions
    wanted: Mapping[str, Input]
    inputs: Mapping[str, FileInput]
    models: Mapping[str, tuple[AnyRequest, ...]]
    valid: bool = True

    @property
    def place(self) -> str:
        """How faults call it."""
        return f"stages.{self.name}"

    @property
    def outputs(self) -> Mapping[str, Output]:
        """What it makes, the main output first; nothing where the options, which decide it, are wrong."""
        return self.step.outputs(self.options) if self.valid else {}

    @property
    def ending(self) -> str:
        """Ending of its main output's path."""
        main = next(iter(self.outputs.values()))
        return main.suffix if isinstance(main, Artifact) else ".parquet"

    @property
    def files_in_options(self) -> tuple[str, ...]:
        """The files that its options name, each once; one may still be a reference."""
        return tuple(dict.fromkeys(self.step.files_in_options(self.options))) if self.valid else ()

    def references(self) -> Iterator[Reference]:
        """The outputs of other stages that it uses."""
        texts = [source for given in self.inputs.values() for source in given.sources]
        texts += [request.name for asked in self.models.values() for request in asked]
        texts += self.files_in_options
        yield from (reference for text in texts if (reference := reference_in(text)))


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _InputTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: Annotated[list[str], Field(min_length=1), BeforeValidator(_listed)]
    columns: dict[str, str] = {}
    score_scale: Annotated[float | None, Field(gt=0)] = None


def draft(name: str, table: Mapping[str, Any], steps: Mapping[str, Entry], faults: Faults) -> Draft | None:
    """The stage that a table describes; None where its step is unknown.

    Args:
        name: The stage's name.
        table: `step`, and in one namespace the step's inputs, models by flag, and options.
        steps: The steps there are.
        faults: Where everything wrong is noted.
    """
    place = f"stages.{name}"
    step = _step(table, place, steps, faults)
    if step is None:
        return None
    flags = {role.flag: key for key, role in step.models.items()}
    known = [*step.inputs, *flags, *step.options.model_fields]
    for key in table:
        if key != "step" and key not in known:
            faults.add(place, f"{step.name} has no '{key}'; {nearest_names(key, known)}.")
    given = {key: value for key, value in table.items() if key in step.options.model_fields}
    options = validated(step.options, _wrapped(given, step.options), place, faults)
    wanted = step.inputs if options is None else step.inputs_for(options)
    inputs = {role: _input(role, wanted[role], table[role], place, faults) for role in wanted if role in table}
    models = {
        key: _models(step.models[key], table[flag], place, faults) for flag, key in flags.items() if flag in table
    }
    made = Draft(
        name,
        step,
        options or step.options.model_construct(),
        wanted,
        _given(inputs),
        _given(models),
        valid=options is not None,
    )
    _check_complete(made, table, faults)
    if made.valid:
        try:
            step.check_models(made.options, made.models)
        except OptionsError as error:
            faults.add(place, str(error))
    return made


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _step(table: Mapping[str, Any], place: str, steps: Mapping[str, Entry], faults: Faults) -> Step | None:
    name = table.get("step")
    if not isinstance(name, str):
        faults.add(place, f"'step' is missing; there are: {', '.join(steps)}.")
        return None
    try:
        return load_step(name, steps)
    except OptionsError as error:
        faults.add(place, str(error))
        return None


def _wrapped(given: Mapping[str, Any], options: type[StepOptions]) -> dict[str, Any]:
    """The options, a single text standing for a list of one where a list is wanted."""
    fields = options.model_fields
    return {key: _listed(value) if _is_list(fields[key]) else value for key, value in given.items()}


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) in (tuple, list)


def _input(role: str, wanted: Input, value: Any, place: str, faults: Faults) -> FileInput | None:
    where = f"{place}: {role}"
    table = validated(_InputTable, value if isinstance(value, dict) else {"source": value}, where, faults)
    if table is None:
        return None
    if len(table.source) > 1 and not wanted.many:
        faults.add(where, f"takes one source, but {len(table.source)} are given.")
    columns = list(dict.fromkeys(column.name for shape in wanted.shapes for column in shape.columns))
    for column in table.columns:
        if column not in columns:
            faults.add(where, f"has no column '{column}'; {nearest_names(column, columns)}.")
    return FileInput(tuple(table.source), table.columns, table.score_scale)


def _models(role: ModelRole, value: Any, place: str, faults: Faults) -> tuple[AnyRequest, ...] | None:
    where = f"{place}: {role.flag}"
    items = value if isinstance(value, list) else [value]
    if not items or (len(items) > 1 and not role.many):
        faults.add(where, f"takes {'at least one model' if role.many else 'one model'}, but {len(items)} are given.")
    found = [
        validated(request_type(role.kind), item if isinstance(item, dict) else {"name": item}, where, faults)
        for item in items
    ]
    return tuple(request for request in found if request is not None) or None


def _check_complete(made: Draft, table: Mapping[str, Any], faults: Faults) -> None:
    """Note inputs and models that are missing, and models that these options do not use."""
    for role, wanted in made.step.inputs.items():
        if wanted.required and role not in table:
            faults.add(made.place, f"input '{role}' is missing ({_phrase(wanted.help)}).")
    for model in made.step.models.values() if made.valid else ():
        needed = model.needed(made.options)
        if needed and model.default is None and not model.optional and model.flag not in table:
            faults.add(made.place, f"'{model.flag}' is missing ({_phrase(model.help)}).")
        if not needed and model.flag in table:
            faults.add(made.place, f"'{model.flag}' is given, but with these options {made.step.name} uses none.")


def _phrase(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
