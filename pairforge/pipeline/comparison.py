"""Corpora compared by what a student learns from them, over several seeds, each at a rate that suits it.

Compared at different numbers of steps, the corpus with more steps looks better; at one rate for all, the one that the
rate suits. So every contestant says its steps, and its rate is the one that does best on dev, found with a seed that is
not among those reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from pairforge.errors import ModelError
from pairforge.evaluation.options import TaskOptions
from pairforge.evaluation.seed_scores import SeedScores
from pairforge.evaluation.task import Judgement, Means, Task
from pairforge.evaluation.tasks import read_task
from pairforge.execution.case import look_up
from pairforge.execution.stage import FileInput, Stage, check_stage, run_stage
from pairforge.execution.step import StepContext
from pairforge.files import read_frame
from pairforge.pipeline.students import FRESH_DIMENSION, FRESH_STATIC, start_of
from pairforge.pipeline.trial import TRIAL, TrialOptions, predictions_in, texts_in
from pairforge.progress import Progress, silent
from pairforge.training.options import LossName, Precision

DEV = "dev"
"""What the task is called by which rates are chosen."""

_SWEEP_SEED = 1000


@dataclass(frozen=True)
class Contestant:
    """One corpus, and how long the student is trained on it.

    Args:
        name: What the table calls it.
        corpus: Where it is read from.
        rows: Its rows.
        steps: Batches; 0 for the untrained student.
    """

    name: str
    corpus: str | Path
    rows: int
    steps: int


@dataclass(frozen=True)
class Tried:
    """What came of one contestant.

    Args:
        contestant: The corpus.
        rate: The rate that did best on dev; None for the untrained, and where the loss' usual one was taken.
        scores: Task → measure → scores of its students.
    """

    contestant: Contestant
    rate: float | None
    scores: Mapping[str, Mapping[str, SeedScores]]


@dataclass(frozen=True)
class Contest:
    """What all contestants share.

    Args:
        student: `FRESH_STATIC`, or the model that is trained.
        tasks: What the table calls a task → the task as `evaluate` takes it. Of several rates the one that does best
            on `DEV` is taken.
        judging: How tasks are read and resampled; those that it names itself do not count.
        rates: Learning rates to choose from; None is the one that is usual for the loss.
        seeds: Students a corpus.
        batch_size: Rows in a batch.
        loss: What to learn.
        folder: Where the trials are kept.
        cache: The folder of the caches that all commands share.
        precision: Arithmetic of the forward pass.
        reported: What the tasks are called by which the students of the seeds are judged; all if None.
        losses: Contestant → what it is to learn instead.
    """

    student: str
    tasks: Mapping[str, str]
    judging: TaskOptions
    rates: tuple[float | None, ...]
    seeds: int
    batch_size: int
    loss: LossName
    folder: Path
    cache: Path
    precision: Precision = "auto"
    reported: tuple[str, ...] | None = None
    losses: Mapping[str, LossName] = field(default_factory=dict)

    @property
    def final(self) -> tuple[str, ...]:
        """The tasks by which the students of the seeds are judged."""
        return tuple(self.tasks) if self.reported is None else self.reported

    def read(self, task: str) -> Task:
        """A task, by what the table calls it.

        Raises:
            FileError, FrameError: it cannot be read.
        """
        return read_task(self.tasks[task], self.judging.reading)

    def options(
        self, steps: int, rate: float | None, seed: int, tasks: Sequence[str] = (), *, name: str = ""
    ) -> TrialOptions:
        """How a student of the contestant of that name is trained and judged; by the final tasks if none are named."""
        fields = TaskOptions.model_fields
        judging = {
            "task": self._unique(tasks or self.final),
            # What is measured of predictions changes none of them.
            **{name: fields[name].default for name in ("bootstrap_samples", "confidence")},
        }
        return TrialOptions(
            judging=self.judging.model_copy(update=judging),
            steps=steps,
            learning_rate=rate,
            batch_size=self.batch_size,
            loss=self.losses.get(name, self.loss),
            precision=self.precision,
            fresh_dimension=FRESH_DIMENSION if self.student == FRESH_STATIC else None,
            seed=seed,
        )

    def trial(self, contestant: Contestant, rate: float | None, seed: int, tasks: Sequence[str] = ()) -> Stage:
        """The stage of one student; by content, so that trials of other making are kept beside it.

        Raises:
            FileError, ModelError: the corpus, a task's file or the student cannot be found.
        """
        options = self.options(contestant.steps, rate, seed, tasks, name=contestant.name)
        corpus, start = FileInput((str(contestant.corpus),)), start_of(self.student)
        stage = Stage(TRIAL, options, {"corpus": corpus}, {"start": (start,)})
        called = re.sub(r"\W+", "-", contestant.name).strip("-")
        told = look_up(stage, self.cache).origin.fingerprint[:12]
        name = f"{called}-{'usual' if rate is None else format(rate, 'g')}-{seed}-{told}.predictions"
        return replace(stage, outputs={"predictions": self.folder / name})

    def predictions(
        self, contestant: Contestant, rate: float | None, seed: int, tasks: Sequence[str] = ()
    ) -> dict[str, pl.DataFrame]:
        """Task → what one student says of its items; the student is trained if that was not done before.

        Raises:
            FrameError, OptionsError, ModelError: the student cannot be trained so.
        """
        stage = self.trial(contestant, rate, seed, tasks)
        folder = run_stage(stage, cache=self.cache, overwrite=True).outputs["predictions"]
        judged = tasks or self.final
        places = self._unique(judged)
        return {task: read_frame(predictions_in(folder, places.index(self.tasks[task]))) for task in judged}

    def texts(self, untrained: Contestant) -> dict[str, pl.Series]:
        """Task → the distinct texts that it asks a model about, in their normal form."""
        stage = self.trial(untrained, None, 0)
        folder = run_stage(stage, cache=self.cache, overwrite=True).outputs["predictions"]
        places = self._unique(self.final)
        return {task: pl.read_parquet(texts_in(folder, places.index(self.tasks[task])))["text"] for task in self.final}

    def trials_done(self, contestant: Contestant) -> int:
        """How many of a contestant's students would be taken as they are.

        Raises:
            FileError, ModelError: as `trial`.
        """
        choosing = [self.trial(contestant, rate, _SWEEP_SEED, [DEV]) for rate in self._choice(contestant)]
        done = sum(map(self._is_made, choosing))
        if done < len(choosing):
            return done
        rate = self.best_rate(contestant, lambda done: None)
        return done + sum(self._is_made(self.trial(contestant, rate, seed)) for seed in range(self.seeds))

    def trials_of(self, contestant: Contestant) -> int:
        """Students that are made for a contestant."""
        return self.seeds + len(self._choice(contestant))

    def best_rate(self, contestant: Contestant, advance: Callable[[int], None]) -> float | None:
        """The rate that does best on dev; one that lets the loss diverge is passed by.

        Raises:
            ModelError: none of them trains the student.
        """
        if not self._choice(contestant):
            return self.rates[0] if contestant.steps else None
        found: dict[float | None, pl.DataFrame] = {}
        for rate in self.rates:
            try:
                found[rate] = self.predictions(contestant, rate, _SWEEP_SEED, [DEV])[DEV]
            except ModelError as error:
                fault = error
            advance(1)
        if not found:
            raise ModelError(f"{contestant.name}: no rate trains the student: {fault}")
        dev = self.read(DEV)
        scores = [_value(judgement, dev) for judgement in dev.measure([*found.values()], self._means(1, silent))]
        return [*found][int(np.argmax(scores))]

    def measured(
        self, task: str, predictions: Sequence[Sequence[pl.DataFrame]], progress: Progress = silent
    ) -> list[dict[str, SeedScores]]:
        """Measure → scores, of the students of each contestant, all on the same resamples of the items.

        Args:
            task: What the table calls the task.
            predictions: Of each contestant, of each seed.
            progress: Shows resamples.
        """
        read = self.read(task)
        flat = [frame for by_seed in predictions for frame in by_seed]
        judgements = iter(read.measure(flat, self._means(self.judging.bootstrap_samples, progress)))
        return [_by_measure(read, [next(judgements) for _ in by_seed]) for by_seed in predictions]

    def _means(self, samples: int, progress: Progress) -> Means:
        return Means(samples, self.judging.seed, StepContext(cache=self.cache, progress=progress))

    def _unique(self, tasks: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.tasks[task] for task in tasks))

    def _choice(self, contestant: Contestant) -> tuple[float | None, ...]:
        return self.rates if contestant.steps > 0 and len(self.rates) > 1 else ()

    def _is_made(self, trial: Stage) -> bool:
        return check_stage(trial, cache=self.cache).up_to_date


def hold(contestants: Sequence[Contestant], contest: Contest, *, progress: Progress = silent) -> list[Tried]:
    """Train students on each corpus and judge them; trials that were made before are not made again.

    Args:
        contestants: The corpora.
        contest: What they share.
        progress: Shows students trained.

    Raises:
        FileError, FrameError, OptionsError, ModelError: a corpus or task cannot be read, or a student be trained.
    """
    rates: list[float | None] = []
    predicted: list[list[dict[str, pl.DataFrame]]] = []
    with progress("training students", sum(map(contest.trials_of, contestants)), "students") as advance:
        for contestant in contestants:
            rates.append(contest.best_rate(contestant, advance))
            predicted.append([])
            for seed in range(contest.seeds):
                predicted[-1].append(contest.predictions(contestant, rates[-1], seed))
                advance(1)
    by_task = {
        task: contest.measured(task, [[found[task] for found in by_seed] for by_seed in predicted], progress)
        for task in contest.final
    }
    return [
        Tried(contestant, rates[place], {task: scores[place] for task, scores in by_task.items()})
        for place, contestant in enumerate(contestants)
    ]


def _by_measure(task: Task, judgements: Sequence[Judgement]) -> dict[str, SeedScores]:
    found = {}
    for measure in task.measures:
        of_seeds = [judgement.measured[judgement.metric(measure)] for judgement in judgements]
        draws = [measured.draws for measured in of_seeds if measured.draws is not None]
        values = np.array([measured.value for measured in of_seeds])
        found[measure] = SeedScores(values, np.stack(draws) if len(draws) == len(values) else None)
    return found


def _value(judgement: Judgement, task: Task) -> float:
    return judgement.measured[judgement.metric(task.measures[0])].value
