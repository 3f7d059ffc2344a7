"""Collections and the measures of runs by pytrec_eval, sharing no code with the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytrec_eval

Run = Mapping[str, Mapping[str, float]]
Qrels = Mapping[str, Mapping[str, int]]

_NAMES = {"ndcg": "ndcg_cut", "map": "map_cut", "recall": "recall", "precision": "P"}


def measured(run: Run, qrels: Qrels, cutoffs: Sequence[int]) -> dict[str, dict[str, float]]:
    """Query → measure (`ndcg@10`) → value, for the queries of the run that have judgements."""
    wanted = {f"{name}.{cutoff}" for name in _NAMES.values() for cutoff in cutoffs}
    found = pytrec_eval.RelevanceEvaluator(qrels, {*wanted, "recip_rank"}).evaluate(run)
    return {query: _named(values, cutoffs) for query, values in found.items()}


def _named(values: Mapping[str, float], cutoffs: Sequence[int]) -> dict[str, float]:
    named = {f"{ours}@{k}": values[f"{theirs}_{k}"] for ours, theirs in _NAMES.items() for k in cutoffs}
    # A ranking cut at k holds the first relevant document if that stands at k or before.
    first = values["recip_rank"]
    return named | {f"mrr@{k}": first if first > 0 and round(1 / first) <= k else 0.0 for k in cutoffs}


@dataclass(frozen=True)
class Collection:
    """Documents and queries with test judgements: id → text, in the order in which a task has them.

    Any order would do for the measures, but the place of a column in a product of matrices may show in its last bits.
    """

    documents: Mapping[str, str]
    queries: Mapping[str, str]
    qrels: Qrels

    @classmethod
    def read(cls, folder: Path) -> Collection:
        """A folder of corpus, queries and qrels as parquet, titled documents."""
        corpus, queries, judged = (
            pl.read_parquet(folder / f"{name}.parquet") for name in ("corpus", "queries", "qrels")
        )
        qrels: dict[str, dict[str, int]] = {}
        for row in judged.iter_rows(named=True):
            if row.get("split", "test") == "test":
                qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = row["score"]
        texts = {row["_id"]: f"{row['title']} {row['text']}".strip() for row in corpus.iter_rows(named=True)}
        asked = {query: text for query, text in queries.select("_id", "text").iter_rows() if query in qrels}
        return cls(dict(sorted(texts.items(), reverse=True)), dict(sorted(asked.items())), qrels)

    def measured(self, scores: npt.NDArray[np.float32], cutoffs: Sequence[int]) -> dict[str, dict[str, float]]:
        """Query → measure → value for scores of all queries by all documents."""
        rows = zip(self.queries, scores.tolist(), strict=True)
        return measured(
            {query: dict(zip(self.documents, row, strict=True)) for query, row in rows}, self.qrels, cutoffs
        )
