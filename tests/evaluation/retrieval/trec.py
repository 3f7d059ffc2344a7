"""The measures of runs by pytrec_eval, which shares no code with the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
