"""The results of an evaluation as tables: for a terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from pairforge.evaluation.results import Evaluation, ModelFacts, Score, TaskResults

_ABBREVIATIONS = {"auc": "AUC", "ndcg": "nDCG", "mrr": "MRR", "map": "MAP", "f1": "F1"}


def results_table(results: Evaluation) -> list[dict[str, str]]:
    """One row a task and model: heading → text; differences stand only where models are compared."""
    facts = [_facts_row(facts) for facts in results.models]
    used = {heading for row in facts for heading, shown in row.items() if shown}
    kept = [{heading: shown or "–" for heading, shown in row.items() if heading in used} for row in facts]
    return [_table_row(task, place) | kept[place] for task in results.tasks for place in range(len(task.models))]


def results_markdown(results: Evaluation) -> str:
    """The same table as Markdown, one for each task."""
    parts = []
    for task in results.tasks:
        rows = results_table(results.model_copy(update={"tasks": (task,)}))
        shown = [{heading: text for heading, text in row.items() if heading not in ("Task", "Items")} for row in rows]
        parts.append(f"**{task.task}**, {task.rows:,} {task.items}\n\n{markdown_table(shown)}")
    return (
        "\n".join(parts)
        + f"\nIn brackets: {results.confidence:.0%} bootstrap intervals, {results.bootstrap_samples:,} resamples.\n"
    )


def markdown_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of one set of headings as a table of Markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "".join(f"| {' | '.join(map(_in_a_cell, line))} |\n" for line in lines)


def _in_a_cell(text: str) -> str:
    return text.replace("|", "\\|")


CSV_COLUMNS = ("task", "source", "rows", "model", "identity", "metric", "value", "low", "high")


def results_csv(results: Evaluation) -> str:
    """One row a task, model and metric."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for task in results.tasks:
        for scores in task.models:
            about = (task.task, task.source, task.rows, scores.model, scores.identity)
            writer.writerows((*about, name, *score.model_dump().values()) for name, score in scores.metrics.items())
    return written.getvalue()


def _table_row(task: TaskResults, place: int) -> dict[str, str]:
    scores = task.models[place]
    row = {"Task": task.task, "Items": f"{task.rows:,} {task.items}", "Model": scores.model}
    row |= {heading(measure): shown_score(scores.metrics[scores.metric(measure)]) for measure in task.measures}
    compared = f"Against the first ({heading(task.measures[0])})"
    return row | {compared: _difference(task, place)} if task.differences else row


def _facts_row(facts: ModelFacts) -> dict[str, str]:
    numbers = {
        "Numbers": facts.dimension,
        "Bytes a vector": facts.vector_bytes,
        "Weights, MB": facts.weights_bytes and round(facts.weights_bytes / 1e6, 1),
        "ms a query": facts.query_milliseconds,
        "Passages/s": facts.texts_per_second and round(facts.texts_per_second),
    }
    return {name: "" if number is None else f"{number:,}" for name, number in numbers.items()}


def heading(measure: str) -> str:
    """How tables head a measure."""
    name, at, depth = measure.partition("@")
    words = [_ABBREVIATIONS.get(word, word) for word in name.split("_")]
    if words[0].islower():
        words[0] = words[0].capitalize()
    return " ".join(words) + at + depth


def shown_score(score: Score) -> str:
    """A value with its interval, where it has one."""
    within = "" if score.low is None else f" ({score.low:.4f} to {score.high:.4f})"
    return f"{score.value:.4f}{within}"


def _difference(task: TaskResults, place: int) -> str:
    if place == 0:
        return "–"
    # By place, for names need not differ; the comparisons with the first model stand first.
    first = task.models[0]
    compared = [name for name in task.measures if first.metrics[first.metric(name)].low is not None]
    if task.measures[0] not in compared:
        return "–"  # It knows no predictions of items; a measure beside it does.
    found = task.differences[(place - 1) * len(compared)]
    clear = "" if found.excludes_zero else ", unclear"
    return f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f}{clear})"
