"""From trials to results: every corpus' scores and rank, notes, and the sentences of the conclusion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from pairforge.evaluation.result_tables import heading
from pairforge.evaluation.seed_scores import SeedScores
from pairforge.evaluation.statistics import Estimate
from pairforge.evaluation.task import Task
from pairforge.pipeline.compare_conclusion import Ahead, of_corpora, of_curve, of_mix, ranks
from pairforge.pipeline.compare_options import CompareOptions
from pairforge.pipeline.compare_results import Comparison, CorpusResults, OnTask, Reached, TaskFacts
from pairforge.pipeline.comparison import DEV, Contest, Tried
from pairforge.pipeline.entrants import Part
from pairforge.pipeline.fairness import Shared, warnings
from pairforge.pipeline.students import FRESH_DIMENSION, FRESH_STATIC

UNTRAINED = "untrained"
"""What the student is called before any training."""


@dataclass(frozen=True)
class Verdict:
    """What came of all trials.

    Args:
        parts: What was trained on.
        tried: What came of the untrained student, and of each part.
        contest: What they shared.
        options: What was asked for.
        baseline: The corpus that all others are compared with.
        losses: Part → what was learnt from it.
        shared: Rows that share texts with tasks.
    """

    parts: Sequence[Part]
    tried: Sequence[Tried]
    contest: Contest
    options: CompareOptions
    baseline: str
    losses: Mapping[str, str]
    shared: Shared

    def comparison(self) -> Comparison:
        """The results."""
        options = self.options
        return Comparison(
            student=options.student,
            steps=options.steps,
            batch_size=options.batch_size,
            seeds=options.seeds,
            rates=tuple(rate for rate in self.contest.rates if rate is not None),
            dev=options.dev,
            baseline=self.baseline,
            confidence=options.confidence,
            bootstrap_samples=options.bootstrap_samples,
            seed=options.seed,
            tasks=tuple(
                TaskFacts(task=task.name, rows=task.rows, items=task.items, measures=task.measures)
                for task in self._tasks.values()
            ),
            corpora=tuple(self._corpus(one, part) for one, part in zip(self.tried, [None, *self.parts], strict=True)),
            notes=tuple(self._notes()),
            conclusion=tuple(self._conclusion()),
        )

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        return {name: self.contest.read(name) for name in self.options.task}

    @cached_property
    def _against(self) -> Tried:
        return next(one for one in self.tried if one.contestant.name == self.baseline)

    @cached_property
    def _ranks(self) -> dict[str, dict[str, str]]:
        """Task → corpus → place; none where parts of a corpus are compared."""
        if any(part.part_of for part in self.parts):
            return {task: {} for task in self._tasks}
        return {
            task: dict(zip((one.contestant.name for one in ordered), ranks(ordered, self._ahead(task)), strict=True))
            for task in self._tasks
            for ordered in [self._ordered(task)]
        }

    def _scores(self, one: Tried, task: str) -> SeedScores:
        return one.scores[task][self._tasks[task].measures[0]]

    def _ordered(self, task: str) -> list[Tried]:
        return sorted(self.tried[1:], key=lambda one: -float(self._scores(one, task).values.mean()))

    def _ahead(self, task: str) -> Ahead:
        def ahead(one: Tried, other: Tried) -> Estimate:
            return self._difference(self._scores(one, task), self._scores(other, task))

        return ahead

    def _difference(self, ours: SeedScores, theirs: SeedScores) -> Estimate:
        return ours.ahead_of(theirs, self.options.confidence, self.options.seed)

    def _corpus(self, one: Tried, part: Part | None) -> CorpusResults:
        name, rows = one.contestant.name, one.contestant.rows
        return CorpusResults(
            name=name,
            source=None if part is None else part.source,
            rows=rows,
            loss=self.losses.get(name),
            epochs=self.options.steps * self.options.batch_size / rows if rows else 0,
            rate=one.rate,
            part_of=None if part is None else part.part_of,
            without=None if part is None else part.without,
            tasks={
                task: OnTask(
                    rank=self._ranks[task].get(name),
                    measures={measure: self._reached(one, task, measure) for measure in self._tasks[task].measures},
                    shared_rows=self.shared.get(task, {}).get(name),
                )
                for task in self._tasks
            },
        )

    def _reached(self, one: Tried, task: str, measure: str) -> Reached:
        ours, theirs = one.scores[task][measure], self._against.scores[task][measure]
        return Reached(
            by_seed=tuple(ours.values.tolist()),
            ahead=None if one is self._against else self._difference(ours, theirs),
            around=ours.around_mean(self.options.confidence, self.options.seed),
        )

    def _conclusion(self) -> Iterator[str]:
        for task in self._tasks:
            place = f"{task}: " if len(self._tasks) > 1 else ""
            yield from (place + sentence for sentence in self._told(task))
        yield self._held_equal()

    def _told(self, task: str) -> Iterator[str]:
        ahead = self._ahead(task)
        if self.options.leave_one_out:
            parts = [(part.without, one) for part, one in zip(self.parts, self.tried[1:], strict=True) if part.without]
            yield from of_mix(self.tried[1], parts, ahead)
        elif self.options.learning_curve:
            for mother in [part.name for part in self.parts if part.part_of is None]:
                points = [
                    one
                    for part, one in zip(self.parts, self.tried[1:], strict=True)
                    if mother in (part.part_of, part.name)
                ]
                yield from of_curve(points, ahead)
        else:
            scored = partial(self._scored, task)
            yield from of_corpora(self._ordered(task), self.tried[0], self._against, ahead, scored)

    def _scored(self, task: str, one: Tried) -> str:
        return f"{heading(self._tasks[task].measures[0])} {self._scores(one, task).values.mean():.4f}"

    def _held_equal(self) -> str:
        options = self.options
        student = options.student
        if student == FRESH_STATIC:
            student = f"static of {FRESH_DIMENSION} dimensions from random weights"
        if options.dev is not None and len(self.contest.rates) > 1:
            rates = ", ".join(f"{rate:g}" for rate in self.contest.rates)
            rate = f"the learning rate is each corpus' best of {rates} on {options.dev}"
        elif options.rate:
            rate = f"the learning rate is {options.rate[0]:g} for all"
        else:
            rate = "the learning rate is the loss' usual one for all"
        return (
            f"Held equal: the student ({student}), {options.steps:,} steps of {options.batch_size:,} rows and "
            f"{options.seeds} seeds; {rate}. Intervals hold {options.confidence:.0%} of {options.bootstrap_samples:,} "
            "resamples of seeds and items, paired."
        )

    def _notes(self) -> Iterator[str]:
        yield from warnings(self.parts, self.shared)
        if len({*self.losses.values()}) > 1:
            yield "The corpora differ in shape and so in loss: what is compared is each corpus with the loss it allows."
        if len(self.contest.rates) == 1 and not self.options.dev:
            yield "One rate for all corpora may suit some better than others; --dev lets each have its best."
        yield from self._rates_at_an_edge()
        for task in (*self._tasks.values(), *([self.contest.read(DEV)] if self.options.dev else [])):
            yield from task.guesses

    def _rates_at_an_edge(self) -> Iterator[str]:
        rates = [rate for rate in self.contest.rates if rate is not None]
        if len(rates) < 2:
            return
        for what, edge in (("highest", max(rates)), ("lowest", min(rates))):
            found = [one.contestant.name for one in self.tried[1:] if one.rate == edge]
            if found:
                yield f"{', '.join(found)}: did best at the {what} rate tried, {edge:g}; try one beyond it."
