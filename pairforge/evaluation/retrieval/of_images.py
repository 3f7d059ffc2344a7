"""A retrieval task made of images with captions: each image has to find its captions among all of the file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl

from pairforge.engines.images import check_images, image_bytes
from pairforge.evaluation.retrieval.reading import RetrievalSet, refuse_one


def image_set(rows: pl.DataFrame, source: str, more_captions: Sequence[pl.Series]) -> RetrievalSet:
    """Every distinct image is a query, every distinct caption a document; an image's id is a digest of it.

    Images are equal if the contents of their files are; one may have several captions, and several may share one.

    Args:
        rows: image and caption.
        source: Where they came from, for errors.
        more_captions: Further texts among which captions are sought.

    Raises:
        FrameError: an image cannot be opened, or there are fewer than two images or captions.
        MissingExtraError: pillow is not installed.
    """
    check_images(rows["image"], source)
    keyed = rows.select("image", doc_id="caption", query_id=_digests(rows["image"]))
    pairs = keyed.select("query_id", "doc_id").unique().sort("query_id", "doc_id")
    found = pl.concat([pairs["doc_id"], *more_captions]).unique().sort(descending=True)
    queries = keyed.select("query_id", "image").unique("query_id", keep="first").sort("query_id")
    refuse_one(source, queries.height, "images")
    refuse_one(source, len(found), "captions or other documents")
    told = (f"{source}: {queries.height:,} images seek their captions among {len(found):,}",)
    documents, judgements = pl.DataFrame({"doc_id": found, "text": found}), pairs.with_columns(relevance=1)
    return RetrievalSet(documents, queries, judgements.cast({"relevance": pl.Int64}), pairs.clear(), told)


def _digests(images: pl.Series) -> pl.Series:
    return pl.Series([hashlib.sha256(image_bytes(image)).hexdigest() for image in images], dtype=pl.String)
