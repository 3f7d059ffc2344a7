"""One command for each step, made from its record: positional inputs, flags of options, models and columns."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

import typer

from pairforge.cli.help import Command
from pairforge.cli.model_settings import identifier, model_settings, own_settings
from pairforge.cli.parameters import field_parameter, flag, is_positional, parameter
from pairforge.cli.stages import bounded_score, column_flags, run_command
from pairforge.execution.stage import PART_ROWS
from pairforge.execution.step import Input, Step
from pairforge.pipeline.registry import STEPS, load_step

_OPTIONS, _COLUMNS, _MODEL = "Options", "Reading the input", "Model"
RUNNING = "Running"
"""Help heading of the flags that every step has."""


def step_command(name: str) -> Command:
    """The command of a registered step; imports the step's module."""
    step = load_step(name)

    def run(context: typer.Context, **values: Any) -> None:
        typed = {key for key in values if context.get_parameter_source(key).name == "COMMANDLINE"}  # type: ignore[union-attr]
        run_command(step, values, typed)

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    run.__signature__ = inspect.Signature([context, *parameters(step)])  # type: ignore[attr-defined]
    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    made.command(name, cls=Command, help=STEPS[name].summary)(run)
    return typer.main.get_command(made)  # type: ignore[return-value]


def parameters(step: Step) -> list[inspect.Parameter]:
    """Every parameter of a step's command, the positional ones first."""
    return [
        *_positional(step),
        *_step_options(step),
        *_optional_inputs(step),
        *_models(step),
        *_reading(step),
        *_running(step),
    ]


def _positional(step: Step) -> Iterator[inspect.Parameter]:
    for name, field in step.options.model_fields.items():
        if is_positional(field):
            yield field_parameter(name, field, _OPTIONS)
    for role, entry in step.inputs.items():
        if entry.required:
            info = typer.Argument(..., help=entry.help, metavar=role.upper())
            yield parameter(role, info, list[str] if entry.many else str)
    for role_model in step.models.values():
        if role_model.many:
            info = typer.Argument(..., help=role_model.help, metavar=role_model.flag.upper().removesuffix("S"))
            yield parameter(identifier(role_model), info, list[str])


def _step_options(step: Step) -> Iterator[inspect.Parameter]:
    inherited = {name for base in step.options.__bases__ for name in getattr(base, "model_fields", ())}
    for name, field in sorted(step.options.model_fields.items(), key=lambda item: item[0] in inherited):
        if not is_positional(field):
            yield field_parameter(name, field, _OPTIONS)


def _optional_inputs(step: Step) -> Iterator[inspect.Parameter]:
    for role, entry in step.inputs.items():
        if not entry.required:
            yield parameter(role, _optional_input(role, entry), list[str] if entry.many else str)


def _optional_input(role: str, entry: Input) -> Any:
    return typer.Option(None, flag(role), help=entry.help, metavar="FILE", rich_help_panel=_OPTIONS)


def _models(step: Step) -> Iterator[inspect.Parameter]:
    for role in step.models.values():
        if not role.many:
            default = ... if role.must_be_named else role.default
            info = typer.Option(default, flag(role.flag), help=role.help, metavar="NAME", rich_help_panel=_MODEL)
            yield parameter(identifier(role), info, str)
    for setting in model_settings(step):
        yield field_parameter(setting.parameter, setting.request.model_fields[setting.name], _MODEL)
    for role in step.models.values():
        shared = {setting.name: setting.parameter for setting in model_settings(step, role)}
        for own in own_settings(step, role):
            field = copy(own.request.model_fields[own.name])
            field.default, field.description = None, f"{flag(shared[own.name])} of {flag(role.flag)} alone."
            yield field_parameter(own.parameter, field, f"{_MODEL} of {flag(role.flag)}")


def _reading(step: Step) -> Iterator[inspect.Parameter]:
    for name, target in column_flags(step).items():
        place = f" of {target.only}" if target.only else ""
        info = typer.Option(
            None, flag(name), help=f"The column{place} to read as '{target.column}'.", metavar="COLUMN",
            rich_help_panel=_COLUMNS,
        )  # fmt: skip
        yield parameter(name, info, str)
    if bounded_score(step):
        info = typer.Option(
            None, "--score-scale", help="Score that means 'the same'; 5 is guessed for scores above 1, up to 5.",
            metavar="NUMBER", rich_help_panel=_COLUMNS,
        )  # fmt: skip
        yield parameter("score_scale", info, float)


def _running(step: Step) -> Iterator[inspect.Parameter]:
    shown: Mapping[str, tuple[str, Any, str, str]] = {
        "output": ("-o --output", None, "Where the result goes; beside the input if not given.", "PATH"),
        "overwrite": ("--overwrite", False, "Replace an output that was made from something else.", ""),
        "resume": ("--resume/--no-resume", True, "Go on from the parts and checkpoints of a run that was stopped.", ""),
        "cache_dir": ("--cache-dir", None, "Folder of vectors, scores and digests that all commands share.", "FOLDER"),
        "dry_run": ("--dry-run", False, "Print what would be asked about the first rows, and ask nothing.", ""),
        "part_rows": ("--part-rows", PART_ROWS, "Rows done at once, lost at most when stopped. At least 1.", "INTEGER"),
        "json": ("--json", False, "Print the summary as one JSON object on stdout.", ""),
        "debug": ("--debug", False, "Show tracebacks and what other libraries say.", ""),
    }  # fmt: skip
    for name, (flags, default, help_text, metavar) in shown.items():
        if (name == "part_rows" and step.row_wise is None) or (name == "dry_run" and step.preview is None):
            continue
        info = typer.Option(
            default,
            *flags.split(),
            help=help_text,
            metavar=metavar,
            show_default=bool(default),
            rich_help_panel=RUNNING,
        )
        yield parameter(name, info, str if default is None else type(default))
