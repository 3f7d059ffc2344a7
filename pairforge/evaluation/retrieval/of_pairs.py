"""A retrieval task made of pairs: each anchor has to find its positives among all positives of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from pairforge.errors import FrameError
from pairforge.evaluation.retrieval.reading import RetrievalSet
from pairforge.files import read_frame
from pairforge.frames import PAIR, TEXT, FrameContract, adopt


def read_pairs_as_retrieval_set(
    source: str, more_documents: Sequence[str] = (), columns: Mapping[str, str] | None = None
) -> RetrievalSet:
    """Every distinct anchor is a query, every distinct positive a document; texts are their own ids.

    Args:
        source: A file of pairs; what else it holds is not read.
        more_documents: Files of further texts among which positives are sought.
        columns: `anchor`, `positive` and `text` → the files' own names, where they are given.

    Raises:
        FileError: a file cannot be read.
        FrameError: it holds no pairs, or no texts, or fewer than two anchors or documents.
    """
    named = columns or {}
    adopted = adopt(read_frame(source), (PAIR,), source, columns=_of(PAIR, named))
    pairs = adopted.frame.select(query_id="anchor", doc_id="positive").unique().sort("query_id", "doc_id")
    further = [_texts(more, named) for more in more_documents]
    found = pl.concat([pairs["doc_id"], *further]).unique().sort(descending=True)
    documents = pl.DataFrame({"doc_id": found, "text": found})
    queries = pairs.select("query_id", text="query_id").unique().sort("query_id")
    _refuse_one(source, queries.height, "anchors")
    _refuse_one(source, documents.height, "positives or other documents")
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


def _refuse_one(source: str, number: int, what: str) -> None:
    if number < 2:
        raise FrameError(f"{source}: a search needs two {what} or more that differ, but there is only one.")


def _of(contract: FrameContract, columns: Mapping[str, str]) -> dict[str, str]:
    own = {column.name for column in contract.columns}
    return {column: name for column, name in columns.items() if column in own}


def _texts(source: str, columns: Mapping[str, str]) -> pl.Series:
    rows = read_frame(source)
    # A file of further pairs has its documents in the column that is named for positives.
    named = [columns[column] for column in ("text", "positive") if columns.get(column) in rows.columns]
    return adopt(rows, (TEXT,), source, columns={"text": named[0]} if named else None).frame["text"].alias("doc_id")
