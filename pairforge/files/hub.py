"""Datasets of the hub, through the library `datasets`: from the network, or from its local cache when offline."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import datasets
import polars as pl
from huggingface_hub import HfApi
from huggingface_hub import errors as hub_errors

from pairforge.errors import FileError
from pairforge.files.sources import HUB_PREFIX

# The base of the HTTP client's errors, whichever client this version of the hub's library uses.
_HTTP_ERROR: type[Exception] = hub_errors.HTTPError  # type: ignore[attr-defined]
# A wrong configuration or split is a ValueError, a dataset that is a script a RuntimeError.
_HUB_FAULTS = (datasets.exceptions.DatasetsError, _HTTP_ERROR, OSError, ValueError, RuntimeError)


def read_hub(source: str) -> pl.DataFrame:
    """Read one split of a hub dataset; class labels come as their integers.

    Args:
        source: `hub:NAME[/CONFIG]:SPLIT`. Three parts are owner/name/configuration; two are owner/name, or where there
            is no such dataset, name/configuration; one is a name. A name without an owner is read as the hub knows it
            today (glue as nyu-mll/glue). The split may be sliced as `datasets` slices it
            (`train[:1000]`).

    Raises:
        FileError: there is no such dataset, configuration or split, or it is neither reachable nor in the local cache.
    """
    builder = _builder(source)
    try:
        builder.download_and_prepare()
        frame = builder.as_dataset(split=_split(source)).to_polars()
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
    builder, split = _builder(source), _split(source)
    known_splits = list(builder.info.splits or {})
    if known_splits and re.fullmatch(r"\w+", split) and split not in [*known_splits, "all"]:
        raise FileError(f"{source}: has no split '{split}' (found: {', '.join(known_splits)}). Name one of them.")
    identity = [builder.repo_id, builder.config_id, builder.hash, split]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


@cache
def _builder(source: str) -> Any:
    faults: list[Exception] = []
    for name, configuration in _readings(source):
        try:
            # The scheme keeps `datasets` from reading a local folder that happens to bear the name.
            return datasets.load_dataset_builder(f"hf://datasets/{_full_name(name)}", configuration)
        except _HUB_FAULTS as fault:
            faults.append(fault)
    raise FileError(_not_found(source, faults))


def _readings(source: str) -> list[tuple[str, str | None]]:
    name = source.removeprefix(HUB_PREFIX).partition(":")[0]
    parts = name.split("/")
    if not all(parts) or not _split(source) or len(parts) > 3:
        raise FileError(f"{source}: is not of the form hub:NAME[/CONFIG]:SPLIT, as hub:glue/mnli:train. Write it so.")
    if len(parts) == 3:
        return [(f"{parts[0]}/{parts[1]}", parts[2])]
    return [(name, None)] if len(parts) == 1 else [(name, None), (parts[0], parts[1])]


def _split(source: str) -> str:
    return source.removeprefix(HUB_PREFIX).partition(":")[2]


def _full_name(name: str) -> str:
    """The name with its owner: the hub has given one to every dataset without, and those are only loaded by it.

    This also keeps the file readers of `datasets` (csv, json, …), which read the current folder, from being loaded.
    """
    if "/" in name:
        return name
    try:
        return HfApi().dataset_info(name).id
    except _HUB_FAULTS:
        folders = sorted(Path(datasets.config.HF_DATASETS_CACHE).glob(f"*___{name}"))
        owned = [folder.name.replace("___", "/") for folder in folders]
        if not owned:
            raise
        if len(owned) > 1:
            raise ValueError(f"the local cache has {' and '.join(owned)}: name one with its owner") from None
        return owned[0]


def _not_found(source: str, faults: Sequence[Exception]) -> str:
    telling = min(faults, key=_rank)
    if isinstance(telling, hub_errors.HfHubHTTPError):
        return f"{source}: the hub knows no such dataset, or hides it. Check its name, or log in if it is private."
    if _rank(telling) < 2:
        return f"{source}: no such dataset could be loaded ({_one_line(telling)}). Check its name and configuration."
    return (
        f"{source}: the hub cannot be reached, and no such dataset is in the local cache "
        f"({datasets.config.HF_DATASETS_CACHE}). Connect (and unset HF_HUB_OFFLINE), or give a file instead."
    )


def _rank(fault: Exception) -> int:
    """How little a fault tells: that one reading of the name names no dataset is less than a fault of the dataset."""
    if isinstance(fault, hub_errors.HfHubHTTPError | datasets.exceptions.DatasetNotFoundError):
        return 1
    return 2 if isinstance(fault, (ConnectionError, _HTTP_ERROR)) else 0


def _one_line(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split()).rstrip(".")
