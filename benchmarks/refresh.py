"""Does it pay to mine negatives again with the model that was just trained?

    python benchmarks/refresh.py --pairs ../shared/data/medquad/qa.parquet

MedQuAD: a fifth of the entities (`focus`) are held out with their questions, which seek their answers among all
answers. A static encoder from random weights is trained with multiple negatives ranking on the other pairs: alone, with
three random negatives each, with three mined by the student that learnt from the pairs (nearest first, below .95 of
the positive's cosine), and with three mined by that second student. Always from the same start, at the same number of
steps, over several seeds; of several rates the best one on a tenth of the entities that is then held out for that,
with a seed that is not reported. Printed: MRR@10 by seed and its mean, and differences with a paired bootstrap
interval over seeds and questions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

import pairforge as pf
from pairforge.agreement import Array
from pairforge.evaluation.judged_models import JudgedEncoder
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.retrieval.task import read_retrieval
from pairforge.evaluation.statistics import Estimate, paired_means
from pairforge.evaluation.task import Means, Task
from pairforge.execution.step import StepContext

SWEEP_SEED = 1000
ARMS = ("untrained", "pairs alone", "3 random negatives", "mined by the first student", "mined by the second student")


@dataclass
class Bench:
    """What every student gets alike."""

    train: pl.DataFrame
    dev: Task
    test: Task
    folder: Path
    dimension: int
    batch_size: int
    epochs: int
    max_length: int
    scale: float
    made: dict[tuple[str, int, float], Path] = field(default_factory=dict)

    def student(self, arm: str, seed: int, rate: float) -> Path:
        """The folder of an arm's student, trained if it is not there yet."""
        key = (arm, seed, rate)
        if key not in self.made:
            self.made[key] = self._trained(arm, seed, rate)
        return self.made[key]

    def _trained(self, arm: str, seed: int, rate: float) -> Path:
        name = self.folder / f"{ARMS.index(arm)}-{seed}-{rate:g}"
        if arm == "untrained":
            start = pf.InitModelOptions(kind="static", dimension=self.dimension, seed=seed, max_length=self.max_length)
            return pf.init_model(tokenizer=pf.find_model("all-MiniLM-L6-v2"), options=start, output=name)
        options = pf.TrainOptions(
            loss="mnr", batch_size=self.batch_size, epochs=self.epochs, learning_rate=rate, scale=self.scale, seed=seed
        )
        base = pf.find_model(str(self.student("untrained", seed, 0)))
        return pf.train(self.corpus(arm, seed, rate), base=base, options=options, output=name)

    def corpus(self, arm: str, seed: int, rate: float) -> pl.DataFrame:
        """What an arm is trained on: the pairs, each with its negatives where there are any."""
        if arm == "pairs alone":
            return self.train
        if arm == "3 random negatives":
            settings = {"strategy": "easy", "too_few": "pad", "seed": seed}
            miner = self.student("untrained", seed, 0)
        else:
            settings = {"relative_margin": 0.05, "too_few": "pad", "seed": seed}
            miner = self.student("pairs alone" if "first" in arm else ARMS[3], seed, rate)
        options = pf.MineNegativesOptions.model_validate({"num_negatives": 3, **settings})
        context = StepContext(cache=self.folder / "cache")
        return pf.mine_negatives(self.train, encoder=pf.load_encoder(str(miner)), options=options, context=context)

    def judge(self, task: Task, model: Path) -> Array:
        """The reciprocal rank of each question's answer, 0 beyond rank 10; shape (questions,)."""
        means = Means(100, 0, StepContext(cache=self.folder / "cache"))
        return task.predict(JudgedEncoder(pf.load_encoder(str(model))), means)["mrr@10"].to_numpy()


def split(path: Path, folder: Path, *, choose: bool) -> tuple[pl.DataFrame, Task, Task]:
    """Training pairs, and tasks of the entities held out for choosing and for reporting, among all answers.

    Where nothing is to be chosen, nothing is held out for it, and its task is that of reporting.
    """
    rows = pl.read_parquet(path).select("focus", anchor="question", positive="answer").drop_nulls()
    options = pf.SplitCorpusOptions(dev=0.1 if choose else 0, test=0.2, group_column="focus", seed=0)
    sides = pf.split_corpus(rows, options=options)
    for name, side in {**sides, "answers": rows.select(text="positive")}.items():
        side.write_parquet(folder / f"{name}.parquet")
    reading = EvaluateOptions(task=("stsb",), documents=(str(folder / "answers.parquet"),))
    dev, test = (
        read_retrieval(name, str(folder / f"{name}.parquet"), reading) for name in ("dev" if choose else "test", "test")
    )
    return sides["train"].select("anchor", "positive"), dev, test


def best_rate(bench: Bench, arm: str, rates: list[float]) -> float:
    """The rate at which an arm does best on dev, for a seed that is not reported."""
    if len(rates) == 1 or arm == "untrained":
        return rates[0]
    scores = {rate: bench.judge(bench.dev, bench.student(arm, SWEEP_SEED, rate)).mean() for rate in rates}
    return max(scores, key=lambda rate: scores[rate])


def shown(gain: Estimate) -> str:
    return f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}{'' if gain.excludes_zero else ', unclear'})"


def lines(bench: Bench, seeds: int, rates: list[float]) -> Iterator[str]:
    """The table, a row as soon as it is known."""
    yield "| trained on | rate | MRR@10 by seed | mean | against pairs alone | against random negatives |"
    yield "| --- | --- | --- | --- | --- | --- |"
    found: dict[str, Array] = {}
    for arm in ARMS:
        rate = best_rate(bench, arm, rates)
        found[arm] = np.stack([bench.judge(bench.test, bench.student(arm, seed, rate)) for seed in range(seeds)])
        against = [
            shown(paired_means(found[arm], found[other])) if other in found and other != arm else "–"
            for other in ("pairs alone", "3 random negatives")
        ]
        by_seed = " ".join(f"{value:.4f}" for value in found[arm].mean(axis=1))
        yield f"| {arm} | {rate:g} | {by_seed} | {found[arm].mean():.4f} | {' | '.join(against)} |"


def main(  # noqa: PLR0917 - a command's options
    pairs: Annotated[Path, typer.Option(help="MedQuAD: focus, question, answer.")],
    seeds: Annotated[int, typer.Option(min=2, help="Students an arm.")] = 3,
    rate: Annotated[list[float] | None, typer.Option(help="Rates to choose from; .1 if not given.")] = None,
    dimension: Annotated[int, typer.Option(help="Numbers in a vector.")] = 512,
    batch_size: Annotated[int, typer.Option(help="Pairs in a batch.")] = 256,
    epochs: Annotated[int, typer.Option(help="Times each pair is seen.")] = 5,
    max_length: Annotated[int, typer.Option(help="Tokens read of each text.")] = 128,
    scale: Annotated[float, typer.Option(help="By which cosines are multiplied.")] = 20,
) -> None:
    """Train the students and print the table."""
    with tempfile.TemporaryDirectory() as work:
        train, dev, test = split(pairs, Path(work), choose=len(rate or ()) > 1)
        steps = -(-train.height // batch_size) * epochs
        print(f"{train.height:,} pairs, {test.rows:,} test questions; {steps} steps of {batch_size}; {seeds} seeds\n")
        bench = Bench(train, dev, test, Path(work), dimension, batch_size, epochs, max_length, scale)
        for line in lines(bench, seeds, rate or [0.1]):
            print(line, flush=True)


if __name__ == "__main__":
    typer.run(main)
