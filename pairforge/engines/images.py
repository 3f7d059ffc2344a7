"""Pictures, from the paths of files or from their bytes; the one home of pillow."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pairforge.errors import FrameError, MissingExtraError

if TYPE_CHECKING:
    from PIL.Image import Image

ImageSource = str | bytes | Mapping[str, Any]
"""The path of a file, its bytes, or both by name, as datasets keeps images: bytes come before the path."""


def open_image(source: ImageSource) -> Image:
    """The picture in red, green and blue.

    Raises:
        MissingExtraError: pillow is not installed.
        OSError: there is no such file, or it holds no picture.
    """
    picture: Image = _opened(source).convert("RGB")
    return picture


def check_images(images: pl.Series, place: str) -> None:
    """Refuse rows whose image cannot be opened; only the beginning of each file is read.

    Raises:
        FrameError: with the first such row.
        MissingExtraError: pillow is not installed.
    """
    for row, source in enumerate(images):
        try:
            _opened(source).close()
        except (OSError, ValueError) as fault:
            shown = repr(source) if isinstance(source, str) else "it"
            raise FrameError(
                f"{place}: the image of row {row + 1} cannot be opened ({shown}: {_reason(fault)}); give paths of "
                "picture files, or their bytes."
            ) from fault


def _opened(source: ImageSource) -> Image:
    try:
        from PIL import Image as Pictures  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise MissingExtraError("a corpus of images", "images") from missing
    if not isinstance(source, str | bytes):
        source = source["path"] if source["bytes"] is None else source["bytes"]
    return Pictures.open(io.BytesIO(source) if isinstance(source, bytes) else Path(str(source)))


def _reason(fault: Exception) -> str:
    strerror = getattr(fault, "strerror", None)
    return strerror or "no picture of a known format"
