"""Pictures, from the paths of files or from their bytes; the one home of pillow."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pairforge.errors import FrameError, MissingExtraError
from pairforge.models import ImageSource

if TYPE_CHECKING:
    from PIL.Image import Image


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


def pillow(wanted_by: str) -> Any:
    """The module that opens images.

    Raises:
        MissingExtraError: pillow is not installed, which `wanted_by` needs.
    """
    try:
        from PIL import Image as Pictures  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise MissingExtraError(wanted_by, "images") from missing
    return Pictures


def image_bytes(source: ImageSource) -> bytes:
    """The contents of an image's file.

    Raises:
        OSError: there is no such file.
    """
    held = _held(source)
    return held if isinstance(held, bytes) else Path(held).read_bytes()


def _held(source: ImageSource) -> str | bytes:
    if isinstance(source, str | bytes):
        return source
    held: str | bytes = source["path"] if source["bytes"] is None else source["bytes"]
    return held


def _opened(source: ImageSource) -> Image:
    pictures, held = pillow("a corpus of images"), _held(source)
    opened: Image = pictures.open(io.BytesIO(held) if isinstance(held, bytes) else Path(str(held)))
    return opened


def _reason(fault: Exception) -> str:
    strerror = getattr(fault, "strerror", None)
    return strerror or "no picture of a known format"
