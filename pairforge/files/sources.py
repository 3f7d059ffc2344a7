"""Where a corpus is: a file, a folder or glob of shards, or a dataset of the hub; and where its offspring goes."""

from __future__ import annotations

import difflib
import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from pairforge.errors import FileError
from pairforge.files.formats import FORMATS, KNOWN_SUFFIXES, suffix_of

HUB_PREFIX = "hub:"
PARTIAL = ".partial-"
"""Stands in the name of every unfinished file, `.NAME.partial-RANDOM`; such a file is never read."""


def is_hub(source: str | Path) -> bool:
    """Whether a source names a dataset of the hub rather than files."""
    return isinstance(source, str) and source.startswith(HUB_PREFIX)


def locate(source: str | Path) -> list[Path]:
    """The files of a source that is no hub dataset, in the order in which they are read (by name).

    A folder stands for the shards that lie directly in it: all its files of known suffix but hidden ones and `.json`.
    A glob (`shards/*.parquet`, `**` for any depth) is only tried where no file bears that name literally.

    Raises:
        FileError: nothing is there, a file cannot be read or is empty, or a folder mixes formats.
    """
    if not str(source):
        raise FileError("the name of a corpus is empty. Name a file, a folder or a glob (is a shell variable unset?).")
    path = Path(source).expanduser()
    if path.is_dir():
        files = _shards(path)
    elif not os.path.lexists(path) and glob.has_magic(str(path)):
        files = _matches(path)
    else:
        files = [path]
    for file in files:
        check_readable(file)
    return files


def check_readable(path: Path) -> None:
    """Refuse a file that is missing, a folder, empty or closed to this user.

    Raises:
        FileError: with the reason, and the nearest names in its folder for a missing one.
    """
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except FileNotFoundError:
        raise FileError(missing(path)) from None
    except IsADirectoryError:
        raise FileError(f"{path}: is a folder, but a file was wanted. Name a file in it.") from None
    except PermissionError:
        raise FileError(f"{path}: may not be read by this user. Change its permissions.") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error}). Check the disk and the path.") from None
    if not first:
        raise FileError(f"{path}: is empty (0 bytes). Was it written to its end?")


def missing(path: Path) -> str:
    """The sentence for a path at which there is nothing, with the nearest names beside it."""
    folder = path.parent
    if not folder.is_dir():
        return f"{path}: there is no such file; its folder {folder} does not exist either. Check the path."
    try:
        names = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
    except PermissionError:
        names = []
    nearest = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    found = f" (nearest names there: {', '.join(nearest)})" if nearest else ""
    return f"{path}: there is no such file{found}. Check the path."


def default_output(source: str | Sequence[str], suffix: str) -> Path:
    """The path at which the output of a step goes by default.

    Args:
        source: The step's main input; of several, the first gives the name.
        suffix: What the step adds to the name: "negatives" makes `a/pairs.negatives.parquet` of `a/pairs.parquet`
            and of the folder `a/pairs`; with a dot, as ".model", it is the whole ending: `a/corpus.model`.

    The input's format is kept (`.json` becomes `.jsonl`); folders, globs and hub datasets give parquet. The output of a
    folder, or of a glob that starts from it, goes beside it, never among the shards (`a/shards/*.csv` →
    `a/shards.negatives.parquet`); that of a hub dataset into the current folder.
    """
    first = source if isinstance(source, str) else source[0]
    base, ending = _stem(first)
    return (
        base.with_name(base.name + suffix)
        if suffix.startswith(".")
        else base.with_name(f"{base.name}.{suffix}{ending}")
    )


def _stem(source: str) -> tuple[Path, str]:
    if is_hub(source):
        return Path(re.sub(r"[^\w.]+", "-", source.removeprefix(HUB_PREFIX)).strip("-.")), ".parquet"
    path = Path(source).expanduser()
    if not os.path.lexists(path) and glob.has_magic(source):
        root = next(parent for parent in path.parents if not glob.has_magic(str(parent)))
        return _named(root), ".parquet"
    if path.is_dir():
        return _named(path), ".parquet"
    ending = suffix_of(path)
    stem = path.with_name(path.name[: len(path.name) - len(ending)])
    return stem, {"": ".parquet", ".json": ".jsonl"}.get(ending, ending)


def _named(folder: Path) -> Path:
    return folder if folder.name not in ("", "..") else folder.resolve()


def _shards(folder: Path) -> list[Path]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    except PermissionError:
        raise FileError(f"{folder}: may not be read by this user. Change its permissions.") from None
    shards = [entry for entry in entries if suffix_of(entry) not in ("", ".json")]
    if not shards:
        found = ", ".join(entry.name for entry in entries[:5]) or "no file at all"
        raise FileError(f"{folder}: is a folder without a corpus file (found: {found}). Known are {KNOWN_SUFFIXES}.")
    families = sorted({FORMATS[suffix_of(shard)].family for shard in shards})
    if len(families) > 1:
        raise FileError(
            f"{folder}: is a folder that mixes formats ({', '.join(families)}). "
            f"Choose with a glob, as {folder / '*'}{suffix_of(shards[0])}."
        )
    return shards


def _matches(pattern: Path) -> list[Path]:
    found = sorted(Path(name) for name in glob.glob(str(pattern), recursive=True))  # noqa: PTH207 - takes absolute ones
    files = [path for path in found if path.is_file() and PARTIAL not in path.name]
    if not files:
        raise FileError(f"{pattern}: no file matches this pattern. Check the path; a shell may need quotes around it.")
    return files
