"""The cache folder that all commands share: where it is, what is in it, how it is emptied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pairforge.errors import FileError, OptionsError

_VARIABLE = "PAIRFORGE_CACHE"

SECTIONS: Mapping[str, str] = {
    "vectors": "texts already encoded, by model",
    "scores": "pairs already scored, by model",
    "answers": "questions already answered by language models, by model",
    "digests": "digests of files already read",
    "mteb": "results of mteb's tasks, by data and model",
}
"""The folders that pairforge makes in its cache, and what they hold; nothing else in there is ever deleted."""


@dataclass(frozen=True)
class CacheSection:
    """One folder of the cache.

    Args:
        name: Its name, one of `SECTIONS`.
        files: Files in it.
        bytes: Their sizes together.
    """

    name: str
    files: int
    bytes: int


def cache_folder() -> Path:
    """`$PAIRFORGE_CACHE`, else `pairforge` in the user's cache folder (`$XDG_CACHE_HOME` or `~/.cache`)."""
    named = os.environ.get(_VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pairforge"


def cache_info(folder: Path) -> list[CacheSection]:
    """The sections that are there, with their sizes; empty for a folder that does not exist."""
    return [_measured(folder / name) for name in SECTIONS if (folder / name).is_dir()]


def clear_cache(folder: Path, section: str | None = None) -> int:
    """Delete one section, or all of them, and nothing else.

    Returns:
        Bytes freed.

    Raises:
        OptionsError: there is no section of that name.
        FileError: it may not be deleted.
    """
    if section is not None and section not in SECTIONS:
        raise OptionsError(f"The cache has no section '{section}' (known: {', '.join(SECTIONS)}). Name one of them.")
    doomed = [found for found in cache_info(folder) if section in (None, found.name)]
    for found in doomed:
        _delete(folder / found.name)
    return sum(found.bytes for found in doomed)


def _delete(section: Path) -> None:
    try:
        shutil.rmtree(section)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"{section}: cannot be deleted ({reason}). Check its permissions.") from error


def _measured(section: Path) -> CacheSection:
    sizes = []
    for parent, _, names in os.walk(section):
        for name in names:
            with suppress(FileNotFoundError):  # another process may be tidying up
                sizes.append(Path(parent, name).lstat().st_size)
    return CacheSection(section.name, len(sizes), sum(sizes))
