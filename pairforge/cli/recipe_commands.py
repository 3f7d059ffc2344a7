"""`pairforge run` and `pairforge recipes`."""

from __future__ import annotations

from typing import Annotated

import typer

from pairforge.cli.render import print_json, table


def run() -> None:
    """Run recipes."""


def recipes(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", metavar="", expose_value=False)] = False,
) -> None:
    """List the recipes that come with pairforge."""
    from pairforge.pipeline.registry import shipped_recipes  # noqa: PLC0415 - reads their files

    found = shipped_recipes()
    if json:
        print_json({"recipes": [{"name": r.name, "path": str(r.path), "description": r.description} for r in found]})
    else:
        table([{"Recipe": recipe.name, "What it does": recipe.description} for recipe in found])
