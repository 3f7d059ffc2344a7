"""Results of many evaluations in one file: a line of JSON for each model and task, added as they come."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pairforge.errors import FileError
from pairforge.evaluation.result_tables import heading, shown_score
from pairforge.evaluation.results import Evaluation, ModelFacts, ModelScores, TaskResults

LEADERBOARD = "leaderboard.jsonl"
"""What the file is called."""


class Entry(BaseModel):
    """One model's scores on one task.

    Args:
        task: The task, without its models.
        scores: The model's scores.
        facts: What the model costs.
        confidence: Share of the resamples that each interval holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: TaskResults
    scores: ModelScores
    facts: ModelFacts
    confidence: float

    @property
    def board(self) -> tuple[str, str, int, str, tuple[str, ...]]:
        """What it may be compared within: the task, its items and what is measured of them."""
        return self.task.task, self.task.source, self.task.rows, self.task.data, self.task.measures

    @property
    def main(self) -> float:
        """The value of the task's most telling measure."""
        return self.scores.metrics[self.scores.metric(self.task.measures[0])].value


def add_results(results: Evaluation, path: Path) -> None:
    """Add an evaluation's results to the file, which is made if need be; earlier lines stay as they are.

    Raises:
        FileError: it cannot be written.
    """
    lines = "".join(f"{json.dumps(entry.model_dump(mode='json'), ensure_ascii=False)}\n" for entry in _entries(results))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write at the end of the file: evaluations that end at once do not mix their lines.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, lines.encode())
        finally:
            os.close(handle)
    except OSError as error:
        raise FileError(
            f"{path}: the results cannot be added ({error.strerror}). Name another --leaderboard."
        ) from error


def read_leaderboard(paths: Sequence[Path]) -> list[Entry]:
    """The last entry of each model and task, in the order in which tasks first came, the best model first.

    Args:
        paths: Leaderboard files, or folders in which (and below which) they lie.

    Raises:
        FileError: there is none, or a line is no entry.
    """
    entries = (entry for path in _files(paths) for entry in _read(path))
    found = {(entry.board, entry.scores.identity): entry for entry in entries}
    boards = list(dict.fromkeys(board for board, _ in found))
    return sorted(found.values(), key=lambda entry: (boards.index(entry.board), -entry.main))


def leaderboard_table(entries: Sequence[Entry]) -> list[dict[str, str]]:
    """One row an entry: heading → text; entries of one task and the same measures have the same headings.

    A task that was judged on differing rows bears the digest of each of them.
    """
    data: dict[str, set[tuple[str, str]]] = {}
    for entry in entries:
        data.setdefault(entry.task.task, set()).add((entry.task.source, entry.task.data))
    return [
        {
            "Task": entry.task.task + (f", data {entry.task.data[:8]}" if len(data[entry.task.task]) > 1 else ""),
            "Items": f"{entry.task.rows:,} {entry.task.items}",
            "Model": entry.scores.model,
            "Identity": entry.scores.identity[:8],
        }
        | {
            heading(measure): shown_score(entry.scores.metrics[entry.scores.metric(measure)])
            for measure in entry.task.measures
        }
        for entry in entries
    ]


def _entries(results: Evaluation) -> Iterator[Entry]:
    for task in results.tasks:
        bare = task.model_copy(update={"models": (), "differences": ()})
        for scores, facts in zip(task.models, results.models, strict=True):
            yield Entry(task=bare, scores=scores, facts=facts, confidence=results.confidence)


def _files(paths: Sequence[Path]) -> list[Path]:
    files = []
    for path in paths:
        below = sorted(path.rglob(LEADERBOARD)) if path.is_dir() else [path]
        if not below or not below[0].is_file():
            raise FileError(
                f"{path}: no {LEADERBOARD} lies there. Name the file or its folder; pairforge evaluate writes one "
                "beside its results."
            )
        files += below
    return files


def _read(path: Path) -> Iterator[Entry]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: cannot be read as a leaderboard ({error}).") from error
    for number, line in enumerate(lines, start=1):
        try:
            yield Entry.model_validate_json(line)
        except ValidationError:
            raise FileError(
                f"{path}: line {number} is no result of an evaluation. Take it out, or name a file that pairforge "
                "evaluate wrote."
            ) from None
