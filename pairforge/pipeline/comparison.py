"""Corpora compared by what a student learns from them, over several seeds, each at a rate that suits it.

Compared at different numbers of steps, the corpus with more steps looks better; at one rate for all, the one that the
rate suits. So every contestant says its steps, and its rate is the one that does best on dev, found with a seed that is
not among those reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pairforge.agreement import Array, spearman
from pairforge.evaluation.statistics import Estimate, paired_bootstrap
from pairforge.execution.stage import FileInput, Stage, run_stage
from pairforge.files import digest_path, read_frame
from pairforge.models import DEFAULT_ENCODER, ModelRequest
from pairforge.pipeline.standings import DEV, Scores, Standing
from pairforge.pipeline.trial import TRIAL, TrialOptions
from pairforge.progress import Progress, silent
from pairforge.training.options import LossName, Precision

FRESH_STATIC = "static"
"""The student that starts from random weights."""

_FRESH_DIMENSION = 512
_SWEEP_SEED = 1000


@dataclass(frozen=True)
class Contestant:
    """One corpus, and how long the student is trained on it.

    Args:
        name: What the table calls it.
        corpus: Its file.
        rows: Its rows.
        steps: Batches; 0 for the untrained student.
    """

    name: str
    corpus: Path
    rows: int
    steps: int


@dataclass(frozen=True)
class Judge:
    """Scored pairs by which students are judged.

    Args:
        source: Their file.
        gold: Their scores in [0, 1], shape (rows,).
    """

    source: str
    gold: Array


@dataclass(frozen=True)
class Contest:
    """What all contestants share.

    Args:
        student: `FRESH_STATIC`, or the model that is trained.
        judges: Name → pairs; one of them is `DEV`.
        reading: How their files are read; its sources do not count.
        rates: Learning rates to choose from.
        seeds: Students a corpus.
        batch_size: Rows in a batch.
        loss: What to learn.
        folder: Where the trials are kept.
        cache: The folder of the caches that all commands share.
        bootstrap_samples: Resamples behind each interval.
        precision: Arithmetic of the forward pass.
    """

    student: str
    judges: Mapping[str, Judge]
    reading: FileInput
    rates: tuple[float, ...]
    seeds: int
    batch_size: int
    loss: LossName
    folder: Path
    cache: Path
    bootstrap_samples: int = 10_000
    precision: Precision = "auto"

    def similarities(self, contestant: Contestant, rate: float | None, seed: int) -> dict[str, Array]:
        """Judge → the cosines that one student finds, shape (rows,)."""
        fresh = self.student == FRESH_STATIC
        options = TrialOptions(
            steps=contestant.steps,
            learning_rate=rate,
            batch_size=self.batch_size,
            loss=self.loss,
            precision=self.precision,
            fresh_dimension=_FRESH_DIMENSION if fresh else None,
            seed=seed,
        )
        sources = tuple(judge.source for judge in self.judges.values())
        judges = FileInput(sources, self.reading.columns, self.reading.score_scale)
        inputs = {"corpus": FileInput((str(contestant.corpus),)), "judges": judges}
        models = {"start": (ModelRequest(name=DEFAULT_ENCODER if fresh else self.student),)}
        output = self.folder / f"{self._name(contestant)}-{rate or 0:g}-{seed}.parquet"
        stage = Stage(TRIAL, options, inputs, models, {"similarities": output})
        found = read_frame(run_stage(stage, cache=self.cache, overwrite=True).outputs["similarities"])
        return {
            name: found.filter(pl.col("judge") == place)["similarity"].to_numpy()
            for place, name in enumerate(self.judges)
        }

    def trials_of(self, contestant: Contestant) -> int:
        """Students that are trained for a contestant."""
        return self.seeds + (len(self.rates) if self._has_a_choice(contestant) else 0)

    def best_rate(self, contestant: Contestant, advance: Callable[[int], None]) -> float | None:
        """The rate that does best on dev; None for the untrained."""
        if not self._has_a_choice(contestant):
            return self.rates[0] if contestant.steps else None
        scores = {}
        for rate in self.rates:
            scores[rate] = self.score(DEV, self.similarities(contestant, rate, _SWEEP_SEED)[DEV])
            advance(1)
        return max(scores, key=lambda rate: scores[rate])

    def score(self, judge: str, similarities: Array) -> float:
        """Spearman's coefficient with a judge's gold scores."""
        return spearman(similarities, self.judges[judge].gold)

    def difference(self, judge: str, ours: Array, theirs: Array) -> Estimate:
        """How far our students are ahead of theirs by a judge; cosines of shape (seeds, rows)."""
        return paired_bootstrap(ours, theirs, self.judges[judge].gold, samples=self.bootstrap_samples)

    def _name(self, contestant: Contestant) -> str:
        # By content: the trials of another corpus under the same name are kept beside it.
        called = re.sub(r"\W+", "-", contestant.name).strip("-")
        return f"{called}-{digest_path(contestant.corpus, cache=self.cache)[:8]}-{contestant.steps}"

    def _has_a_choice(self, contestant: Contestant) -> bool:
        return contestant.steps > 0 and len(self.rates) > 1


def compare(
    contestants: Sequence[Contestant], contest: Contest, *, baseline: str, progress: Progress = silent
) -> list[Standing]:
    """Train students on each corpus and judge them; trials that were made before are not made again.

    Args:
        contestants: The corpora.
        contest: What they share.
        baseline: The contestant that all others are compared with.
        progress: Shows students trained.
    """
    rates, found = {}, {}
    with progress("training students", sum(map(contest.trials_of, contestants)), "students") as advance:
        for contestant in contestants:
            rates[contestant.name] = contest.best_rate(contestant, advance)
            found[contestant.name] = _by_judge(contestant, contest, rates[contestant.name], advance)
    return [
        Standing(
            name=contestant.name,
            rows=contestant.rows,
            steps=contestant.steps,
            rate=rates[contestant.name],
            scores=_scores(contest, found[contestant.name], None if contestant.name == baseline else found[baseline]),
        )
        for contestant in contestants
    ]


def _by_judge(
    contestant: Contestant, contest: Contest, rate: float | None, advance: Callable[[int], None]
) -> dict[str, Array]:
    """Judge → cosines of shape (seeds, rows)."""
    by_seed = []
    for seed in range(contest.seeds):
        by_seed.append(contest.similarities(contestant, rate, seed))
        advance(1)
    return {judge: np.stack([similarities[judge] for similarities in by_seed]) for judge in contest.judges}


def _scores(contest: Contest, found: Mapping[str, Array], baseline: Mapping[str, Array] | None) -> dict[str, Scores]:
    return {
        judge: Scores(
            by_seed=tuple(contest.score(judge, similarities) for similarities in found[judge]),
            ahead=None if baseline is None else contest.difference(judge, found[judge], baseline[judge]),
        )
        for judge in contest.judges
    }
