"""One training run on a checked corpus: model, loss and trainer set up, run and saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses as library
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

from pairforge.engines.sentence_models import load_sentence_model, quiet
from pairforge.errors import OptionsError
from pairforge.frames import LABELLED_PAIR, ColumnKind
from pairforge.progress import Progress
from pairforge.training.batches import text_codes
from pairforge.training.checkpoints import newest_complete, step_of
from pairforge.training.losses import BaseKind
from pairforge.training.plan import TrainingPlan
from pairforge.training.trainer import ExactTrainer, RunWatch, head_tensors

_TRANSFORMER_RATE = 2e-5
_FRESH_STATIC_RATE = 0.1
SOFTMAX_HEAD = "softmax_head.safetensors"


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training did.

    Args:
        model: The folder of the trained model.
        precision: The arithmetic used.
        learning_rate: The peak.
        final_loss: Mean loss of the last steps.
        dev_scores: Step → Spearman cosine on the dev pairs; step 0 is the start.
        best_step: The step whose weights were kept; None without dev pairs.
        left_out: Rows of the last epoch that no batch had room for.
        resumed_at: The step that an earlier run had reached; None for a run in one go.
    """

    model: Path
    precision: str
    learning_rate: float
    final_loss: float
    dev_scores: Mapping[int, float]
    best_step: int | None
    left_out: int
    resumed_at: int | None


def fit(plan: TrainingPlan, folder: Path, progress: Progress) -> TrainingOutcome:
    """Train in `folder`, from its newest complete checkpoint if it has one, and save the model in `folder/model`.

    Raises:
        ModelError: the model cannot be loaded, or the loss is no number any more.
        OptionsError: the hardware lacks the precision or device that was asked for.
    """
    with quiet(), progress("training", plan.steps, "steps") as advance:
        transformers.set_seed(plan.options.seed)
        model = load_trainable(plan)
        precision = _precision(plan, model.device.type)
        watch = RunWatch(advance, _dev_evaluator(plan), plan.eval_steps)
        trainer = _trainer(plan, model, folder / "checkpoints", precision, watch)
        checkpoint = newest_complete(folder / "checkpoints")
        trainer.run(checkpoint)
        if watch.best_weights is not None and watch.best_step != plan.steps:
            model.load_state_dict(watch.best_weights)
        _save(model, trainer.loss, folder / "model")
    return TrainingOutcome(
        model=folder / "model",
        precision=precision,
        learning_rate=trainer.args.learning_rate,
        final_loss=trainer.final_loss,
        dev_scores=watch.dev_scores,
        best_step=watch.best_step,
        left_out=trainer.left_out,
        resumed_at=None if checkpoint is None else step_of(checkpoint),
    )


def load_trainable(plan: TrainingPlan) -> SentenceTransformer:
    """The base model in fp32, with the prompts and the length that this training gives it."""
    request = plan.base.request
    max_length = plan.options.max_length or request.max_length
    model = load_sentence_model(plan.base, dtype="float32", max_length=max_length)
    for name, prompt in (("query", request.query_prompt), ("document", request.document_prompt)):
        if prompt is not None:
            model.prompts[name] = prompt
    return model


def _precision(plan: TrainingPlan, device: str) -> str:
    asked = plan.options.precision
    if asked == "fp16" and device != "cuda":
        raise OptionsError(f"precision fp16 needs a CUDA GPU, but the device is {device}; choose fp32 or bf16.")
    if asked != "auto":
        return asked
    if device != "cuda" or plan.kind is BaseKind.STATIC:
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def _learning_rate(kind: BaseKind, model: SentenceTransformer) -> float:
    """A rate that suits the weights.

    AdamW moves each weight by about the rate, whatever its size: 0.1 suits a table of normal-distributed vectors and
    ruins a distilled one, whose weights are seven times smaller (measured: STSb .743 → .605, with 0.01 .744).
    """
    if kind is BaseKind.TRANSFORMER:
        return _TRANSFORMER_RATE
    size = float(torch.cat([weights.detach().flatten() for weights in model.parameters()]).square().mean().sqrt())
    return float(f"{size / 10:.0e}") if math.isfinite(size) and size > 0 else _FRESH_STATIC_RATE


class _QuerySideEvaluator(EmbeddingSimilarityEvaluator):  # type: ignore[misc] # its base is untyped
    """Encodes both sentences with the query prompt, as `evaluate` will when it judges the model."""

    def embed_inputs(self, model: SentenceTransformer, sentences: list[str], **settings: Any) -> Any:
        return super().embed_inputs(model, sentences, prompt_name="query", **settings)


def _dev_evaluator(plan: TrainingPlan) -> EmbeddingSimilarityEvaluator | None:
    if plan.dev is None:
        return None
    return _QuerySideEvaluator(
        plan.dev["sentence1"].to_list(),
        plan.dev["sentence2"].to_list(),
        plan.dev["score"].to_list(),
        similarity_fn_names=["cosine"],
        main_similarity="cosine",
        write_csv=False,
    )


def _trainer(
    plan: TrainingPlan, model: SentenceTransformer, checkpoints: Path, precision: str, watch: RunWatch
) -> ExactTrainer:
    options = plan.options
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        max_steps=plan.steps,
        per_device_train_batch_size=options.batch_size,
        learning_rate=plan.options.learning_rate or _learning_rate(plan.kind, model),
        lr_scheduler_type="constant_with_warmup" if options.schedule == "constant" else options.schedule,
        warmup_steps=plan.warmup_steps,
        weight_decay=options.weight_decay,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        seed=options.seed,
        prompts=_prompts(plan),
        save_strategy="no" if options.save_steps is None else "steps",
        save_steps=options.save_steps or plan.steps,
        use_cpu=model.device.type == "cpu",
        dataloader_pin_memory=model.device.type == "cuda",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # DataParallel would change the batch; torchrun is the way to many GPUs
    codes = text_codes(plan.rows) if options.distinct_batches and plan.choice.loss.in_batch else None
    trainer = ExactTrainer(
        model=model,
        args=arguments,
        train_dataset=_dataset(plan),
        loss=_loss(plan, model),
        codes=codes,
        watch=watch,
    )
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    return trainer


def _dataset(plan: TrainingPlan) -> datasets.Dataset:
    rows = plan.rows
    if plan.choice.shape is LABELLED_PAIR and plan.choice.loss.num_labels is None:
        rows = rows.with_columns(pl.col("label").cast(pl.Float64))
    # A given fingerprint: the library would hash all texts for one that nothing reads.
    return datasets.Dataset(datasets.table.InMemoryTable(rows.rechunk().to_arrow()), fingerprint="corpus")


def _loss(plan: TrainingPlan, model: SentenceTransformer) -> torch.nn.Module:
    loss = plan.choice.loss
    keywords: dict[str, Any] = dict(loss.settings(plan.options))
    if loss.num_labels is not None:
        keywords["num_labels"] = loss.num_labels[plan.choice.shape.name]
        keywords["embedding_dimension"] = model.get_embedding_dimension()
    built: torch.nn.Module = getattr(library, loss.class_name)(model, **keywords)
    return built


def _prompts(plan: TrainingPlan) -> dict[str, str] | None:
    """The query prompt goes before the first text of a row, the document prompt before the others."""
    query, document = plan.base.request.query_prompt, plan.base.request.document_prompt
    texts = [
        name
        for column in plan.choice.shape.columns
        if column.kind is ColumnKind.TEXT
        for name in column.names_in(plan.rows.columns)
    ]
    prompts = {name: prompt for name, prompt in zip(texts, [query] + [document] * len(texts), strict=False) if prompt}
    return prompts or None


def _save(model: SentenceTransformer, loss: torch.nn.Module, folder: Path) -> None:
    model.save_pretrained(str(folder), create_model_card=False)
    head = head_tensors(loss)
    if head:
        save_file(head, folder / SOFTMAX_HEAD)
