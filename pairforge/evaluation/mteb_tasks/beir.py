"""A folder in BEIR's layout as mteb holds a retrieval or reranking task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from pairforge.errors import FrameError
from pairforge.evaluation.mteb_tasks.files import as_dataset, has_part, part_of
from pairforge.evaluation.mteb_tasks.kinds import RERANKING, kind_of, needed
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.evaluation.retrieval.reading import read_retrieval_set
from pairforge.files import read_frame

_CANDIDATES = "top_ranked"
Relevant = dict[str, dict[str, int]]
"""Query → document → relevance, 0 for one that was judged to be none."""


def read_beir(task: Any, folder: Path, told: list[str]) -> dict[str, Any]:
    """By split, what mteb keeps of one: corpus, queries, relevant documents, and what is to be reranked.

    Where a reranking task has no `top_ranked`, all judged documents of a query are its candidates.

    Args:
        task: mteb's task.
        folder: Corpus, queries and qrels, as `retrieval:DIR` reads them.
        told: Takes what was guessed.

    Raises:
        FileError: a part is missing.
        FrameError: a part does not hold what it has to, or the parts do not fit.
    """
    return {split: _split(task, folder, split, told) for split in task.eval_splits}


def _split(task: Any, folder: Path, split: str, told: list[str]) -> dict[str, Any]:
    # mteb itself says whether documents that bear a query's id count.
    options = RetrievalOptions(split=split if _names_splits(task, folder) else None, ignore_identical_ids=False)
    found = read_retrieval_set(str(folder), options)
    told.extend(guess for guess in found.guesses if guess not in told)
    relevant: Relevant = {}
    for query, document, relevance in found.judgements.iter_rows():
        relevant.setdefault(query, {})[document] = relevance
    return {
        "corpus": as_dataset(found.documents.rename({"doc_id": "id"})),
        "queries": as_dataset(found.queries.rename({"query_id": "id"})),
        "relevant_docs": relevant,
        "top_ranked": _candidates(folder, relevant, set(found.documents["doc_id"]), told)
        if kind_of(task) is RERANKING
        else None,
    }


def _names_splits(task: Any, folder: Path) -> bool:
    wanted = f"mteb:{task.metadata.name} needs {needed(task)}"
    qrels, queries = (part_of(folder, part, wanted) for part in ("qrels", "queries"))
    return qrels.is_dir() or any("split" in read_frame(part, 1).columns for part in (qrels, queries))


def _candidates(folder: Path, relevant: Relevant, there: set[str], told: list[str]) -> dict[str, list[str]]:
    if not has_part(folder, _CANDIDATES):
        told.append(f"{folder}: there is no {_CANDIDATES}; the judged documents of each query are reranked")
        return {query: [name for name in documents if name in there] for query, documents in relevant.items()}
    path = part_of(folder, _CANDIDATES, "one of these was wanted")
    rows = read_frame(path)
    if {"query-id", "corpus-ids"} - set(rows.columns):
        raise FrameError(
            f"{path}: columns query-id and corpus-ids (lists) were wanted (found: {', '.join(rows.columns)}). "
            "Rename them."
        )
    lists = rows.select(pl.col("query-id").cast(pl.String), pl.col("corpus-ids").cast(pl.List(pl.String)))
    return dict(lists.iter_rows())
