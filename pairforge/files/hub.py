"""Datasets of the hub, through the library `datasets`: from the network, or from its local cache when offline."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import datasets
import polars as pl
from huggingface_hub import errors as hub_errors

from pairforge.errors import FileError
from pairforge.files.sources import HUB_PREFIX

# The base of the HTTP client's errors, whichever client this version of the hub's library uses.
_HTTP_ERROR: type[Exception] = hub_errors.HTTPError  # type: ignore[attr-defined]
_UNREACHABLE = (ConnectionError, _HTTP_ERROR)
# A wrong configuration or split is a ValueError, a dataset that is a script a RuntimeError.
_HUB_FAULTS = (datasets.exceptions.DatasetsError, *_UNREACHABLE, OSError, ValueError, RuntimeError)


@dataclass(frozen=True)
class _Wanted:
    """A hub dataset as a source names it; `readings` are the (dataset, configuration) it may mean, tried in order."""

    readings: tuple[tuple[str, str | None], ...]
    split: str


def read_hub(source: str) -> pl.DataFrame:
    """Read one split of a hub dataset; class labels come as their integers.

    Args:
        source: `hub:NAME[/CONFIG]:SPLIT`. Three parts are owner/name/configuration; two are owner/name, or where there
            is no such dataset, name/configuration; one is a name. The split may be sliced as `datasets` slices it
            (`train[:1000]`).

    Raises:
        FileError: there is no such dataset, configuration or split, or it is neither reachable nor in the local cache.
    """
    wanted = _parsed(source)
    builder = _found(source, wanted)
    try:
        builder.download_and_prepare()
        frame = builder.as_dataset(split=wanted.split).to_polars()
    except _HUB_FAULTS as error:
        raise FileError(
            f"{source}: cannot be read ({_one_line(error)}). Check the split and the connection."
        ) from error
    if not isinstance(frame, pl.DataFrame):
        raise FileError(f"{source}: names no single split. Write hub:NAME[/CONFIG]:SPLIT with one split.")
    return frame


def hub_digest(source: str) -> str:
    """SHA-256 of what tells this split from every other: dataset, configuration, revision (the hub's commit) and split.

    Raises:
        FileError: there is no such dataset, configuration or split, or it is neither reachable nor in the local cache.
    """
    wanted = _parsed(source)
    builder = _found(source, wanted)
    known_splits = list(builder.info.splits or {})
    if known_splits and re.fullmatch(r"\w+", wanted.split) and wanted.split not in [*known_splits, "all"]:
        raise FileError(
            f"{source}: has no split '{wanted.split}' (found: {', '.join(known_splits)}). Name one of them."
        )
    identity = [builder.repo_id, builder.config_id, builder.hash, wanted.split]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _parsed(source: str) -> _Wanted:
    name, _, split = source.removeprefix(HUB_PREFIX).partition(":")
    parts = name.split("/")
    if not all(parts) or not split or len(parts) > 3:
        raise FileError(f"{source}: is not of the form hub:NAME[/CONFIG]:SPLIT, as hub:glue/mnli:train. Write it so.")
    if len(parts) == 1:
        return _Wanted(((name, None),), split)
    owned = (f"{parts[0]}/{parts[1]}", parts[2] if len(parts) == 3 else None)
    return _Wanted((owned, (parts[0], parts[1])) if len(parts) == 2 else (owned,), split)


def _found(source: str, wanted: _Wanted) -> Any:
    faults: list[Exception] = []
    for name, configuration in wanted.readings:
        try:
            # The scheme keeps `datasets` from reading a local folder that happens to bear the name.
            return datasets.load_dataset_builder(f"hf://datasets/{name}", configuration)
        except _HUB_FAULTS as fault:
            faults.append(fault)
    if all(isinstance(fault, _UNREACHABLE) for fault in faults):
        raise FileError(
            f"{source}: the hub cannot be reached, and no such dataset is in the local cache "
            f"({datasets.config.HF_DATASETS_CACHE}). Connect (and unset HF_HUB_OFFLINE), or give a file instead."
        )
    telling = next(fault for fault in reversed(faults) if not isinstance(fault, _UNREACHABLE))
    raise FileError(
        f"{source}: no such dataset could be loaded ({_one_line(telling)}). Check its name and configuration."
    )


def _one_line(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split()).rstrip(".")
