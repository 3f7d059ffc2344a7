"""One training run on a checked corpus: model, loss and trainer set up, run and saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import torch
import transformers

from pairforge.engines.sentence_models import quiet
from pairforge.errors import OptionsError
from pairforge.progress import Progress
from pairforge.training.allocation import freed_memory_kept
from pairforge.training.batches import Cut, cut_by_length, cut_distinct, cut_in_order, text_codes, text_lengths
from pairforge.training.checkpoints import newest_complete, step_of
from pairforge.training.epochs import EpochRows
from pairforge.training.grouping import cut_by_class
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.lessons import Lesson
from pairforge.training.outcome import TrainingOutcome
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainees.cross_encoder import CrossEncoderTrainee
from pairforge.training.trainees.encoder import EncoderTrainee
from pairforge.training.trainees.trainee import Trainee
from pairforge.training.trainer import ExactTrainer, RunWatch

_TRAINEES: Mapping[TrainedKind, Callable[[TrainingPlan], Trainee]] = {
    TrainedKind.ENCODER: EncoderTrainee,
    TrainedKind.CROSS_ENCODER: CrossEncoderTrainee,
}


def fit(plan: TrainingPlan, folder: Path, progress: Progress, label: str = "training") -> TrainingOutcome:
    """Train in `folder`, from its newest complete checkpoint if it has one, and save the model in `folder/model`.

    Args:
        plan: What is trained, on what and how.
        folder: Where checkpoints and the model are kept.
        progress: Shows the steps.
        label: What the progress is called.

    Raises:
        ModelError: the model cannot be loaded, or the loss is no number any more.
        OptionsError: the hardware lacks the precision or device that was asked for.
    """
    with quiet(), freed_memory_kept(), progress(label, plan.steps, "steps") as advance:
        return fit_trainee(load_trainee(plan), plan, folder, advance)


def load_trainee(plan: TrainingPlan) -> Trainee:
    """The model of a plan, loaded to be trained; new heads are drawn by the plan's seed.

    Raises:
        ModelError: the model cannot be loaded.
    """
    transformers.set_seed(plan.options.seed)
    return _TRAINEES[plan.kind](plan)


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
        ModelError: the loss is no number any more.
        OptionsError: the hardware lacks the precision or device that was asked for.
    """
    precision = _precision(plan, trainee.model.device.type)
    dev_score = None if plan.dev is None else partial(trainee.dev_score, plan.dev)
    watch = RunWatch(advance, dev_score, plan.eval_steps, plan.options.patience)
    trainer = _trainer(plan, trainee, folder / "checkpoints", precision, watch)
    checkpoint = newest_complete(folder / "checkpoints")
    steps = trainer.run(checkpoint)
    if watch.best_weights is not None and watch.best_step != steps:
        trainee.model.load_state_dict(watch.best_weights)
    trainee.save(trainer.losses, folder / "model")
    return TrainingOutcome(
        seed=plan.options.seed,
        precision=precision,
        learning_rate=trainer.args.learning_rate,
        steps=steps,
        first_loss=trainer.first_loss,
        final_loss=trainer.final_loss,
        dev_scores=watch.dev_scores,
        best_step=watch.best_step,
        left_out=trainer.left_out,
        resumed_at=None if checkpoint is None else step_of(checkpoint),
    )


def _precision(plan: TrainingPlan, device: str) -> str:
    asked = plan.options.precision
    if asked == "fp16" and device != "cuda":
        raise OptionsError(f"precision='fp16' needs a CUDA GPU, but the device is {device}; choose fp32 or bf16.")
    if asked != "auto":
        return asked
    if device != "cuda" or plan.base_kind is BaseKind.STATIC:
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def _trainer(plan: TrainingPlan, trainee: Trainee, checkpoints: Path, precision: str, watch: RunWatch) -> ExactTrainer:
    trained = {lesson.name: _dataset(trainee.rows(lesson), lesson, plan.options.seed) for lesson in plan.lessons}
    losses = {lesson.name: trainee.loss(lesson) for lesson in plan.lessons}
    trainer = trainee.trainer_class(
        model=trainee.model,
        args=_arguments(plan, trainee, checkpoints, precision),
        train_dataset=_one_or_all({name: dataset for name, (dataset, _) in trained.items()}),
        loss=_one_or_all(losses),
        cuts=[_cut(plan, lesson) for lesson in plan.lessons],
        redrawn=[drawn for _, drawn in trained.values() if drawn is not None],
        watch=watch,
    )
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    return trainer


def _one_or_all(by_corpus: Mapping[str, Any]) -> Any:
    """What the library takes: of one corpus the thing itself, of several all by their names."""
    return next(iter(by_corpus.values())) if len(by_corpus) == 1 else dict(by_corpus)


def _arguments(plan: TrainingPlan, trainee: Trainee, checkpoints: Path, precision: str) -> Any:
    options, device = plan.options, trainee.model.device.type
    arguments = trainee.trainer_class.training_args_class(
        output_dir=str(checkpoints),
        max_steps=plan.steps,
        per_device_train_batch_size=options.batch_size,
        learning_rate=options.learning_rate or trainee.learning_rate,
        lr_scheduler_type="constant_with_warmup" if options.schedule == "constant" else options.schedule,
        warmup_steps=plan.warmup_steps,
        weight_decay=options.weight_decay,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        seed=options.seed,
        prompts=_one_or_all({lesson.name: trainee.prompts(lesson) for lesson in plan.lessons}) or None,
        save_strategy="no" if options.save_steps is None else "steps",
        save_steps=options.save_steps or plan.steps,
        use_cpu=device == "cpu",
        dataloader_pin_memory=device == "cuda",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # DataParallel would change the batch; torchrun is the way to many GPUs
    return arguments


def _cut(plan: TrainingPlan, lesson: Lesson) -> Cut:
    if lesson.loss.by_class:
        return cut_by_class(lesson.rows["label"].to_numpy())
    if plan.options.distinct_batches and lesson.loss.in_batch:
        return cut_distinct(text_codes(lesson.rows))
    return cut_by_length(text_lengths(lesson.rows)) if plan.groups_by_length(lesson) else cut_in_order


def _dataset(rows: pl.DataFrame, lesson: Lesson, seed: int) -> tuple[datasets.Dataset, EpochRows | None]:
    """A corpus as the library reads it, and what draws its rows anew if its loss wants that."""
    if lesson.loss.draws is None:
        return _as_dataset(rows, lesson.name), None
    drawn = EpochRows(rows, lesson.loss.draws, seed)
    dataset = _as_dataset(drawn.places, lesson.name)
    dataset.set_transform(drawn)
    return dataset, drawn


def _as_dataset(rows: pl.DataFrame, name: str) -> datasets.Dataset:
    # A given fingerprint: the library would hash all texts for one that nothing reads.
    return datasets.Dataset(datasets.table.InMemoryTable(rows.rechunk().to_arrow()), fingerprint=name)
