"""A retrieval task made of a file's pairs: each anchor has to find its positives among all positives of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from pairforge.evaluation.retrieval.of_images import image_set
from pairforge.evaluation.retrieval.reading import RetrievalSet, refuse_one
from pairforge.files import read_frame
from pairforge.frames import IMAGE_TEXT, PAIR, TEXT, Adopted, FrameContract, adopt


def read_pairs_as_retrieval_set(
    source: str, more_documents: Sequence[str] = (), columns: Mapping[str, str] | None = None
) -> RetrievalSet:
    """Every distinct anchor is a query, every distinct positive a document; texts are their own ids.

    A file of images with captions is read as `image_set` has it.

    Args:
        source: A file of pairs, or of images with captions; what else it holds is not read.
        more_documents: Files of further texts among which positives are sought.
        columns: `anchor`, `positive`, `image`, `caption` and `text` → the files' own names, where they are given.

    Raises:
        FileError: a file cannot be read.
        FrameError: it holds no pairs, or no texts, or fewer than two anchors or documents; or as `image_set`.
    """
    named = columns or {}
    adopted = _adopted(source, named)
    if adopted.shape is IMAGE_TEXT:
        found_set = image_set(adopted.frame, source, [_texts(more, named) for more in more_documents])
        return replace(found_set, guesses=(*adopted.guesses, *found_set.guesses))
    pairs = adopted.frame.select(query_id="anchor", doc_id="positive").unique().sort("query_id", "doc_id")
    further = [_texts(more, named) for more in more_documents]
    found = pl.concat([pairs["doc_id"], *further]).unique().sort(descending=True)
    documents = pl.DataFrame({"doc_id": found, "text": found})
    queries = pairs.select("query_id", text="query_id").unique().sort("query_id")
    refuse_one(source, queries.height, "anchors")
    refuse_one(source, documents.height, "positives or other documents")
    # A text finds itself first; where it is no answer to itself, that says nothing.
    itself = queries.select("query_id", doc_id="query_id").join(documents, on="doc_id", how="semi")
    left_out = itself.join(pairs, on=["query_id", "doc_id"], how="anti")
    told = (f"{source}: {queries.height:,} anchors seek their positives among {documents.height:,}",)
    unread = [name for name in ("score", "label") if name in adopted.frame.columns]
    judged = (f"{source}: column '{name}' is not read; every pair counts as right" for name in unread)
    return RetrievalSet(
        documents,
        queries,
        pairs.with_columns(relevance=pl.lit(1, pl.Int64)),
        left_out,
        (*adopted.guesses, *judged, *told),
    )


def _adopted(source: str, columns: Mapping[str, str]) -> Adopted:
    images = _of(IMAGE_TEXT, columns)
    if images:
        return adopt(read_frame(source), (IMAGE_TEXT,), source, columns=images)
    return adopt(read_frame(source), (PAIR, IMAGE_TEXT), source, columns=_of(PAIR, columns))


def _of(contract: FrameContract, columns: Mapping[str, str]) -> dict[str, str]:
    own = {column.name for column in contract.columns}
    return {column: name for column, name in columns.items() if column in own}


def _texts(source: str, columns: Mapping[str, str]) -> pl.Series:
    rows = read_frame(source)
    # A file of further pairs has its documents in the column that is named for positives.
    named = [columns[column] for column in ("text", "positive") if columns.get(column) in rows.columns]
    return adopt(rows, (TEXT,), source, columns={"text": named[0]} if named else None).frame["text"].alias("doc_id")
