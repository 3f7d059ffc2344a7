"""Checkpoints that count only once they are complete."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARKER = "complete.json"
_PREFIX = "checkpoint-"


def mark_complete(checkpoint: Path, notes: Mapping[str, Any]) -> None:
    """Make a checkpoint count, its last file; older ones go."""
    draft = checkpoint / f"{_MARKER}.part"
    draft.write_text(json.dumps(notes), "utf-8")
    draft.replace(checkpoint / _MARKER)
    for other in _checkpoints(checkpoint.parent):
        if other != checkpoint:
            shutil.rmtree(other, ignore_errors=True)


def newest_complete(folder: Path) -> Path | None:
    """The checkpoint to go on from; those that a kill cut short are removed."""
    complete = [checkpoint for checkpoint in _checkpoints(folder) if (checkpoint / _MARKER).exists()]
    newest = max(complete, key=step_of, default=None)
    for other in _checkpoints(folder):
        if other != newest:
            shutil.rmtree(other, ignore_errors=True)
    return newest


def notes_of(checkpoint: Path) -> dict[str, Any]:
    """What was noted when it was completed."""
    notes: dict[str, Any] = json.loads((checkpoint / _MARKER).read_text("utf-8"))
    return notes


def step_of(checkpoint: Path) -> int:
    """The step after which it was written."""
    return int(checkpoint.name.removeprefix(_PREFIX))


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f"{_PREFIX}*") if path.name.removeprefix(_PREFIX).isdigit()]
