"""A retrieval task made of pairs: each anchor has to find its positives among all positives of the file."""

from __future__ import annotations

import polars as pl

from pairforge.evaluation.retrieval.reading import RetrievalSet
from pairforge.files import read_frame
from pairforge.frames import PAIR, adopt


def read_pairs_as_retrieval_set(source: str) -> RetrievalSet:
    """Every distinct anchor is a query, every distinct positive a document; texts are their own ids.

    Args:
        source: A file of pairs; what else it holds is not read.

    Raises:
        FileError: it cannot be read.
        FrameError: it holds no pairs.
    """
    adopted = adopt(read_frame(source), (PAIR,), source)
    pairs = adopted.frame.select(query_id="anchor", doc_id="positive").unique().sort("query_id", "doc_id")
    documents = pairs.select("doc_id", text="doc_id").unique().sort("doc_id", descending=True)
    queries = pairs.select("query_id", text="query_id").unique().sort("query_id")
    # A text finds itself first; where it is no answer to itself, that says nothing.
    itself = queries.select("query_id", doc_id="query_id").join(documents, on="doc_id", how="semi")
    left_out = itself.join(pairs, on=["query_id", "doc_id"], how="anti")
    told = (f"{source}: {queries.height:,} anchors seek their positives among {documents.height:,}",)
    return RetrievalSet(
        documents, queries, pairs.with_columns(relevance=pl.lit(1, pl.Int64)), left_out, (*adopted.guesses, *told)
    )
