"""One training run on a checked corpus: model, loss and trainer set up, run and saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import datasets
import polars as pl
import torch
import transformers

from pairforge.engines.sentence_models import quiet
from pairforge.progress import Progress
from pairforge.training.allocation import freed_memory_kept
from pairforge.training.arguments import (
    matrices_multiplied,
    one_or_all,
    settled_precision,
    tensorboard_writes_to,
    training_arguments,
)
from pairforge.training.batches import Cut, cut_by_length, cut_distinct, cut_in_order, text_codes, text_lengths
from pairforge.training.checkpoints import newest_complete, step_of
from pairforge.training.curve import LossCurve
from pairforge.training.epochs import EpochRows
from pairforge.training.free_memory import free_bytes
from pairforge.training.grouping import cut_by_class
from pairforge.training.kinds import TrainedKind
from pairforge.training.lessons import Lesson
from pairforge.training.memory import fitted_to_memory
from pairforge.training.outcome import TrainingOutcome
from pairforge.training.parts import merge_lora, set_parts, trained_share
from pairforge.training.plan import TrainingPlan
from pairforge.training.several import process_share
from pairforge.training.trainees.classifier import ClassifierTrainee
from pairforge.training.trainees.cross_encoder import CrossEncoderTrainee
from pairforge.training.trainees.encoder import EncoderTrainee
from pairforge.training.trainees.image_text import ImageTextTrainee
from pairforge.training.trainees.late_interaction import LateInteractionTrainee
from pairforge.training.trainees.sparse_encoder import SparseEncoderTrainee
from pairforge.training.trainees.trainee import Trainee
from pairforge.training.trainer import ExactTrainer, Feed
from pairforge.training.watch import RunWatch
from pairforge.training.workers import fit_in_workers

_TRAINEES: Mapping[TrainedKind, Callable[[TrainingPlan], Trainee]] = {
    TrainedKind.ENCODER: EncoderTrainee,
    TrainedKind.CROSS_ENCODER: CrossEncoderTrainee,
    TrainedKind.SPARSE_ENCODER: SparseEncoderTrainee,
    TrainedKind.LATE_INTERACTION: LateInteractionTrainee,
    TrainedKind.CLASSIFIER: ClassifierTrainee,
    TrainedKind.IMAGE_TEXT: ImageTextTrainee,
}


def fit(plan: TrainingPlan, folder: Path, progress: Progress, label: str = "training") -> TrainingOutcome:
    """Train in `folder`, from its newest complete checkpoint if it has one, and save the model in `folder/model`.

    Args:
        plan: What is trained, on what and how.
        folder: Where checkpoints and the model are kept.
        progress: Shows the steps.
        label: What the progress is called.

    Raises:
        ModelError: the model cannot be loaded, the loss is no number any more or the run diverges.
        OptionsError: the hardware lacks what was asked for, or the model the parts.
    """
    with quiet(), freed_memory_kept(), progress(label, plan.steps, "steps") as advance:
        if plan.options.processes > 1:
            return fit_in_workers(plan, folder, advance)
        return fit_trainee(load_trainee(plan), plan, folder, advance)


def load_trainee(plan: TrainingPlan) -> Trainee:
    """The model of a plan, loaded to be trained; new heads and LoRA are drawn by the plan's seed.

    Raises:
        ModelError: the model cannot be loaded.
        OptionsError: it lacks the layers or matrices that the options name.
    """
    transformers.set_seed(plan.options.seed)
    trainee = _TRAINEES[plan.kind](plan)
    set_parts(trainee.model, plan.base.name, plan.options)
    return trainee


def fit_trainee(
    trainee: Trainee, plan: TrainingPlan, folder: Path, advance: Callable[[int], None] = lambda steps: None
) -> TrainingOutcome:
    """As `fit`, of a loaded model, which then has the weights that are saved.

    Args:
        trainee: What is trained, loaded by the same plan.
        plan: What it is trained on and how.
        folder: Where checkpoints and the model are kept.
        advance: Called with the steps done since the last call.

    Raises:
        ModelError: the loss is no number any more, or the run diverges.
        OptionsError: the hardware lacks the precision or device that was asked for.
    """
    precision = settled_precision(plan, trainee.model.device.type)
    notes = trained_share(trainee.model)
    with matrices_multiplied(precision):
        measuring = partial(make_trainer, plan, trainee, folder, precision)
        plan, fitting = fitted_to_memory(plan, folder, measuring, free_bytes)
        dev_score = None if plan.dev is None else partial(trainee.dev_score, plan.dev)
        watch = RunWatch(advance, dev_score, plan.eval_steps, plan.options.patience)
        trainer = make_trainer(plan, trainee, folder, precision, watch)
        checkpoint = newest_complete(folder / "checkpoints")
        steps = trainer.run(checkpoint)
    if watch.best_weights is not None and watch.best_step != steps:
        trainer.take(watch.best_weights)
    merge_lora(trainee.model)
    if process_share()[0] == 0:
        trainee.save(trainer.losses, folder / "model")
    return TrainingOutcome(
        seed=plan.options.seed,
        precision=precision,
        learning_rate=trainer.args.learning_rate,
        steps=steps,
        losses=tuple(trainer.curve.losses),
        dev_scores=watch.dev_scores,
        best_step=watch.best_step,
        left_out=trainer.left_out,
        resumed_at=None if checkpoint is None else step_of(checkpoint),
        notes=(*trainee.notes, *notes, *fitting, *_apart(plan, trainer)),
    )


def _apart(plan: TrainingPlan, trainer: ExactTrainer) -> Iterator[str]:
    """A sentence for each loss that compares rows of a batch, but not those of different processes."""
    processes = plan.options.processes
    for lesson, loss in zip(plan.lessons, trainer.losses, strict=True):
        # What a wrapper (Matryoshka, adaptive layers) stands around gathers.
        gathers = lesson.loss.row_by_row or any(
            getattr(part, "gather_across_devices", False) for part in loss.modules()
        )
        if processes > 1 and not gathers:
            yield (
                f"{lesson.loss.name} compares rows within a process alone, {plan.options.batch_size // processes:,} at "
                "a time: it cannot gather them from all"
            )


def make_trainer(
    plan: TrainingPlan,
    trainee: Trainee,
    folder: Path,
    precision: str,
    watch: RunWatch | None = None,
    *,
    may_diverge: bool = False,
) -> ExactTrainer:
    """The library's trainer, ready to run.

    Args:
        plan: What is trained on and how.
        trainee: The loaded model.
        folder: Where checkpoints are kept.
        precision: The arithmetic.
        watch: What looks at the run; nothing if None.
        may_diverge: Whether the loss may grow as it likes.
    """
    arguments = training_arguments(plan, trainee, folder / "checkpoints", precision)
    trained = {lesson.name: _dataset(trainee.rows(lesson), lesson, plan) for lesson in plan.lessons}
    losses = {lesson.name: trainee.loss(lesson) for lesson in plan.lessons}
    feed = Feed(
        cuts=[_cut(plan, lesson) for lesson in plan.lessons],
        redrawn=[drawn for _, drawn in trained.values()],
        turns=plan.turns,
        in_turns=plan.options.mix == "round-robin",
    )
    with tensorboard_writes_to(plan.runs or folder / "runs"):
        trainer = trainee.trainer_class(
            model=trainee.model,
            args=arguments,
            train_dataset=one_or_all({name: dataset for name, (dataset, _) in trained.items()}),
            loss=one_or_all(losses),
            feed=feed,
            curve=LossCurve(arguments.learning_rate, may_diverge=may_diverge),
            watch=watch or RunWatch(lambda steps: None, None, plan.steps),
        )
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    torch.manual_seed(plan.options.seed + process_share()[0])  # Processes differ in their dropout.
    return trainer


def _cut(plan: TrainingPlan, lesson: Lesson) -> Cut:
    if lesson.loss.by_class:
        return cut_by_class(lesson.rows["label"].to_numpy())
    if plan.options.distinct_batches and lesson.loss.in_batch:
        return cut_distinct(text_codes(lesson.rows))
    return cut_by_length(text_lengths(lesson.rows)) if plan.groups_by_length(lesson) else cut_in_order


def _dataset(rows: pl.DataFrame, lesson: Lesson, plan: TrainingPlan) -> tuple[datasets.Dataset, EpochRows | None]:
    """A corpus as the library reads it, and what draws its rows anew if its loss wants that."""
    if lesson.loss.draws is None:
        return _as_dataset(rows, lesson.name), None
    draw = partial(lesson.loss.draws, **lesson.loss.draw_settings(plan.options))
    drawn = EpochRows(rows, draw, plan.options.seed)
    dataset = _as_dataset(drawn.places, lesson.name)
    dataset.set_transform(drawn)
    return dataset, drawn


def _as_dataset(rows: pl.DataFrame, name: str) -> datasets.Dataset:
    # A given fingerprint: the library would hash all texts for one that nothing reads.
    return datasets.Dataset(datasets.table.InMemoryTable(rows.rechunk().to_arrow()), fingerprint=name)
