"""Pairs a second of `train` beside the plain SentenceTransformerTrainer: same rows, batch, loss, precision and steps.

    python benchmarks/training.py [--steps 60] [--runs 5] [--students static minilm]

Each run is a process of its own, in turns, since machines are shared and noisy; the ratio is the median over the
turns. Only the steps are timed, without loading and saving; the first ones are left out. The plain trainer has its
NO_DUPLICATES sampler, which is what `train` does by default for multiple-negatives-ranking; `--sampler plain` compares
with its default sampler, and `--no-distinct-batches`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

SIDES = ("pairforge", "plain")
BATCHES = {"static": 256, "minilm": 32}
WARM = 5
"""Steps before the clock starts."""


def main() -> None:
    """Compare, or, when called by itself, time one run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--students", nargs="+", choices=list(BATCHES), default=list(BATCHES))
    parser.add_argument("--sampler", choices=["distinct", "plain"], default="distinct")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--one", nargs=2, metavar=("SIDE", "STUDENT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(timed(*options.one, options)))
    else:
        for student in options.students:
            compare(student, options)


def compare(student: str, options: argparse.Namespace) -> None:
    """Print the rates of both sides and their ratio, turn by turn and in the median."""
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    for turn in range(options.runs):
        for side in SIDES if turn % 2 == 0 else reversed(SIDES):
            command = [sys.executable, __file__, "--one", side, student, "--steps", str(options.steps),
                       "--sampler", options.sampler, "--precision", options.precision]  # fmt: skip
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rates[side].append(json.loads(done.stdout.splitlines()[-1]))
    ratios = [ours / theirs for ours, theirs in zip(*rates.values(), strict=True)]
    medians = ", ".join(f"{side} {statistics.median(rates[side]):,.0f} pairs/s" for side in SIDES)
    shown = " ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
    print(f"{student}, batch {BATCHES[student]}, {options.precision}, {options.sampler} batches: {medians}; "
          f"ratio {statistics.median(ratios):.3f} (turns: {shown})", flush=True)  # fmt: skip


def timed(side: str, student: str, options: argparse.Namespace) -> float:
    """Pairs a second of one run."""
    batch = BATCHES[student]
    pairs = corpus(batch * (options.steps + WARM))
    base = model_of(student)
    run = ours if side == "pairforge" else plain
    ticks: list[float] = []
    run(pairs, base, batch, options, ticks)
    return batch * (len(ticks) - WARM - 1) / (ticks[-1] - ticks[WARM])


def corpus(rows: int) -> pl.DataFrame:
    """Pairs whose texts are of mixed lengths and mostly differ; a twentieth of the anchors stands twice."""
    words = [f"{start}{end}" for start in ("ba", "ce", "di", "fo", "gu", "la", "me", "no") for end in ("r", "s", "t")]
    anchors = [_text(words, row if row % 20 else row - 1, 4 + row % 9) for row in range(rows)]
    positives = [_text(words, 7 * row + 3, 6 + row % 17) for row in range(rows)]
    return pl.DataFrame({"anchor": anchors, "positive": positives})


def _text(words: list[str], number: int, length: int) -> str:
    return (
        " ".join(words[(number * 31 + place * (number % 13 + 1)) % len(words)] for place in range(length))
        + f" {number}"
    )


def model_of(student: str) -> Path:
    """The folder of the student that both sides start from."""
    from pairforge import find_model
    from pairforge.training.init_model import init_model
    from pairforge.training.options import InitModelOptions

    minilm = find_model("all-MiniLM-L6-v2")
    if student == "minilm":
        assert minilm.path is not None
        return minilm.path
    folder = Path(tempfile.mkdtemp()) / "static"
    return init_model(tokenizer=minilm, options=InitModelOptions(kind="static"), output=folder)


def ours(pairs: pl.DataFrame, base: Path, batch: int, options: argparse.Namespace, ticks: list[float]) -> None:
    """A training by `train`."""
    from pairforge.execution.step import StepContext
    from pairforge.models import ModelKind, ModelRequest, ModelSpec
    from pairforge.training.options import TrainOptions
    from pairforge.training.train import train

    @contextmanager
    def progress(label: str, total: int, unit: str) -> Iterator[object]:
        yield lambda steps, detail="": ticks.append(time.perf_counter())

    spec = ModelSpec(request=ModelRequest(name=str(base)), kind=ModelKind.WEIGHTS, digest="0" * 64, path=base)
    settings = TrainOptions(
        batch_size=batch, max_steps=options.steps + WARM, learning_rate=2e-5, precision=options.precision,
        distinct_batches=options.sampler == "distinct", warmup_ratio=0,
    )  # fmt: skip
    train(pairs, base=spec, options=settings, context=StepContext(progress=progress))


def plain(pairs: pl.DataFrame, base: Path, batch: int, options: argparse.Namespace, ticks: list[float]) -> None:
    """A training by sentence-transformers alone."""
    import torch
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def on_step_end(self, *arguments: object, **keywords: object) -> None:
            ticks.append(time.perf_counter())

    model = SentenceTransformer(str(base))
    arguments = SentenceTransformerTrainingArguments(
        output_dir=tempfile.mkdtemp(), max_steps=options.steps + WARM, per_device_train_batch_size=batch,
        learning_rate=2e-5, bf16=options.precision == "bf16", save_strategy="no", logging_strategy="no",
        report_to="none", disable_tqdm=True, seed=42, use_cpu=not torch.cuda.is_available(),
        batch_sampler="no_duplicates" if options.sampler == "distinct" else "batch_sampler",
    )  # fmt: skip
    dataset = Dataset.from_dict(pairs.to_dict(as_series=False))
    loss = MultipleNegativesRankingLoss(model)
    SentenceTransformerTrainer(model, arguments, train_dataset=dataset, loss=loss, callbacks=[Clock()]).train()


if __name__ == "__main__":
    main()
