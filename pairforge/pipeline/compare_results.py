"""What a comparison of corpora found: records for its JSON file, and its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pairforge.errors import FileError
from pairforge.evaluation.result_tables import heading, markdown_table
from pairforge.evaluation.statistics import Estimate
from pairforge.files import read_json
from pairforge.pipeline.standings import Scores, shown_difference


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reached(Scores):
    """One corpus' scores by one measure of one task.

    Args:
        by_seed: The measure, one a seed.
        ahead: How far it is ahead of the baseline, with an interval over seeds and items, both paired; None for the
            baseline itself.
        around: The mean over seeds with its own interval; those of two corpora say little about their difference.
    """

    around: Estimate


class OnTask(_Record):
    """One corpus on one task.

    Args:
        rank: Its place by the first measure; corpora of which each cannot be told from the next share one ("2–4"). None
            for the untrained student, and where parts of a corpus are compared.
        measures: Measure → scores.
        shared_rows: Rows that share a text with what the task asks about, which flatters the corpus; None where the
            corpus or the task has no texts to compare.
    """

    rank: str | None
    measures: dict[str, Reached]
    shared_rows: int | None


class CorpusResults(_Record):
    """What came of one corpus.

    Args:
        name: What the table calls it.
        source: Where it was read from; None for the untrained student.
        rows: Its rows; 0 for the untrained student.
        loss: What was learnt from it.
        epochs: How often its rows were gone through.
        rate: The learning rate; None where the loss' usual one was taken, and for the untrained student.
        part_of: The corpus that it is a sample of, or a mix less one source; None for a whole corpus.
        without: The source that is left out of the mix.
        tasks: Task → what it reached.
    """

    name: str
    source: str | None
    rows: int
    loss: str | None
    epochs: float
    rate: float | None
    part_of: str | None
    without: str | None
    tasks: dict[str, OnTask]


class TaskFacts(_Record):
    """One task.

    Args:
        task: As it was named.
        rows: Its items; 0 where it knows them only while it judges.
        items: What an item is, in the plural.
        measures: What is measured, the most telling first.
    """

    task: str
    rows: int
    items: str
    measures: tuple[str, ...]

    @property
    def heading(self) -> str:
        """The task with its size, as far as that is known."""
        return f"{self.task}, {self.rows:,} {self.items}" if self.rows else self.task


class Comparison(_Record):
    """Everything that one comparison found.

    Args:
        student: What was trained.
        steps: Batches each student was trained on.
        batch_size: Rows in a batch.
        seeds: Students a corpus.
        rates: Learning rates tried for each corpus; none where the loss' usual one was taken.
        dev: The task that chose among them.
        baseline: The corpus that all others are compared with.
        confidence: Share of the resamples that each interval holds.
        bootstrap_samples: Resamples behind each interval.
        seed: Seed of the resamples and of samples of corpora.
        tasks: What was judged by.
        corpora: What came of each, the untrained student first.
        notes: What makes the comparison less than fair, and what else the user should know.
        conclusion: What it means, in sentences.
    """

    student: str
    steps: int
    batch_size: int
    seeds: int
    rates: tuple[float, ...]
    dev: str | None
    baseline: str
    confidence: float
    bootstrap_samples: int
    seed: int
    tasks: tuple[TaskFacts, ...]
    corpora: tuple[CorpusResults, ...]
    notes: tuple[str, ...]
    conclusion: tuple[str, ...]

    @property
    def trained(self) -> tuple[CorpusResults, ...]:
        """All but the untrained student."""
        return tuple(corpus for corpus in self.corpora if corpus.source is not None)

    def to_json(self) -> dict[str, Any]:
        """The value that is written to the results file."""
        return self.model_dump(mode="json")

    def table(self, task: TaskFacts) -> list[dict[str, str]]:
        """One row a corpus: heading → text; by rank where there are ranks, else as they were given."""
        measure = task.measures[0]
        ranked = sorted(self.trained, key=lambda corpus: -corpus.tasks[task.task].measures[measure].mean)
        has_ranks = any(corpus.tasks[task.task].rank for corpus in ranked)
        untrained = [corpus for corpus in self.corpora if corpus.source is None]
        return [self._row(corpus, task, has_ranks) for corpus in (*(ranked if has_ranks else self.trained), *untrained)]

    def _row(self, corpus: CorpusResults, task: TaskFacts, has_ranks: bool) -> dict[str, str]:
        found, trained = corpus.tasks[task.task], corpus.source is not None
        reached = found.measures[task.measures[0]]
        rate = "usual" if corpus.rate is None else f"{corpus.rate:g}"
        return {
            **({"Rank": found.rank or "–"} if has_ranks else {}),
            "Trained on": corpus.name,
            "Rows": f"{corpus.rows:,}" if trained else "–",
            "Epochs": f"{corpus.epochs:.2g}" if trained else "–",
            "Loss": corpus.loss or "–",
            "Rate": rate if trained else "–",
            heading(task.measures[0]): str(reached),
            f"Against {self.baseline}": shown_difference(reached.ahead),
        }

    def markdown(self) -> str:
        """Tables, notes and conclusion as a page."""
        lines = ["# Comparison of corpora", ""]
        lines += [*self.conclusion, ""]
        for task in self.tasks:
            lines += [f"## {task.heading}", "", markdown_table(self.table(task))]
        lines += [f"- {note}" for note in self.notes]
        return "\n".join(lines).rstrip() + "\n"


def read_comparison(path: Path) -> Comparison:
    """Read a results file.

    Raises:
        FileError: it cannot be read, or holds no results of a comparison.
    """
    value = read_json(path)
    try:
        return Comparison.model_validate(value)
    except ValidationError:
        raise FileError(f"{path}: holds no results of a comparison; make it anew with pairforge compare.") from None
