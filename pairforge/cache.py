"""The cache folder that all commands share: where it is, what is in it, how it is emptied."""

from __future__ import annotations

import os
from pathlib import Path

_VARIABLE = "PAIRFORGE_CACHE"


def cache_folder() -> Path:
    """`$PAIRFORGE_CACHE`, else `pairforge` in the user's cache folder (`$XDG_CACHE_HOME` or `~/.cache`)."""
    named = os.environ.get(_VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "pairforge"
