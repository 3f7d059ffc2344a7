"""Datasets of the hub, through the library `datasets`, with or without a network."""

from __future__ import annotations

import polars as pl

from pairforge.errors import FileError


def read_hub(source: str) -> pl.DataFrame:
    """Read `hub:NAME[/CONFIG]:SPLIT`."""
    raise FileError(f"{source}: datasets of the hub cannot be read yet.")


def hub_digest(source: str) -> str:
    """The digest of a hub dataset's revision."""
    raise FileError(f"{source}: datasets of the hub cannot be read yet.")
