"""The pages of docs/ that are made from the code itself: `python -m pairforge.cli.reference FILE… [--check]`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from pairforge.cli.app import Stub, app
from pairforge.cli.losses_reference import losses_reference
from pairforge.cli.step_commands import RUNNING, step_command
from pairforge.pipeline.registry import STEPS

_INTRODUCTION = """# Commands

<!-- Made by `make docs` from the commands themselves; change their options and help there. -->

A corpus is a parquet, jsonl, csv or tsv file (text formats also `.gz` and `.zst`), a folder or glob of them, or
`hub:NAME[/CONFIG]:SPLIT`. A model is a folder, a name on the hub, or the embedded `all-MiniLM-L6-v2`. Options
have the same names in recipes, with underscores.
"""


def commands_reference() -> str:
    """The page of all commands, as Markdown."""
    sections = [_INTRODUCTION]
    for name in STEPS:
        command = step_command(name)
        parameters = [p for p in command.params if getattr(p, "rich_help_panel", None) != RUNNING]
        sections.append(_section(name, command, parameters))
    sections.append(_shared())
    sections += [_section(name, command, command.params) for name, command in _written_out()]
    return "\n".join(sections)


def _shared() -> str:
    found: dict[str, Any] = {}
    for name in STEPS:
        found |= {p.name: p for p in step_command(name).params if getattr(p, "rich_help_panel", None) == RUNNING}
    return "\n".join(["## What every step's command takes", "", *_table(list(found.values())), ""])


def _written_out() -> Iterator[tuple[str, TyperCommand]]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101 - for the type checker
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from ((f"{name} {inner}", found) for inner, found in command.commands.items())  # type: ignore[misc]
        elif name not in STEPS:
            yield name, command.real() if isinstance(command, Stub) else command  # type: ignore[misc]


def _section(name: str, command: TyperCommand, parameters: list[Any]) -> str:
    usage = " ".join(["pairforge", name, *(piece for p in parameters if (piece := _usage(p)))])
    help_text = " ".join((command.help or "").split())
    return "\n".join([f"## {name}", "", help_text, "", "```", usage, "```", "", *_table(parameters), ""])


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        word = parameter.metavar or parameter.name.upper()
        word += "..." if parameter.nargs != 1 else ""
        return word if parameter.required else f"[{word}]"
    return f"{parameter.opts[-1]} {parameter.metavar}" if parameter.required else ""


def _table(parameters: list[Any]) -> Iterator[str]:
    yield "| | value | default | |"
    yield "| --- | --- | --- | --- |"
    for parameter in parameters:
        cells = (_called(parameter), _value(parameter), _default(parameter), _escaped(parameter.help or ""))
        yield f"| {' | '.join(cells)} |"


def _called(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"{parameter.name.upper()}"
    return ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])


def _value(parameter: Any) -> str:
    choices = (parameter.metavar or "").split("|")
    shown = ", ".join(f"`{choice}`" for choice in choices) if len(choices) > 1 else choices[0]
    many = parameter.multiple or parameter.nargs == -1
    return f"{shown}, repeatable" if many and shown else shown


def _default(parameter: Any) -> str:
    if parameter.required:
        return "*required*"
    if parameter.default in (None, False, (), []):
        return ""
    if parameter.default is True:
        return "on"
    values = parameter.default if isinstance(parameter.default, list | tuple) else [parameter.default]
    return _escaped(" ".join(f"`{value}`" for value in values))


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES: Mapping[str, Callable[[], str]] = {"commands.md": commands_reference, "losses.md": losses_reference}
"""File name → what makes the page."""


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or with --check say which files are not what would be written."""
    parser = ArgumentParser(prog="python -m pairforge.cli.reference", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help=f"ends in {' or '.join(PAGES)}")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    stale = [file for file in asked.files if not _is_fresh(file, PAGES[file.name]())]
    for file in stale:
        if asked.check:
            typer.echo(f"{file} is stale; make docs writes it anew.", err=True)
        else:
            file.write_text(PAGES[file.name](), encoding="utf-8")
    return 1 if asked.check and stale else 0


def _is_fresh(file: Path, page: str) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8") == page


if __name__ == "__main__":
    sys.exit(main())
