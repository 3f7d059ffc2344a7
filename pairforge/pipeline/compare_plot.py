"""The plot of a comparison: what each corpus is ahead of the baseline, or how quality grows with rows."""

from __future__ import annotations

from pathlib import Path

from pairforge.engines.plots import Lines, Mark, Rows, write_svg
from pairforge.evaluation.result_tables import heading
from pairforge.evaluation.statistics import Estimate
from pairforge.pipeline.compare_results import Comparison, CorpusResults, TaskFacts


def draw(found: Comparison, path: Path) -> None:
    """Draw a panel a task.

    Of corpora and mixes it shows differences to the baseline with their paired intervals, best first; of samples the
    measure itself over rows, a line a corpus.

    Raises:
        MissingExtraError: matplotlib is not installed.
        FileError: the file cannot be written.
    """
    curves = any(corpus.part_of and not corpus.without for corpus in found.corpora)
    write_svg([_lines(found, task) if curves else _rows(found, task) for task in found.tasks], path)


def _rows(found: Comparison, task: TaskFacts) -> Rows:
    measure = task.measures[0]
    ordered = sorted(found.trained, key=lambda corpus: -corpus.tasks[task.task].measures[measure].mean)
    return Rows(
        title=task.task,
        measure=f"{heading(measure)} less that of {found.baseline}, {found.confidence:.0%} interval",
        marks=[_difference(corpus, task) for corpus in ordered],
        reference=0.0,
    )


def _difference(corpus: CorpusResults, task: TaskFacts) -> Mark:
    reached = corpus.tasks[task.task].measures[task.measures[0]]
    ahead = reached.ahead or Estimate(0.0, 0.0, 0.0)
    return Mark(f"{corpus.name}  {reached.mean:.4f}", ahead.value, ahead.low, ahead.high)


def _lines(found: Comparison, task: TaskFacts) -> Lines:
    measure, lines = task.measures[0], dict[str, list[Mark]]()
    for corpus in found.trained:
        around = corpus.tasks[task.task].measures[measure].around
        mark = Mark("", around.value, around.low, around.high, at=corpus.rows)
        lines.setdefault(corpus.part_of or corpus.name, []).append(mark)
    start = next(corpus for corpus in found.corpora if corpus.source is None)
    return Lines(
        title=task.task,
        along=f"rows, each at {found.steps:,} steps",
        measure=f"{heading(measure)}, {found.confidence:.0%} interval",
        lines=[*lines.items()],
        reference=(start.tasks[task.task].measures[measure].mean, start.name),
    )
