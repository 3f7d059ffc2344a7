"""The training arguments of sentence-transformers, as a plan says them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pairforge.errors import OptionsError
from pairforge.training.kinds import BaseKind
from pairforge.training.parts import LORA_RATE
from pairforge.training.plan import TrainingPlan
from pairforge.training.several import process_share
from pairforge.training.trainees.trainee import Trainee

_TENSORBOARD_FOLDER = "TENSORBOARD_LOGGING_DIR"
_TF32_GENERATION = 8  # Ampere


def settled_precision(plan: TrainingPlan, device: str) -> str:
    """The arithmetic of a training on this type of device.

    Raises:
        OptionsError: the hardware lacks the precision that was asked for.
    """
    asked = plan.options.precision
    if asked in ("fp16", "tf32") and device != "cuda":
        raise OptionsError(f"precision='{asked}' needs a CUDA GPU, but the device is {device}; choose fp32 or bf16.")
    if asked == "tf32" and not _has_tf32():
        raise OptionsError(f"precision='tf32' needs an Ampere GPU or a later one, but this is {_gpu()}; choose fp32.")
    if asked != "auto":
        return asked
    if device != "cuda":
        return "fp32"
    if plan.base_kind is BaseKind.STATIC:
        return "tf32" if _has_tf32() else "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def _has_tf32() -> bool:
    return torch.version.hip is None and torch.cuda.get_device_capability()[0] >= _TF32_GENERATION


def _gpu() -> str:
    return str(torch.cuda.get_device_name())


@contextmanager
def matrices_multiplied(precision: str) -> Iterator[None]:
    """Let a GPU multiply fp32 matrices as tf32 while a training of that precision goes on, and not in fp32."""
    if precision not in ("tf32", "fp32") or not torch.cuda.is_available():
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def tensorboard_writes_to(runs: Path) -> Iterator[None]:
    """Have a trainer that is made meanwhile write its TensorBoard files there, unless the user says where."""
    before = os.environ.setdefault(_TENSORBOARD_FOLDER, str(runs))
    try:
        yield
    finally:
        if before == str(runs):
            del os.environ[_TENSORBOARD_FOLDER]


def training_arguments(plan: TrainingPlan, trainee: Trainee, checkpoints: Path, precision: str) -> Any:
    """What the library's trainer is told."""
    options, device = plan.options, trainee.model.device.type
    arguments = trainee.trainer_class.training_args_class(
        output_dir=str(checkpoints),
        max_steps=plan.steps,
        per_device_train_batch_size=options.batch_size // process_share()[1],
        gradient_accumulation_steps=options.accumulate,
        learning_rate=options.learning_rate or default_rate(plan, trainee),
        lr_scheduler_type="constant_with_warmup" if options.schedule == "constant" else options.schedule,
        warmup_steps=plan.warmup_steps,
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        seed=options.seed,
        prompts=one_or_all({lesson.name: trainee.prompts(lesson) for lesson in plan.lessons}) or None,
        save_strategy="no" if options.save_steps is None else "steps",
        save_steps=options.save_steps or plan.steps,
        use_cpu=device == "cpu",
        # Of two sides each reads a column, and would be held to be unused while the other does.
        ddp_find_unused_parameters=False if plan.trains_sides else None,
        ddp_backend=None if process_share()[1] == 1 else "gloo" if device == "cpu" else "nccl",
        dataloader_pin_memory=device == "cuda",
        logging_strategy="steps" if options.report_to else "no",
        logging_steps=options.log_steps,
        logging_nan_inf_filter=False,
        report_to=list(options.report_to) or "none",
        disable_tqdm=True,
        **trainee.arguments(plan.lessons),
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # DataParallel would change the batch; torchrun is the way to many GPUs
    return arguments


def default_rate(plan: TrainingPlan, trainee: Trainee) -> float:
    """The peak rate where none is given: that of the kind of model, and more for LoRA's few weights."""
    return trainee.learning_rate * (LORA_RATE if plan.options.lora_rank else 1)


def one_or_all(by_corpus: Mapping[str, Any]) -> Any:
    """What the library takes: of one corpus the thing itself, of several all by their names."""
    return next(iter(by_corpus.values())) if len(by_corpus) == 1 else dict(by_corpus)
