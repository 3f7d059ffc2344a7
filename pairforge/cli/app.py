"""`pairforge`: the commands, listed without loading what they need."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.metadata import version
from typing import Annotated, Any

import typer

from pairforge.cli import cache_commands, doctor_command, leaderboard_command, recipe_commands
from pairforge.cli.failures import run_guarded
from pairforge.cli.help import Command, Commands
from pairforge.cli.quiet import quiet_libraries
from pairforge.pipeline.registry import AUGMENT_SUMMARY, COMPARE_SUMMARY, STEPS

_HELP = """Build, mine and judge training data for embedding models.

Every step is a command: it reads a corpus, writes another beside it, and says what it did. `pairforge run` chains steps
by a recipe. A corpus is a parquet, jsonl, csv or tsv file (also .gz, .zst), a folder or glob, or hub:NAME:SPLIT.
"""


class Stub(Command):
    """Stands in the list of commands for one whose options need modules that a list need not load."""

    def real(self) -> Command:
        """The command itself: of a step, made from its record."""
        from pairforge.cli.step_commands import step_command  # noqa: PLC0415 - imports polars

        return step_command(str(self.name))

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the real command."""
        return self.real().make_context(info_name, args, parent=parent, **extra)


class _AugmentStub(Stub):
    def real(self) -> Command:
        from pairforge.cli.augment_command import augment_command  # noqa: PLC0415 - imports polars

        return augment_command()


class _CompareStub(Stub):
    def real(self) -> Command:
        from pairforge.cli.compare_command import compare_command  # noqa: PLC0415 - imports polars

        return compare_command()


class _Steps(Commands):
    """The commands; one for each registered step, then those that are written out."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        stubs = {
            name: Stub(name, help=entry.summary, rich_help_panel="Steps", rich_markup_mode=None)
            for name, entry in STEPS.items()
        }
        augment = _AugmentStub("augment", help=AUGMENT_SUMMARY, rich_help_panel="Chains", rich_markup_mode=None)
        compare = _CompareStub("compare", help=COMPARE_SUMMARY, rich_help_panel="Chains", rich_markup_mode=None)
        self.commands = {**stubs, "augment": augment, "compare": compare, **self.commands}


app = typer.Typer(
    name="pairforge",
    cls=_Steps,
    help=_HELP,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pairforge {version('pairforge')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


app.command("run", cls=Command, rich_help_panel="Recipes and caches")(recipe_commands.run)
app.command("recipes", cls=Command, rich_help_panel="Recipes and caches")(recipe_commands.recipes)
app.command("leaderboard", cls=Command, rich_help_panel="Recipes and caches")(leaderboard_command.leaderboard)
app.command("doctor", cls=Command, rich_help_panel="Recipes and caches")(doctor_command.doctor)
app.add_typer(cache_commands.app, name="cache", rich_help_panel="Recipes and caches")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `pairforge`; those of this process if not given.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in words
    with nullcontext() if debug else quiet_libraries():
        command = typer.main.get_command(app)
        return run_guarded(lambda: command.main(words, prog_name="pairforge", standalone_mode=False), debug=debug)
