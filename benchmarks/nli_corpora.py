"""Which negatives help? One student, one budget of steps, corpora of different negatives from the same NLI rows.

    python benchmarks/nli_corpora.py --nli ../shared/data/nli/snli_dev.parquet \
        --nli ../shared/data/nli/counterfactual_train.parquet \
        --dev ../shared/data/stsb/dev.parquet --test ../shared/data/stsb/test.parquet

A static encoder is trained from random weights on each corpus, with multiple negatives ranking, at an equal number of
steps, over several seeds. Each corpus gets the learning rate that suits it best on dev, found with a seed that is not
among those reported. The table has a row for the untrained start and gives, against the first corpus, the paired
difference with a bootstrap interval over seeds and test rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

import pairforge as pf
from pairforge.agreement import Array, spearman
from pairforge.evaluation.statistics import paired_bootstrap
from pairforge.files import read_frames
from pairforge.frames import SCORED_PAIR, adopt
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, ModelSpec, Side

SWEEP_SEED = 1000


@dataclass(frozen=True)
class Judge:
    """Scored pairs, and the cosine a model gives them."""

    pairs: pl.DataFrame

    @property
    def gold(self) -> Array:
        return self.pairs["score"].to_numpy()

    def similarities(self, model: Path) -> Array:
        encoder = pf.load_encoder(str(model))
        sides = [encoder.encode(self.pairs[name].to_list(), Side.QUERY) for name in ("sentence1", "sentence2")]
        first, second = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides)
        return np.einsum("rd,rd->r", first, second).astype(np.float64)

    def score(self, model: Path) -> float:
        return spearman(self.similarities(model), self.gold)


@dataclass(frozen=True)
class Budget:
    """What every corpus gets alike."""

    steps: int
    batch_size: int
    scale: float
    dimension: int
    tokenizer: ModelSpec

    def start(self, folder: Path, seed: int) -> Path:
        options = pf.InitModelOptions(kind="static", dimension=self.dimension, seed=seed)
        return pf.init_model(tokenizer=self.tokenizer, options=options, output=folder / f"start-{seed}")

    def train(self, corpus: pl.DataFrame, folder: Path, seed: int, rate: float) -> Path:
        base = resolve(ModelRequest(name=str(self.start(folder, seed))), ModelKind.WEIGHTS)
        options = pf.TrainOptions(
            loss="mnr",
            max_steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=rate,
            scale=self.scale,
            seed=seed,
        )
        return pf.train(corpus, base=base, options=options, output=folder / "model")


def corpora(nli: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Name → corpus, the reference first."""
    miner = pf.load_encoder("all-MiniLM-L6-v2")
    made = {}
    for suffix, both in ((", one direction", False), (", both directions", True)):
        for negatives in ("contradiction", "random", "contradiction-or-random"):
            options = pf.ConvertNliOptions(to="triplet", negatives=negatives, bidirectional=both)
            made[negatives + suffix] = pf.convert_nli(nli, options=options)
        pairs = pf.convert_nli(nli, options=pf.ConvertNliOptions(to="pair", bidirectional=both))
        made["pairs alone" + suffix] = pairs
        mining = pf.MineNegativesOptions(num_negatives=1, relative_margin=0.05, too_few="pad")
        made["mined by MiniLM" + suffix] = pf.mine_negatives(pairs, encoder=miner, options=mining)
    return made


def best_rate(corpus: pl.DataFrame, budget: Budget, dev: Judge, rates: Sequence[float]) -> float:
    """The rate with the best dev score for a seed that is not reported."""
    scores = {}
    for rate in rates:
        with tempfile.TemporaryDirectory() as folder:
            scores[rate] = dev.score(budget.train(corpus, Path(folder), SWEEP_SEED, rate))
    return max(scores, key=lambda rate: scores[rate])


def run_seeds(
    corpus: pl.DataFrame | None, budget: Budget, judges: Mapping[str, Judge], seeds: int, rate: float
) -> dict[str, Array]:
    """Judge → similarities of shape (seeds, rows); of the untrained start if there is no corpus."""
    found: dict[str, list[Array]] = {name: [] for name in judges}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            model = budget.start(work, seed) if corpus is None else budget.train(corpus, work, seed, rate)
            for name, judge in judges.items():
                found[name].append(judge.similarities(model))
    return {name: np.stack(rows) for name, rows in found.items()}


@dataclass(frozen=True)
class Trained:
    """What one corpus gave: similarities by judge, shape (seeds, rows)."""

    name: str
    rows: int
    rate: float
    found: Mapping[str, Array]

    def line(self, judges: Mapping[str, Judge], first: Trained | None) -> str:
        """Its row of the table."""
        cells = [self.name, f"{self.rows:,}", f"{self.rate:g}"]
        for judge, similarities in self.found.items():
            scores = [spearman(row, judges[judge].gold) for row in similarities]
            cells.append(f"{np.mean(scores):.4f} ± {np.std(scores, ddof=1):.4f}")
        if first is None:
            cells.append("–")
        else:
            difference = paired_bootstrap(self.found["test"], first.found["test"], judges["test"].gold)
            cells.append(f"{difference.value:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})")
        return "| " + " | ".join(cells) + " |"


def main(  # noqa: PLR0917 - typer passes them by name
    nli: Annotated[list[str], typer.Option(help="NLI files.")],
    dev: Annotated[str, typer.Option(help="Scored pairs that choose the rate.")],
    test: Annotated[str, typer.Option(help="Scored pairs that are reported.")],
    steps: Annotated[int, typer.Option(help="Batches each student is trained on.")] = 142,
    seeds: Annotated[int, typer.Option(min=2, help="Students a corpus.")] = 5,
    rates: Annotated[str, typer.Option(help="Learning rates to choose from.")] = "0.05,0.1,0.2",
) -> None:
    """Train the same student on each corpus and print the table."""
    judges = {
        name: Judge(adopt(pf.read_frame(source), [SCORED_PAIR], source).frame)
        for name, source in (("dev", dev), ("test", test))
    }
    rows = read_frames(nli)
    clean = pf.decontaminate(rows, pl.concat([judge.pairs for judge in judges.values()]))
    tokenizer = resolve(ModelRequest(), ModelKind.WEIGHTS)
    budget = Budget(steps=steps, batch_size=256, scale=10, dimension=512, tokenizer=tokenizer)
    print(f"{rows.height:,} NLI rows, {clean.height:,} after decontamination; {steps} steps of 256, {seeds} seeds")
    print("| corpus | rows | rate | dev Spearman | test Spearman | test, against the first corpus |\n|" + " --- |" * 6)
    untrained = Trained("untrained", 0, 0, run_seeds(None, budget, judges, seeds, 0))
    print(untrained.line(judges, None), flush=True)
    first = None
    for name, corpus in corpora(clean).items():
        rate = best_rate(corpus, budget, judges["dev"], [float(rate) for rate in rates.split(",")])
        trained = Trained(name, corpus.height, rate, run_seeds(corpus, budget, judges, seeds, rate))
        print(trained.line(judges, first), flush=True)
        first = first or trained


if __name__ == "__main__":
    typer.run(main)
