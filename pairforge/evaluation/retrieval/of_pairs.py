"""A retrieval task made of pairs: each anchor has to find its positives among all positives of the file."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pairforge.evaluation.retrieval.reading import RetrievalSet
from pairforge.files import read_frame
from pairforge.frames import PAIR, TEXT, adopt


def read_pairs_as_retrieval_set(source: str, more_documents: Sequence[str] = ()) -> RetrievalSet:
    """Every distinct anchor is a query, every distinct positive a document; texts are their own ids.

    Args:
        source: A file of pairs; what else it holds is not read.
        more_documents: Files of further texts among which positives are sought.

    Raises:
        FileError: a file cannot be read.
        FrameError: it holds no pairs, or no texts.
    """
    adopted = adopt(read_frame(source), (PAIR,), source)
    pairs = adopted.frame.select(query_id="anchor", doc_id="positive").unique().sort("query_id", "doc_id")
    further = [_texts(more) for more in more_documents]
    found = pl.concat([pairs["doc_id"], *further]).unique().sort(descending=True)
    documents = pl.DataFrame({"doc_id": found, "text": found})
    queries = pairs.select("query_id", text="query_id").unique().sort("query_id")
    # A text finds itself first; where it is no answer to itself, that says nothing.
    itself = queries.select("query_id", doc_id="query_id").join(documents, on="doc_id", how="semi")
    left_out = itself.join(pairs, on=["query_id", "doc_id"], how="anti")
    told = (f"{source}: {queries.height:,} anchors seek their positives among {documents.height:,}",)
    return RetrievalSet(
        documents, queries, pairs.with_columns(relevance=pl.lit(1, pl.Int64)), left_out, (*adopted.guesses, *told)
    )


def _texts(source: str) -> pl.Series:
    return adopt(read_frame(source), (TEXT,), source).frame["text"].alias("doc_id")
