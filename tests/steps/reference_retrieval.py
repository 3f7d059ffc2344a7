"""Retrieval and its measures in the plainest words, sharing no code with the package."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt
import polars as pl

Judgements = Mapping[str, Mapping[str, int]]


class JudgedCorpus:
    """A folder of corpus, queries and qrels, of the queries that have a relevant document."""

    def __init__(self, folder: Path) -> None:
        corpus, queries, qrels = (
            pl.read_parquet(folder / f"{name}.parquet") for name in ("corpus", "queries", "qrels")
        )
        # Of documents that say the same, the first: the others would share its rank.
        said = corpus.with_columns(same=pl.col("text").str.strip_chars().str.to_lowercase())
        self.documents = said.unique("same", keep="first", maintain_order=True).select("text", doc_id="_id")
        self.qrels = qrels.select(query_id="query-id", doc_id="corpus-id", relevance="score")
        self.judged: dict[str, dict[str, int]] = {}
        for query_id, doc_id, relevance in self.qrels.iter_rows():
            self.judged.setdefault(query_id, {})[doc_id] = relevance
        relevant = [query for query, documents in self.judged.items() if max(documents.values()) > 0]
        self.queries = queries.select("text", query_id="_id").filter(pl.col("query_id").is_in(relevant))

    @property
    def pairs(self) -> pl.DataFrame:
        """anchor, positive, query_id: a row for each judgement above 0."""
        return (
            self.qrels.filter(pl.col("relevance") > 0)
            .join(self.queries.rename({"text": "anchor"}), on="query_id")
            .join(self.documents.rename({"text": "positive"}), on="doc_id")
            .select("anchor", "positive", "query_id")
        )

    def measured(self, ranked: Sequence[Sequence[int]]) -> dict[str, float]:
        """nDCG@10 and recall at 10 and 100, means over the queries, of rankings of document rows."""
        doc_ids = self.documents["doc_id"].to_list()
        judged = [self.judged[query] for query in self.queries["query_id"]]
        lists = [[doc_ids[row] for row in rows] for rows in ranked]
        both = list(zip(judged, lists, strict=True))
        return {
            "nDCG@10": float(np.mean([ndcg(of_query, found, 10) for of_query, found in both])),
            "recall@10": float(np.mean([recall(of_query, found, 10) for of_query, found in both])),
            "recall@100": float(np.mean([recall(of_query, found, 100) for of_query, found in both])),
        }


def ndcg(judged: Mapping[str, int], found: Sequence[str], k: int) -> float:
    """Normalised discounted cumulative gain, the relevance as gain."""
    gains = [judged.get(document, 0) for document in found[:k]]
    best = sorted(judged.values(), reverse=True)[:k]
    return _discounted(gains) / _discounted(best)


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def recall(judged: Mapping[str, int], found: Sequence[str], k: int) -> float:
    """The share of the relevant documents among the first k."""
    relevant = {document for document, relevance in judged.items() if relevance > 0}
    return len(relevant & set(found[:k])) / len(relevant)


def by_bm25s(documents: Sequence[str], queries: Sequence[str], k: int) -> list[list[int]]:
    """Rows of the k best documents for each query by bm25s with its own tokenizer."""
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index(bm25s.tokenize(list(documents), stopwords=None, show_progress=False), show_progress=False)
    asked = bm25s.tokenize(list(queries), stopwords=None, show_progress=False)
    found, _ = index.retrieve(asked, k=k, show_progress=False)
    return [[int(row) for row in rows] for rows in found]


def by_cosine(documents: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], k: int) -> list[list[int]]:
    """Rows of the k documents of the highest cosine for each query."""
    left, right = (
        vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12) for vectors in (queries, documents)
    )
    return np.argsort(-(left @ right.T), axis=1, kind="stable")[:, :k].tolist()
