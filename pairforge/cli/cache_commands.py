"""`pairforge cache`: what the shared cache holds, and emptying it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pairforge.cache import SECTIONS, cache_folder, cache_info, clear_cache
from pairforge.cli.help import Command, Commands
from pairforge.cli.render import print_json, say, size
from pairforge.errors import OptionsError

app = typer.Typer(help="Show or empty the cache that all commands share.", cls=Commands, rich_markup_mode=None)

_Folder = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir", help="The cache folder; $PAIRFORGE_CACHE or the user's if not given.", metavar="FOLDER"
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.", metavar="")]
_Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.", metavar="", expose_value=False)]


def _sections(incomplete: str) -> list[str]:
    return [name for name in SECTIONS if name.startswith(incomplete)]


@app.command(cls=Command)
def info(cache_dir: _Folder = None, json: _Json = False, debug: _Debug = False) -> None:
    """Show where the cache is, what it holds and how large it is."""
    folder = _folder(cache_dir)
    sections = cache_info(folder)
    if json:
        listed = [{"name": s.name, "files": s.files, "bytes": s.bytes} for s in sections]
        print_json({"folder": str(folder), "sections": listed})
        return
    typer.echo(str(folder))
    for section in sections:
        typer.echo(f"  {section.name:<10}{size(section.bytes):>8}  {section.files:,} files: {SECTIONS[section.name]}")
    if not sections:
        typer.echo("  nothing yet")


@app.command(cls=Command)
def clear(
    section: Annotated[
        str | None,
        typer.Argument(help="The part to empty; everything if not given.", metavar="SECTION", autocompletion=_sections),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", metavar="")] = False,
    cache_dir: _Folder = None,
    json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Empty the cache; what it held is computed again when it is wanted."""
    folder = _folder(cache_dir)
    if section is not None and section not in SECTIONS:
        raise OptionsError(f"the cache has no section '{section}'; there are: {', '.join(SECTIONS)}.")
    doomed = [found for found in cache_info(folder) if section in (None, found.name)]
    bytes_held = sum(found.bytes for found in doomed)
    if doomed and not yes and not _confirmed(folder, section, bytes_held):
        raise OptionsError("nothing was deleted; give --yes to delete without being asked.")
    freed = clear_cache(folder, section)
    if json:
        print_json({"folder": str(folder), "freed_bytes": freed})
    else:
        say(f"{folder}: freed {size(freed)}.")


def _folder(named: Path | None) -> Path:
    return named.expanduser() if named else cache_folder()


def _confirmed(folder: Path, section: str | None, bytes_held: int) -> bool:
    what = f"'{section}'" if section else "everything"
    try:
        return typer.confirm(f"Delete {what} ({size(bytes_held)}) in the cache {folder}?", err=True)
    except typer.Abort:
        return False
