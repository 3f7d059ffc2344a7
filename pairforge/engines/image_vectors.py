"""Vectors of images, a batch at a time; they are not kept from one command to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pairforge.engines.tables import VectorTable
from pairforge.errors import ModelError
from pairforge.models import ImageEncoder, ImageSource, ModelSpec
from pairforge.progress import Progress, silent


def image_vectors(
    encoder: ImageEncoder, images: Sequence[ImageSource], spec: ModelSpec, progress: Progress = silent
) -> VectorTable:
    """A table of the images' vectors, in their order.

    Args:
        encoder: What sees them.
        images: One or more; each is opened when its batch is made.
        spec: The model's name, for errors, and the size of its batches.
        progress: Told how many are done.

    Raises:
        ModelError: the model gives NaN or an infinity.
        MissingExtraError: pillow is not installed.
    """
    step, blocks = spec.request.batch_size, []
    with progress("encoding", len(images), "images") as advance:
        for first in range(0, len(images), step):
            blocks.append(encoder.encode_images(images[first : first + step]))
            advance(len(blocks[-1]))
    vectors = np.concatenate(blocks)
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise ModelError(
            f"{spec.name}: gives NaN or an infinity for image {broken[0] + 1}; its weights or the image are damaged."
        )
    return VectorTable.of(vectors)
