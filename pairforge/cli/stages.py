"""From the values of a command line to a stage, and from its outcome to what the user sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairforge.cache import cache_folder
from pairforge.cli.model_settings import identifier, model_settings, own_settings
from pairforge.cli.parameters import flag, is_positional, told_in_flags, validated
from pairforge.cli.quiet import environment
from pairforge.cli.render import print_json, results_json, say, show_outcome, show_prompts, show_results
from pairforge.errors import OptionsError
from pairforge.execution.inputs import given_inputs, read_inputs
from pairforge.execution.stage import PART_ROWS, FileInput, Stage, run_stage
from pairforge.execution.step import Artifact, Input, ModelRole, Step, StepOptions
from pairforge.frames import ColumnKind
from pairforge.generator_engines import engine_in, uses
from pairforge.generators import AnyRequest, request_type
from pairforge.models import ModelKind
from pairforge.progress import terminal


@dataclass(frozen=True)
class ColumnTarget:
    """What a `--…-column` flag sets.

    Args:
        column: The contract's column.
        roles: The inputs whose files it is looked for in.
        only: The one input, where other flags set the same column of others.
    """

    column: str
    roles: tuple[str, ...]
    only: str | None = None


def column_flags(step: Step) -> dict[str, ColumnTarget]:
    """Parameter → what it sets; where several inputs have a column, those after the first get their own flag too."""
    roles_of: dict[str, list[str]] = {}
    for role, entry in step.inputs.items():
        for column in dict.fromkeys(c.name for shape in entry.shapes for c in shape.columns if not c.numbered):
            roles_of.setdefault(column, []).append(role)
    flags = {f"{column}_column": ColumnTarget(column, tuple(roles)) for column, roles in roles_of.items()}
    for column, roles in roles_of.items():
        if len(roles) > 1:
            flags |= {f"{role}_{column}_column": ColumnTarget(column, (role,), role) for role in roles[1:]}
    return flags


def bounded_score(step: Step) -> bool:
    """Whether an input may hold scores on a scale of their own."""
    columns = (column for entry in step.inputs.values() for shape in entry.shapes for column in shape.columns)
    return any(column.kind is ColumnKind.SCORE and column.maximum == 1 for column in columns)


def run_command(step: Step, values: Mapping[str, Any], typed: set[str]) -> None:
    """Run a step on what was typed, and show what came of it.

    Args:
        step: The step.
        values: Every parameter of its command.
        typed: Those that stood on the command line.
    """
    cache = values["cache_dir"]
    kept = environment({"PAIRFORGE_CACHE": str(Path(cache).expanduser())}) if cache else nullcontext()
    with kept, told_in_flags(step.options):
        stage = stage_of(step, values, typed)
        if values.get("dry_run"):
            show_prompts(preview_stage(stage))
            return
        outcome = run_stage(
            stage,
            cache=cache_folder(),
            overwrite=values["overwrite"],
            resume=values["resume"],
            progress=terminal,
            part_rows=_part_rows(values),
            say=say,
        )
    if values["json"]:
        print_json(outcome.to_json() | results_json(step.name, outcome))
    else:
        show_outcome(stage, outcome, typed=typed)
        show_results(step.name, outcome)


def preview_stage(stage: Stage) -> Sequence[str]:
    """What a stage would ask a language model about its first rows.

    Raises:
        FileError, FrameError: an input cannot be read, or does not hold what the step wants.
        OptionsError: the prompt does not fit the step.
    """
    if stage.step.preview is None:
        raise OptionsError(f"{stage.step.name} asks no language model; leave out --dry-run.")
    inputs = given_inputs(stage.step, stage.inputs)
    read = read_inputs(stage.step, stage.options, inputs).by_role
    return stage.step.previewed(stage.options, read, stage.models)


def _part_rows(values: Mapping[str, Any]) -> int:
    rows: int = values.get("part_rows", PART_ROWS)
    if rows < 1:
        raise OptionsError(f"--part-rows should be a whole number at least 1, but it is '{rows}'.")
    return rows


def stage_of(step: Step, values: Mapping[str, Any], typed: set[str]) -> Stage:
    """The stage that a command line asks for.

    Raises:
        OptionsError: a value is not allowed, or a model or column flag is given that nothing uses.
    """
    options = _options(step, values)
    inputs = _inputs(step, values)
    models = {
        role: _requests(step, role_model, values)
        for role, role_model in step.models.items()
        if role_model.needed(options)
    }
    _refuse_unused(step, options, inputs, typed)
    _refuse_settings_of_none(step, models, typed)
    outputs = _outputs(step, options, models, values["output"])
    return Stage(step=step, options=options, inputs=inputs, models=models, outputs=outputs)


def _options(step: Step, values: Mapping[str, Any]) -> StepOptions:
    fields = step.options.model_fields
    given = {name: values[name] for name in fields if values[name] is not None}
    names = {name: name.upper() for name, field in fields.items() if is_positional(field)}
    return validated(step.options, given, names)


def _inputs(step: Step, values: Mapping[str, Any]) -> dict[str, FileInput]:
    scale = values.get("score_scale") if bounded_score(step) else None
    if scale is not None and scale <= 0:
        raise OptionsError(f"--score-scale should be above 0, but it is {scale:g}.")
    inputs = {}
    for role in step.inputs:
        given = values[role]
        if given or given == "":
            sources = tuple(given) if isinstance(given, list) else (given,)
            inputs[role] = FileInput(sources, _columns(step, role, values), scale)
    return inputs


def _columns(step: Step, role: str, values: Mapping[str, Any]) -> dict[str, str]:
    named = [(target, values[name]) for name, target in column_flags(step).items() if values[name]]
    general = {target.column: raw for target, raw in named if target.only is None and role in target.roles}
    return general | {target.column: raw for target, raw in named if target.only == role}


def _requests(step: Step, role: ModelRole, values: Mapping[str, Any]) -> tuple[AnyRequest, ...]:
    given = values[identifier(role)]
    names = {setting.name: setting.parameter for setting in model_settings(step, role)}
    own = {
        setting.name: setting.parameter for setting in own_settings(step, role) if values[setting.parameter] is not None
    }
    settings = {
        setting: values[name]
        for setting, name in names.items()
        if values[name] is not None
        and (role.kind is not ModelKind.GENERATOR or _is_meant_for(role, setting, step, values))
    }
    names, settings = names | own, settings | {setting: values[name] for setting, name in own.items()}
    called = {setting: flag(name) for setting, name in names.items()} | {"name": flag(role.flag)}
    return tuple(
        validated(request_type(role.kind), {"name": name, **settings}, called)
        for name in (given if isinstance(given, list) else [given])
        if name is not None
    )


def _is_meant_for(role: ModelRole, setting: str, step: Step, values: Mapping[str, Any]) -> bool:
    """Whether a setting may be for this language model: not if another's engine uses it, and its own does not."""
    engines = {
        model.flag: engine_in(values[identifier(model)] or "")
        for model in step.models.values()
        if model.kind is ModelKind.GENERATOR
    }
    users = [flagged for flagged, engine in engines.items() if engine is not None and uses(engine, setting)]
    return role.flag in users or not users


def _refuse_unused(step: Step, options: StepOptions, inputs: Mapping[str, FileInput], typed: set[str]) -> None:
    for role in step.models.values():
        if identifier(role) in typed and not role.needed(options):
            raise OptionsError(
                f"{flag(role.flag)} is given, but with these options {step.name} uses no such model "
                f"({role.help[:1].lower()}{role.help[1:].rstrip('.')}). Leave it out."
            )
    for name, target in column_flags(step).items():
        if name in typed and not any(role in inputs for role in target.roles):
            wanted = " or ".join(flag(role) for role in target.roles)
            raise OptionsError(f"{flag(name)} is given, but the input that it is about is not: give {wanted} too.")
        if name in typed and not any(_has_column(step.inputs[role].narrowed(options), target) for role in inputs):
            raise OptionsError(f"{flag(name)} is given, but with these options no such column is read. Leave it out.")


def _refuse_settings_of_none(step: Step, models: Mapping[str, tuple[AnyRequest, ...]], typed: set[str]) -> None:
    for name, role in step.models.items():
        own = [setting.parameter for setting in own_settings(step, role) if setting.parameter in typed]
        if own and not models.get(name):
            raise OptionsError(
                f"{flag(own[0])} is given, but {flag(role.flag)}, which it is about, is not used. Name a model with "
                f"{flag(role.flag)}, or leave it out."
            )


def _has_column(wanted: Input, target: ColumnTarget) -> bool:
    return any(column.name == target.column for shape in wanted.shapes for column in shape.columns)


def _outputs(
    step: Step, options: StepOptions, models: Mapping[str, tuple[AnyRequest, ...]], given: str | None
) -> dict[str, Path]:
    main, output = next(iter(step.outputs(options).items()))
    if given == "":
        raise OptionsError("--output is empty. Name a place, or leave it out (is a shell variable unset?).")
    if given:
        return {main: Path(given).expanduser()}
    if any(entry.required for entry in step.inputs.values()):
        return {}  # The stage names it after the input.
    ending = output.suffix if isinstance(output, Artifact) else ".parquet"
    return {main: Path(_own_name(step, options, models) + ending)}


def _own_name(step: Step, options: StepOptions, models: Mapping[str, tuple[AnyRequest, ...]]) -> str:
    """What names the output of a step without a main input: its positional option, or its first model and itself."""
    chosen = [str(getattr(options, name)) for name, field in step.options.model_fields.items() if is_positional(field)]
    asked = [Path(request.name).name.removesuffix(".model") for requests in models.values() for request in requests]
    return next(iter([*chosen, *(f"{name}.{step.suffix_of(options)}" for name in asked), step.name]))
