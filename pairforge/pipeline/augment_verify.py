"""What silver adds: students trained on gold alone, on gold and silver, and on the truth, at equal steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from pairforge.errors import FrameError
from pairforge.evaluation.options import TaskOptions
from pairforge.evaluation.pair_tasks import Reading, read_scored_pairs
from pairforge.execution.inputs import FileInput
from pairforge.files import read_frame, write_frame
from pairforge.pipeline.augment_options import AugmentOptions
from pairforge.pipeline.comparison import DEV, Contest, Contestant, hold
from pairforge.pipeline.read_gold import scores_in
from pairforge.pipeline.standings import Standing, shown_difference, standings_of, standings_table
from pairforge.pipeline.students import usual_rates
from pairforge.progress import Progress, silent
from pairforge.steps.sentence_pairs import FIRST, SECOND, with_keys

UNTRAINED = "untrained"
GOLD = "gold alone"
GOLD_PLAINLY = "gold alone, as many epochs"
SILVER = "gold + silver"
TRUTH = "all true labels"

_FEWEST_STEPS = 300


class Verification(BaseModel):
    """What came of comparing students.

    Args:
        student: What was trained.
        standings: The corpora, in the table's order.
        findings: What it means, in sentences.
    """

    model_config = ConfigDict(frozen=True)

    student: str
    standings: tuple[Standing, ...]
    findings: tuple[str, ...]

    def table(self) -> list[dict[str, str]]:
        """One row a corpus: heading → text."""
        return standings_table(self.standings, GOLD)


def verify(
    gold: Path,
    dev: Path,
    augmented: Path,
    *,
    folder: Path,
    options: AugmentOptions,
    reading: FileInput,
    cache: Path,
    teacher_score: float | None = None,
    progress: Progress = silent,
) -> Verification:
    """Train students on each corpus and say how far silver takes them.

    Args:
        gold: The gold pairs that the teacher learnt from.
        dev: Scored pairs that choose the rates.
        augmented: Gold and silver.
        folder: Where the trials are kept.
        options: Students and budget.
        reading: How the files of scored pairs are read.
        cache: The folder of the caches that all commands share.
        teacher_score: How well the teacher ranks dev, if it is known.
        progress: Shows students trained.

    Raises:
        FileError, FrameError, ModelError: a file or the student cannot be had.
    """
    judges = {DEV: read_frame(dev), **judges_of(options, reading)}
    contest = contest_of(judges, folder=folder, options=options, cache=cache)
    contestants = _contestants(gold, augmented, folder, options, reading)
    standings = standings_of(hold(contestants, contest, progress=progress), contest, baseline=GOLD)
    told = findings({standing.name: standing for standing in standings}, list(judges)[1:], teacher_score)
    return Verification(student=options.student, standings=tuple(standings), findings=tuple(told))


def contest_of(judges: Mapping[str, pl.DataFrame], *, folder: Path, options: AugmentOptions, cache: Path) -> Contest:
    """What all students share.

    Args:
        judges: Name → scored pairs, scores in [0, 1]; they are kept in the folder in this form.
        folder: Where the trials are kept.
        options: Students and budget.
        cache: The folder of the caches that all commands share.
    """
    tasks = {}
    for place, (name, pairs) in enumerate(judges.items()):
        path = folder / "judges" / f"{place}.parquet"
        write_frame(pairs.select("sentence1", "sentence2", "score"), path)
        tasks[name] = f"sts:{path}"
    return Contest(
        student=options.student,
        tasks=tasks,
        judging=TaskOptions(task=tuple(tasks.values())),
        rates=options.student_rates or usual_rates(options.student),
        seeds=options.student_seeds,
        batch_size=options.student_batch_size,
        loss=options.student_loss,
        folder=folder,
        cache=cache,
    )


def judges_of(options: AugmentOptions, reading: FileInput) -> dict[str, pl.DataFrame]:
    """The files to judge by, each by its stem, or by its path where that is not enough.

    Raises:
        FileError, FrameError: one cannot be read, or holds no scored pairs of differing scores.
    """
    stems = [Path(source).stem for source in options.verify]
    judges = {}
    for source, stem in zip(options.verify, stems, strict=True):
        found = read_scored_pairs(source, source, Reading(_of_file(source, reading), reading.score_scale))
        clear = stems.count(stem) == 1 and stem != DEV
        judges[stem if clear else source] = found.pairs
    return judges


def truth_of(options: AugmentOptions, reading: FileInput) -> pl.DataFrame | None:
    """The true scores that are known: of the file that says so, else of given candidates that have some; None if none.

    Raises:
        FileError, FrameError: a file cannot be read, or holds no gold pairs.
    """
    if options.true is not None:
        return scores_in(options.true, reading)
    if options.given is None or not options.verify:
        return None
    known = {*read_frame(options.given, 1).columns} & {"score", "label", reading.columns.get("score")}
    return scores_in(options.given, reading) if known else None


def with_true_scores(augmented: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """The gold rows, and of the silver rows those of which the truth is known, with their true scores.

    A pair is the same either way round; of several truths about one, the first counts.
    """
    known = with_keys(truth).select(FIRST, SECOND, pl.col("score").alias("__true"))
    joined = with_keys(augmented).join(
        known.unique([FIRST, SECOND], keep="first", maintain_order=True),
        on=[FIRST, SECOND],
        how="left",
        maintain_order="left",
    )
    is_gold = pl.col("origin") == "gold"
    scored = joined.with_columns(pl.when(is_gold).then("score").otherwise("__true").alias("score"))
    return scored.filter(pl.col("score").is_not_null()).drop(FIRST, SECOND, "__true")


def _of_file(source: str, reading: FileInput) -> Mapping[str, str]:
    """The columns that were named, as far as the file has them."""
    found = read_frame(source, 1).columns if reading.columns else ()
    return {name: raw for name, raw in reading.columns.items() if raw in found}


def _contestants(
    gold: Path, augmented: Path, folder: Path, options: AugmentOptions, reading: FileInput
) -> list[Contestant]:
    pairs, num_gold = read_frame(augmented), read_frame(gold).height
    steps = options.student_steps or max(_FEWEST_STEPS, math.ceil(pairs.height / options.student_batch_size))
    plainly = max(1, round(steps * num_gold / pairs.height))
    found = [
        Contestant(UNTRAINED, gold, num_gold, 0),
        Contestant(GOLD_PLAINLY, gold, num_gold, plainly),
        Contestant(GOLD, gold, num_gold, steps),
        Contestant(SILVER, augmented, pairs.height, steps),
    ]
    truth = truth_of(options, reading)
    if truth is None:
        return found
    true = with_true_scores(pairs, truth)
    if not (true["origin"] == "silver").any():
        raise FrameError(f"{options.true}: knows none of the silver pairs. Leave out --true, or name another file.")
    write_frame(true, folder / "true.parquet")
    return [*found, Contestant(TRUTH, folder / "true.parquet", true.height, steps)]


def findings(standings: Mapping[str, Standing], judges: Sequence[str], teacher_score: float | None = None) -> list[str]:
    """What the table means, in sentences.

    Args:
        standings: Name → what came of a corpus.
        judges: Those that are reported.
        teacher_score: How well the teacher ranks dev, if it is known.
    """
    silver, gold, plainly = standings[SILVER], standings[GOLD], standings[GOLD_PLAINLY]
    found = []
    before = standings[UNTRAINED].scores[DEV].mean
    if teacher_score is not None and before > teacher_score:
        found.append(
            f"dev: the student ranks it better untrained ({before:.3f}) than the teacher does ({teacher_score:.3f}): "
            "such a teacher has little to teach it. Give more gold or a better --teacher, or train on gold alone."
        )
    for judge in judges:
        ahead = silver.scores[judge].ahead
        found.append(f"{judge}: silver adds {shown_difference(ahead)} to gold alone, both at {gold.steps:,} steps.")
        plain = silver.scores[judge].mean - plainly.scores[judge].mean
        found.append(
            f"{judge}: compared plainly, as many epochs of each ({plainly.steps:,} steps of gold alone), it would seem "
            f"to add {plain:+.4f}; what that is more is the steps, not the silver."
        )
        if TRUTH in standings:
            share = silver.scores[judge].mean / standings[TRUTH].scores[judge].mean
            found.append(f"{judge}: gold and silver reach {share:.1%} of what all true labels give.")
    return found
