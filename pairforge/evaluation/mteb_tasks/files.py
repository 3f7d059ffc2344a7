"""Files of a folder by what they are called, and frames as mteb takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from pairforge.errors import FileError
from pairforge.files.formats import suffix_of


def part_of(folder: Path, name: str, needed: str) -> Path:
    """The one file of a folder with this name before its suffix, or the folder of shards of this name.

    Args:
        folder: Where to look.
        name: The name without a suffix.
        needed: What the folder should hold, for the error.

    Raises:
        FileError: there is none, or several.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: there is no such folder, but {needed}.")
    found = _files(folder).get(name, [])
    if len(found) == 1:
        return found[0]
    if found:
        raise FileError(
            f"{folder}: {' and '.join(path.name for path in found)} could each be {name}. Keep one of them."
        )
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise FileError(f"{folder}: '{name}' is missing (found: {there}); {needed}.")


def has_part(folder: Path, name: str) -> bool:
    """Whether there is such a file or folder."""
    return name in _files(folder)


def as_dataset(frame: pl.DataFrame) -> Any:
    """The frame as one of the library `datasets`, in memory."""
    import datasets  # noqa: PLC0415 - a second to import

    return datasets.Dataset(datasets.table.InMemoryTable(frame.rechunk().to_arrow()))


def _files(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found.setdefault(path.name, []).append(path)
        elif suffix_of(path):
            found.setdefault(path.name[: -len(suffix_of(path))], []).append(path)
    return found
