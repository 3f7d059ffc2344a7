"""Where the parts of a retrieval task lie in its folder: corpus, queries and judgements, in BEIR's layout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pairforge.errors import FileError
from pairforge.files.formats import KNOWN_SUFFIXES, suffix_of

DEFAULT_SPLIT = "test"
_PARTS = ("corpus", "queries", "qrels")


@dataclass(frozen=True)
class RetrievalFiles:
    """The sources of a retrieval task.

    Args:
        corpus: The documents.
        queries: The queries.
        qrels: The relevance judgements.
        in_splits: Whether they are one file of several, one for each split.
        guesses: What was guessed in finding them.
    """

    corpus: str
    queries: str
    qrels: str
    in_splits: bool = False
    guesses: tuple[str, ...] = ()


def retrieval_files(folder: str, split: str | None) -> RetrievalFiles:
    """Find corpus, queries and qrels in a folder: a file of any known format each, corpus and queries also a folder of
    shards, qrels also a folder with a file for each split (`qrels/test.tsv`).

    Args:
        folder: The task's folder.
        split: The split wanted, where qrels is a folder; test, or the only one, if None.

    Raises:
        FileError: the folder or a part of it is missing, two files could be one part, or the split is not there.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        what = "is a file" if root.exists() else "there is no such folder"
        raise FileError(f"{folder}: {what}, but a folder with corpus, queries and qrels was wanted. Check the path.")
    corpus, queries, qrels = (_part(root, name) for name in _PARTS)
    if not qrels.is_dir():
        return RetrievalFiles(str(corpus), str(queries), str(qrels))
    splits = {_stem(path) for path in _visible(qrels) if suffix_of(path)}
    chosen, guesses = chosen_split(str(qrels), splits, split)
    return RetrievalFiles(str(corpus), str(queries), str(_part(qrels, chosen)), True, guesses)


def chosen_split(place: str, splits: Iterable[str], wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """The split to read, and what is said of it if it is a guess.

    Args:
        place: Where the splits are, for errors.
        splits: Their names.
        wanted: The one that was asked for; test, or the only one, if None.

    Raises:
        FileError: it is not there, or none was asked for and there are several, but no test.
    """
    found = sorted(splits)
    there = ", ".join(found) or "none"
    if wanted is not None:
        if wanted not in found:
            raise FileError(f"{place}: there is no split '{wanted}' (found: {there}). Name one of these with --split.")
        return wanted, ()
    if DEFAULT_SPLIT in found:
        return DEFAULT_SPLIT, ()
    if len(found) != 1:
        raise FileError(f"{place}: there is no split '{DEFAULT_SPLIT}' (found: {there}). Name another with --split.")
    return found[0], (f"{place}: reads split '{found[0]}', the only one",)


def _part(root: Path, name: str) -> Path:
    entries = list(_visible(root))
    found = [entry for entry in entries if entry.name == name and entry.is_dir()]
    found += [entry for entry in entries if suffix_of(entry) and _stem(entry) == name]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(entry.name for entry in found)
        raise FileError(f"{root}: {names} could each be its {name}. Remove or rename all but one of them.")
    there = ", ".join(entry.name for entry in entries[:8]) or "nothing"
    raise FileError(
        f"{root}: {name} is missing (found: {there}). A retrieval task is a folder with {', '.join(_PARTS)}, each as "
        f"{KNOWN_SUFFIXES}; qrels also as a folder with a file for each split."
    )


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except PermissionError:
        raise FileError(f"{folder}: may not be read by this user. Change its permissions.") from None


def _stem(path: Path) -> str:
    return path.name[: -len(suffix_of(path))]
