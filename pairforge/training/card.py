"""The model card: what a model was trained on, from what, how, and how well it did; equal runs write equal bytes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairforge.execution.manifest import installed_versions
from pairforge.training.options import TrainOptions
from pairforge.training.outcome import Trained
from pairforge.training.plan import TrainingPlan

if TYPE_CHECKING:
    from pairforge.execution.origin import Origin

CARD = "README.md"
_EMBEDDED = "sentence-transformers/{}"
_NOT_TOLD = ("report_to", "log_steps", "save_steps")
"""Options that leave the model as it is."""


@dataclass(frozen=True)
class _Use:
    """How a kind of model is called.

    Args:
        library_class: The class of sentence-transformers that loads it.
        tags: What the hub knows its kind by.
        task: What the hub calls what it does.
        call: What gives its outputs.
    """

    library_class: str
    tags: tuple[str, ...]
    task: str
    call: str


_VECTORS = 'model.encode(["a text", "another text"])'
_USES: Mapping[str, _Use] = {
    "encoder": _Use("SentenceTransformer", ("sentence-similarity", "dense"), "sentence-similarity", _VECTORS),
    "cross-encoder": _Use(
        "CrossEncoder", ("cross-encoder", "reranker"), "text-ranking", 'model.predict([("a text", "another text")])'
    ),
    "sparse-encoder": _Use("SparseEncoder", ("sparse-encoder", "sparse"), "feature-extraction", _VECTORS),
    "late-interaction": _Use("MultiVectorEncoder", ("multi-vector-encoder",), "feature-extraction", _VECTORS),
    "classifier": _Use(
        "SentenceTransformer",
        ("text-classification", "dense"),
        "text-classification",
        f"{_VECTORS}  # vectors; `pairforge classify-texts texts.parquet --model this-folder` gives classes",
    ),
    "image-text": _Use(
        "SentenceTransformer",
        ("clip", "image-text"),
        "feature-extraction",
        'model.encode(["a caption", PIL.Image.open("image.png")])',
    ),
}


def write_card(folder: Path, plan: TrainingPlan, trained: Trained, origin: Origin | None) -> None:
    """Write the card of a trained model into its folder.

    Args:
        folder: The model's.
        plan: The training as it was planned.
        trained: What it did.
        origin: Files and models by digest, as a stage knows them; None outside a stage.
    """
    use = _USES[plan.kind.value]
    parts = [
        _front_matter(plan, use),
        f"# {Path(plan.base.name).name}, trained with pairforge",
        f"{plan.kind.value.capitalize()} from {_called(plan)}; "
        f"{plan.num_rows:,} rows, {trained.outcome.steps:,} steps in batches of {plan.options.batch_size:,}.",
        _snippet(use),
        _corpora(plan, origin),
        _training(plan, trained, origin),
        _scores(plan, trained),
        _versions(),
    ]
    (folder / CARD).write_text("\n\n".join(part for part in parts if part) + "\n", "utf-8")


def _front_matter(plan: TrainingPlan, use: _Use) -> str:
    losses = dict.fromkeys(lesson.loss.class_name.rpartition(":")[2] for lesson in plan.lessons)
    tags = ("sentence-transformers", *use.tags, "pairforge", f"dataset_size:{plan.num_rows}")
    lines = ["tags:", *(f"- {tag}" for tag in (*tags, *(f"loss:{name}" for name in losses)))]
    if plan.base.source != "folder":
        name = _EMBEDDED.format(plan.base.name) if plan.base.source == "embedded" else plan.base.name
        lines.append(f"base_model: {name}")
    lines += [f"pipeline_tag: {use.task}", "library_name: sentence-transformers"]
    return "\n".join(["---", *lines, "---"])


def _called(plan: TrainingPlan) -> str:
    return f"`{Path(plan.base.name).name}` (files' SHA-256 {plan.base.digest})"


def _snippet(use: _Use) -> str:
    lines = (
        "```python",
        f"from sentence_transformers import {use.library_class}",
        "",
        f'model = {use.library_class}("this-folder")',
        use.call,
        "```",
    )
    return "\n".join(lines)


def _corpora(plan: TrainingPlan, origin: Origin | None) -> str:
    files = _files(origin, "corpus", len(plan.lessons))
    rows = [
        f"| {name} | {digest} | {lesson.rows.height:,} | {lesson.choice.shape.name} | {lesson.loss.name} |"
        for lesson, (name, digest) in zip(plan.lessons, files, strict=True)
    ]
    head = ["| corpus | SHA-256 | rows | shape | loss |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(["## Corpora", "", *head, *rows])


def _files(origin: Origin | None, role: str, number: int) -> Sequence[tuple[str, str]]:
    """The names and digests of a role's files, as many as there are frames of it."""
    record = None if origin is None else origin.inputs.get(role)
    if record is None or len(record.sources) != number:
        return [("in memory" if record is None else ", ".join(map(_name, record.sources)), "")] * number
    return [(_name(source), digest) for source, digest in zip(record.sources, record.digests, strict=True)]


def _name(source: str) -> str:
    """A file's name without the folders before it, which are the machine's own."""
    return Path(source).name


def _training(plan: TrainingPlan, trained: Trained, origin: Origin | None) -> str:
    outcome = trained.outcome
    lines = ["## Training", ""]
    if origin is not None:
        lines += [
            "```", shlex.join(_command(plan.options, origin)), "```", "",
            "The manifest beside this folder (its name and `.manifest.json`) holds every option, input and count.", "",
        ]  # fmt: skip
    rate = f"peak learning rate {outcome.learning_rate:g}, {plan.warmup_steps:,} steps of warm-up"
    lines.append(f"Seed {outcome.seed}, {outcome.precision}, {rate}, {plan.options.schedule} schedule.")
    lines += [f"{lesson.sentence[0].upper()}{lesson.sentence[1:]}." for lesson in plan.lessons]
    lines.append(f"Loss {outcome.first_loss:.4f} in the first steps, {outcome.final_loss:.4f} in the last.")
    return "\n".join(lines)


def _command(options: TrainOptions, origin: Origin) -> Iterator[str]:
    yield from ("pairforge", "train")
    if "corpus" in origin.inputs:
        yield from map(_name, origin.inputs["corpus"].sources)
    for role, record in origin.inputs.items():
        if role != "corpus":
            yield from (word for source in record.sources for word in (f"--{role}", _name(source)))
    for role, models in origin.models.items():
        flag = "model" if role == "base" else role.replace("_", "-")
        yield from (word for model in models for word in (f"--{flag}", Path(model.name).name))
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if value != field.get_default(call_default_factory=True) and name not in _NOT_TOLD:
            yield from _flags(name.replace("_", "-"), value)


def _flags(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    values = value if isinstance(value, tuple) else (value,)
    return [word for one in values for word in (f"--{name}", str(one))]


def _scores(plan: TrainingPlan, trained: Trained) -> str:
    scores = trained.outcome.dev_scores
    if plan.dev is None or not scores:
        return ""
    kept = trained.outcome.best_step
    rows = [f"| {step:,}{' (kept)' if step == kept else ''} | {score:.4f} |" for step, score in scores.items()]
    head = [f"| step | {plan.dev.measure_name} |", "| --- | --- |"]
    return "\n".join([f"## Dev scores, {plan.dev.rows.height:,} rows", "", *head, *rows])


def _versions() -> str:
    versions = ", ".join(f"{name} {version}" for name, version in installed_versions().items())
    return f"## Versions\n\n{versions}"
