"""What mteb wrote down of a model's predictions, as one row an item, with the truth beside it."""

from __future__ import annotations

from typing import Any

import polars as pl

from pairforge.evaluation.mteb_tasks.kinds import CLASSIFICATION, PAIRS, STS, kind_of, searches

GOLD = "gold"
GUESS = "guess_"
_OF_TREC_EVAL = {
    "ndcg_cut_": "ndcg_at_",
    "map_cut_": "map_at_",
    "recall_": "recall_at_",
    "P_": "precision_at_",
    "success_": "hit_rate_at_",
}


def item_rows(task: Any, subset: str, split: str, predicted: Any) -> pl.DataFrame | None:
    """The items of one subset and split, or None where nothing is known of single items.

    Args:
        task: mteb's task, its data loaded.
        subset: The subset.
        split: The split.
        predicted: What mteb wrote down of it; None if it wrote nothing.

    Returns:
        Classification: the class (`gold`) and what each experiment guessed (`guess_0` …). Pairs: their score or label
        and each way of closeness, higher for closer. Retrieval: by query, measures by mteb's names.
    """
    if predicted is None:
        return None
    if searches(task):
        return _queries(task, _rows(task, subset)[split], predicted)
    rows = _rows(task, subset)[split]
    kind = kind_of(task)
    if kind is CLASSIFICATION:
        return _texts(rows[task.label_column_name], predicted)
    if kind is STS:
        return _pairs(list(rows["score"]), predicted, already_negative=True)
    if kind is PAIRS:
        labels = rows[0] if len(rows) == 1 else rows
        return _pairs(list(labels[task.label_column_name]), predicted, already_negative=False)
    return None


def _rows(task: Any, subset: str) -> Any:
    return task.dataset.get(subset, task.dataset)


def _texts(labels: Any, predicted: list[list[Any]]) -> pl.DataFrame | None:
    gold = list(labels)
    if any(len(guesses) != len(gold) for guesses in predicted):
        return None  # Cross-validation: each experiment guesses other texts.
    return pl.DataFrame({GOLD: gold} | {f"{GUESS}{place}": guesses for place, guesses in enumerate(predicted)})


def _pairs(truth: list[float], predicted: dict[str, list[float] | None], *, already_negative: bool) -> pl.DataFrame:
    rows = pl.DataFrame({GOLD: [float(value) for value in truth]})
    for way, numbers in predicted.items():
        if numbers is None:
            continue
        distance = way.endswith("_distances") and not already_negative
        column = pl.Series(way.rsplit("_", 1)[0], numbers, dtype=pl.Float64)
        rows = rows.with_columns(-column if distance else column)
    return rows


def _queries(task: Any, rows: Any, predicted: dict[str, dict[str, float]]) -> pl.DataFrame | None:
    from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores  # noqa: PLC0415 - an extra

    if task.ignore_identical_ids:
        predicted = {query: {doc: s for doc, s in found.items() if doc != query} for query, found in predicted.items()}
    by_query = calculate_retrieval_scores(
        predicted, rows["relevant_docs"], list(task.k_values), task.skip_first_result
    ).all_scores
    names = {
        theirs: ours + theirs.removeprefix(start)
        for theirs in next(iter(by_query.values()), {})
        for start, ours in _OF_TREC_EVAL.items()
        if theirs.startswith(start)
    }
    return pl.DataFrame([{names[name]: value for name, value in found.items()} for found in by_query.values()])
