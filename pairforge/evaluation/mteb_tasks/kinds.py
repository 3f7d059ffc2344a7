"""The kinds of mteb's tasks that are known more closely: what they measure, and what local files they can be run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pairforge.evaluation.mteb_tasks.library import load_mteb


@dataclass(frozen=True)
class MtebKind:
    """What tasks of one kind have in common.

    Args:
        name: The kind, as errors say it.
        items: What an item is, in the plural, where mteb tells what a model predicted for each; "results" otherwise.
        measures: What is shown beside the main score.
        local: What a folder has to hold for `--task-data`, SPLITS standing for those of the task; empty where local
            files cannot stand in.
    """

    name: str
    items: str
    measures: tuple[str, ...]
    local: str


_TEXTS = "with columns text and label"
CLASSIFICATION = MtebKind("classification", "texts", ("accuracy", "f1"), f"a file for each split (SPLITS) {_TEXTS}")
STS = MtebKind(
    "sts",
    "pairs",
    ("cosine_spearman", "cosine_pearson"),
    "a file for each split (SPLITS) with columns sentence1, sentence2 and score",
)
PAIRS = MtebKind(
    "pair classification",
    "pairs",
    ("cosine_ap",),
    "a file for each split (SPLITS) with columns sentence1, sentence2 and label",
)
CLUSTERING = MtebKind("clustering", "results", (), f"a file for each split (SPLITS) {_TEXTS}")
RETRIEVAL = MtebKind(
    "retrieval",
    "queries",
    ("recall_at_100",),
    "corpus, queries and qrels as BEIR lays them out (parquet, jsonl or tsv)",
)
RERANKING = MtebKind(
    "reranking",
    "queries",
    ("ndcg_at_10",),
    "corpus, queries and qrels as BEIR lays them out, and top_ranked with columns query-id and corpus-ids",
)


def kind_of(task: Any) -> MtebKind:
    """The kind of one of mteb's tasks; one without anything special if it is none of those above."""
    tasks = load_mteb().abstasks
    apart = (tasks.AbsTaskMultilabelClassification, tasks.AbsTaskRegression)
    plain = MtebKind(str(task.metadata.type), "results", (), "")
    if isinstance(task, tasks.AbsTaskRetrieval):
        return {"Retrieval": RETRIEVAL, "Reranking": RERANKING}.get(task.metadata.type, _queries(plain))
    for base, kind in (
        (tasks.AbsTaskClassification, CLASSIFICATION),
        (tasks.AbsTaskSTS, STS),
        (tasks.AbsTaskPairClassification, PAIRS),
        (tasks.AbsTaskClustering, CLUSTERING),
        (tasks.AbsTaskClusteringLegacy, CLUSTERING),
    ):
        if isinstance(task, base) and not isinstance(task, apart):
            return kind
    return plain


def needed(task: Any) -> str:
    """What a folder has to hold for `--task-data`; empty where local files cannot stand in."""
    kind = kind_of(task)
    splits = dict.fromkeys([*([task.train_split] if kind is CLASSIFICATION else []), *task.eval_splits])
    return kind.local.replace("SPLITS", ", ".join(splits))


def searches(task: Any) -> bool:
    """Whether models that search, without a vector for each text, can do the task."""
    return isinstance(task, load_mteb().abstasks.AbsTaskRetrieval)


def _queries(kind: MtebKind) -> MtebKind:
    return MtebKind(kind.name, "queries", (), "")
