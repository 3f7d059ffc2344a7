"""Which loss learns most from the same NLI rows? Softmax, cosine similarity and multiple negatives ranking.

    python benchmarks/losses.py                          # a static student from random weights
    python benchmarks/losses.py --student transformer    # a random transformer of two layers

Each loss gets the rows in the shape that it learns from (classes; scores 1 and 0; entailed pairs with an easy
negative), the same number of steps, and the rate that does best on STSb train with a seed that is not reported. Judged
on STSb dev over seeds, with a row for the untrained start, and against the row above by a paired bootstrap over seeds
and pairs. Trials are kept in `--folder`: a run that was stopped goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import polars as pl
import typer

import pairforge as pf
from pairforge.agreement import Array, spearman
from pairforge.cache import cache_folder
from pairforge.evaluation.options import TaskOptions
from pairforge.evaluation.statistics import paired_bootstrap
from pairforge.files import read_frames
from pairforge.frames import SCORED_PAIR, adopt
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest
from pairforge.pipeline.comparison import DEV, Contest, Contestant
from pairforge.pipeline.standings import shown_difference
from pairforge.pipeline.students import FRESH_STATIC

DATA = Path(os.environ.get("PAIRFORGE_TEST_DATA", "../shared/data"))
JUDGED = "STSb dev"
CORPORA = {
    "softmax": pf.ConvertNliOptions(to="labelled"),
    "cosine": pf.ConvertNliOptions(to="scored"),
    "mnr": pf.ConvertNliOptions(to="triplet", negatives="random"),
}
RATES = {"static": (0.01, 0.03, 0.1, 0.3), "transformer": (1e-4, 3e-4, 1e-3)}


def judge(name: str, split: str, folder: Path) -> Path:
    """STSb pairs with scores in [0, 1], as a file of the folder."""
    source = DATA / "stsb" / f"{split}.parquet"
    pairs = adopt(pf.read_frame(str(source)), [SCORED_PAIR], str(source)).frame
    place = folder / f"{name}.parquet".replace(" ", "-")
    pairs.write_parquet(place)
    return place


def start(student: str, folder: Path, size: int, seed: int) -> str:
    """The student of one seed before its training: a word for the fresh static one, or a folder."""
    if student == "static":
        return FRESH_STATIC
    place = folder / f"start-{size}-{seed}"
    if not place.exists():
        tokenizer = resolve(ModelRequest(), ModelKind.WEIGHTS)
        options = pf.InitModelOptions(kind="transformer", dimension=size, layers=2, heads=4, seed=seed)
        pf.init_model(tokenizer=tokenizer, options=options, output=place)
    return str(place)


def similarities(contest: Contest, corpus: Contestant, rate: float | None, starts: Callable[[int], str]) -> Array:
    """The judged pairs' cosines by the students of all seeds, shape (seeds, pairs)."""
    return np.stack(
        [
            replace(contest, student=starts(seed)).predictions(corpus, rate, seed)[JUDGED]["cosine"].to_numpy()
            for seed in range(contest.seeds)
        ]
    )


def line(trained_on: Contestant, rate: float | None, found: Array, contest: Contest, above: Array | None) -> str:
    """A row of the table."""
    gold = pl.read_parquet(contest.tasks[JUDGED].removeprefix("sts:"))["score"].to_numpy()
    scores = [spearman(similarities, gold) for similarities in found]
    ahead = None if above is None else paired_bootstrap(found, above, gold)
    cells = [trained_on.name, f"{trained_on.rows:,}" if trained_on.steps else "–", "–" if rate is None else f"{rate:g}",
             f"{np.mean(scores):.4f} ± {np.std(scores, ddof=1):.4f}", shown_difference(ahead)]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main(  # noqa: PLR0917 - typer passes them by name
    student: Annotated[Literal["static", "transformer"], typer.Option(help="What is trained.")] = "static",
    steps: Annotated[int, typer.Option(help="Batches each student is trained on.")] = 284,
    batch_size: Annotated[int, typer.Option(help="Rows in a batch.")] = 64,
    seeds: Annotated[int, typer.Option(min=2, help="Students a loss.")] = 3,
    rates: Annotated[
        str, typer.Option(help="Learning rates to choose from; those that suit the student if empty.")
    ] = "",
    size: Annotated[int, typer.Option(help="Dimensions of the transformer.")] = 128,
    folder: Annotated[Path, typer.Option(help="Where corpora, starts and trials are kept.")] = Path("losses-trials"),
) -> None:
    """Train one student by each loss and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    judges = {DEV: judge(DEV, "train", folder), JUDGED: judge(JUDGED, "dev", folder)}
    judged = pl.concat(pl.read_parquet(place) for place in judges.values())
    nli = read_frames([str(DATA / "nli" / f"{name}.parquet") for name in ("snli_dev", "counterfactual_train")])
    clean = pf.decontaminate(nli, judged)
    print(
        f"{nli.height:,} NLI rows, {clean.height:,} after decontamination; {steps} steps of {batch_size}, {seeds} seeds"
    )
    shared = Contest(
        student=start(student, folder, size, 1000),
        tasks={name: f"sts:{place}" for name, place in judges.items()},
        judging=TaskOptions(task=tuple(f"sts:{place}" for place in judges.values())),
        rates=tuple(map(float, rates.split(","))) if rates else RATES[student],
        seeds=seeds,
        batch_size=batch_size,
        loss="auto",
        folder=folder,
        cache=cache_folder(),
    )
    print("| learnt by | rows | rate | STSb dev | against the row above |\n|" + " --- |" * 5)
    starts = partial(start, student, folder, size)
    above: Array | None = None
    for loss, conversion in CORPORA.items():
        corpus = pf.convert_nli(clean, options=conversion)
        place = folder / f"{loss}.parquet"
        corpus.write_parquet(place)
        contestant = Contestant(loss, place, corpus.height, steps)
        contest = replace(shared, loss=pf.TrainOptions(loss=loss).loss[0])
        if above is None:
            untrained = replace(contestant, name="untrained", steps=0)
            above = similarities(contest, untrained, None, starts)
            print(line(untrained, None, above, contest, None), flush=True)
        rate = contest.best_rate(contestant, lambda done: None)
        found = similarities(contest, contestant, rate, starts)
        print(line(contestant, rate, found, contest, above), flush=True)
        above = found


if __name__ == "__main__":
    typer.run(main)
