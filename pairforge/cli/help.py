"""How `--help` looks: plain text under headings, with no name cut short in a narrow terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from typer.core import TyperCommand, TyperGroup

from pairforge.errors import OptionsError


class Command(TyperCommand):
    """A command whose parameters are listed under their headings."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options by heading."""
        _write_sections(formatter, _records(self, ctx))


class Commands(TyperGroup):
    """A group whose commands are listed under their headings, and that knows the nearest names of an unknown one."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands by heading, then the options."""
        self.format_commands(ctx, formatter)
        _write_sections(formatter, _records(self, ctx))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command's name and summary."""
        commands = ((name, command) for name, command in self.commands.items() if not command.hidden)
        _write_sections(
            formatter,
            (
                (getattr(command, "rich_help_panel", None) or "Commands", name, command.get_short_help_str(100))
                for name, command in commands
            ),
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As typer's, with the nearest names for an unknown one."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            raise OptionsError(f"there is no command '{name}' in {ctx.command_path}; {self._nearest(name)}")
        return super().resolve_command(ctx, args)

    def _nearest(self, name: str) -> str:
        near = [known for known in self.commands if len(name) > 1 and known.startswith(name)]
        near = near or get_close_matches(name, self.commands, cutoff=0.5)
        return f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(self.commands)}."


def _records(command: Any, ctx: Any) -> Iterator[tuple[str, str, str]]:
    for parameter in command.get_params(ctx):
        if parameter.param_type_name == "argument":
            yield "Arguments", parameter.display_name_raw + "..." * (parameter.nargs != 1), parameter.help or ""
        elif record := parameter.get_help_record(ctx):
            yield parameter.rich_help_panel or "Options", *record


def _write_sections(formatter: Any, records: Iterable[tuple[str, str, str]]) -> None:
    sections: dict[str, list[tuple[str, str]]] = {}
    for heading, name, text in records:
        sections.setdefault(heading, []).append((name, text))
    for heading, rows in sections.items():
        with formatter.section(heading):
            formatter.write_dl(rows)
