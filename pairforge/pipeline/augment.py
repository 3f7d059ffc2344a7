"""Augmented SBERT, whole: a cross-encoder learns from few gold pairs and scores many others for a student.

A chain of stages, made as a recipe in memory and run as any recipe is: each stage resumes, is accounted for, and is not
done again while nothing that it depends on has changed. Source: Thakur et al. 2021 (Augmented SBERT).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pairforge.agreement import spearman
from pairforge.cache import cache_folder
from pairforge.errors import FrameError, OptionsError, StageError
from pairforge.execution.inputs import FileInput, refuse_output_among_sources
from pairforge.execution.stage import PART_ROWS
from pairforge.files import default_output, read_frame, write_json
from pairforge.pipeline.augment_options import AugmentOptions
from pairforge.pipeline.augment_stages import AUGMENT_STEPS, AUGMENTED, augment_stages, reading_of
from pairforge.pipeline.augment_verify import Verification, judges_of, truth_of, verify
from pairforge.pipeline.read_gold import scores_in
from pairforge.pipeline.recipe_file import RecipeTables
from pairforge.pipeline.runner import StageReport, run
from pairforge.pipeline.schema import Recipe, RecipeStage, recipe_of
from pairforge.progress import Progress, silent

_DEFAULTS = AugmentOptions()


@dataclass(frozen=True)
class Augmentation:
    """What is to be done, checked.

    Args:
        recipe: The chain of stages.
        output: Where the augmented corpus goes.
        options: What was asked for.
    """

    recipe: Recipe
    output: Path
    options: AugmentOptions

    def path_of(self, stage: str, output: str | None = None) -> Path:
        """Where an output of a stage lies; the main one if none is named."""
        outputs = next(made for made in self.recipe.stages if made.name == stage).stage.outputs
        return outputs[output] if output else next(iter(outputs.values()))


def plan_augmentation(
    gold: str | Path,
    texts: Sequence[str | Path] = (),
    *,
    output: Path | None = None,
    work: Path | None = None,
    options: AugmentOptions = _DEFAULTS,
) -> Augmentation:
    """Check everything that can be checked before work begins, and chain the stages.

    Args:
        gold: Scored or labelled pairs, or NLI.
        texts: More sentences, of any shape that has one column of texts.
        output: Where the augmented corpus goes; `gold.augmented.parquet` for `gold.parquet` if not given.
        work: Where the stages keep what they make; `gold.augment` beside the output if not given.
        options: How it is done.

    Raises:
        FileError, FrameError, ModelError, OptionsError: something that was named cannot be had or is not what is
            wanted.
        RecipeError: more than one such fault.
    """
    if options.cross_domain and not texts and options.candidates != "given":
        raise OptionsError("cross_domain=True pairs the texts of another domain, and there are none. Give --texts.")
    source, reading = str(gold), reading_of(options)
    output = output or default_output(source, AUGMENTED)
    work = work or output.with_name(default_output(source, ".augment").name)
    named = [source, *map(str, texts), *options.files]
    refuse_output_among_sources(named, [], [output])
    judges_of(options, reading)
    truth_of(options, reading)
    num_gold = _num_rows(source, reading)
    num_dev = _num_rows(options.dev, reading) if options.dev_share is None else round(options.dev_share * num_gold)
    num_train = num_gold if options.dev_share is None else num_gold - num_dev
    stages = augment_stages(source, [str(text) for text in texts], options, num_train=num_train, num_dev=num_dev)
    tables = RecipeTables(Path("augment"), "Augmented SBERT", {"output": str(work)}, stages)
    recipe = recipe_of(tables, steps=AUGMENT_STEPS)
    return Augmentation(_with_output(recipe, output.expanduser()), output.expanduser(), options)


def augment(
    gold: str | Path,
    texts: Sequence[str | Path] = (),
    *,
    output: Path | None = None,
    work: Path | None = None,
    options: AugmentOptions = _DEFAULTS,
) -> Path:
    """Give a corpus of the gold pairs and of silver ones, scored by a cross-encoder that learnt from gold.

    Arguments and errors as those of `plan_augmentation`.

    Returns:
        The file of the corpus: sentence1, sentence2, score in [0, 1] and origin ("gold" or "silver").

    Raises:
        StageError: the teacher is too weak, or a stage failed; the message names it.
    """
    planned = plan_augmentation(gold, texts, output=output, work=work, options=options)
    run_augmentation(planned)
    return planned.output


def run_augmentation(
    planned: Augmentation,
    *,
    cache: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    part_rows: int = PART_ROWS,
    after: Callable[[StageReport], None] = lambda report: None,
) -> list[StageReport]:
    """Bring every stage up to date, and stop before anything is labelled if the teacher is too weak.

    Args:
        planned: What is to be done.
        cache: The folder of the caches that all commands share; the user's if None.
        overwrite: Whether outputs of other making may be replaced.
        progress: Shows how far the work is.
        part_rows: Rows in one part, for steps whose rows are independent.
        after: Called with what came of each stage.

    Raises:
        StageError: the teacher is too weak, or an output may not be replaced.
        PairforgeError: a stage failed; the message names it.
    """

    def check(report: StageReport) -> None:
        after(report)
        if report.name == "checked":
            _refuse_weak_teacher(planned)

    return run(
        planned.recipe,
        cache=cache or cache_folder(),
        overwrite=overwrite,
        progress=progress,
        part_rows=part_rows,
        after=check,
    )


def verify_augmentation(
    planned: Augmentation, *, cache: Path | None = None, progress: Progress = silent
) -> Verification:
    """Compare students trained on gold and on the augmented corpus; kept as `verification.json` in the work folder.

    Raises:
        FileError, FrameError, ModelError: a file or the student cannot be had.
    """
    train, dev = (("split", None), ("split", "dev")) if planned.options.dev_share else (("gold", None), ("dev", None))
    verified = verify(
        planned.path_of(*train),
        planned.path_of(*dev),
        planned.output,
        folder=planned.recipe.output / "trials",
        options=planned.options,
        reading=reading_of(planned.options),
        cache=cache or cache_folder(),
        teacher_score=teacher_score(planned),
        progress=progress,
    )
    write_json(verified.model_dump(mode="json"), planned.recipe.output / "verification.json")
    return verified


def teacher_score(planned: Augmentation) -> float:
    """Spearman's coefficient of the teacher's scores with gold's on dev, over the greatest that gold's ties allow."""
    dev = read_frame(planned.path_of("checked"))
    gold, silver = dev["gold_score"].to_numpy(), dev["score"].to_numpy()
    # Scores that tie where gold does would come out above what untied ones can reach.
    return min(1.0, spearman(silver, gold) / spearman(gold.argsort(kind="stable").argsort(kind="stable"), gold))


def _refuse_weak_teacher(planned: Augmentation) -> None:
    reached, wanted = teacher_score(planned), planned.options.min_teacher_score
    if reached >= wanted or planned.options.accept_weak_teacher:
        return
    raise StageError(
        f"{planned.path_of('checked')}: the teacher ranks the dev pairs as people do with a coefficient of only "
        f"{reached:.3f}, below {wanted:g}: what it would label teaches little. Give more gold, another --teacher, more "
        "--restarts or --teacher-epochs; or go on nonetheless with --accept-weak-teacher."
    )


def _num_rows(gold: str, reading: FileInput) -> int:
    """Rows of a file of gold, which is read and checked here so that what is wrong with it is said first."""
    for column in reading.columns.values():
        if column not in (found := read_frame(gold, 1).columns):
            raise FrameError(f"{gold}: column '{column}' is missing (found: {', '.join(found)}). Name one of these.")
    scores = scores_in(gold, reading)["score"]
    if scores.n_unique() == 1:
        raise FrameError(f"{gold}: all scores are {scores[0]:g}, from which there is nothing to learn. Add others.")
    return len(scores)


def _with_output(recipe: Recipe, output: Path) -> Recipe:
    """The recipe whose last stage writes to `output`."""
    *before, last = recipe.stages
    placed = RecipeStage(last.name, replace(last.stage, outputs={"corpus": output}), last.needs)
    return replace(recipe, stages=(*before, placed))
