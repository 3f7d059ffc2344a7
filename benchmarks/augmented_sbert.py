"""Which pairs are worth labelling? One teacher, one budget of steps, silver from each way of proposing pairs.

    python benchmarks/augmented_sbert.py gold.parquet ../shared/data/stsb/train.parquet \
        --dev ../shared/data/stsb/dev.parquet --test ../shared/data/stsb/test.parquet

The table has the rows of Table 5 of Thakur et al. 2021: pairs that people wrote (given), random ones, bm25, semantic
and both, as they come or sampled to follow gold's scores. The teacher is trained once. Every student takes the same
number of steps, at the rate that does best on dev with a seed that is not reported; differences to gold alone come with
a paired bootstrap interval over seeds and test rows. Whatever was made before in the work folder is not made again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import pairforge as pf
from pairforge.cache import cache_folder
from pairforge.cli.quiet import quiet_libraries
from pairforge.cli.render import table
from pairforge.evaluation.options import TaskOptions
from pairforge.pipeline.comparison import DEV, Contest, Contestant, hold
from pairforge.pipeline.standings import standings_of, standings_table
from pairforge.pipeline.students import usual_rates
from pairforge.progress import terminal
from pairforge.training.options import Precision

GOLD = "gold alone"


def ways(given: str, num_silver: int, pool: int) -> dict[str, dict[str, Any]]:
    """Name → how its silver is found; what is sampled by density is chosen from a larger pool."""
    as_they_come = {"sample": "all", "max_pairs": num_silver}
    by_density = {"sample": "kde", "max_pairs": pool, "num_silver": num_silver}
    return {
        "given": {"candidates": "given", "given": given, "sample": "all"},
        "random": {"candidates": "random", **as_they_come},
        "random, kde": {"candidates": "random", **by_density},
        "bm25": {"candidates": "bm25", **as_they_come},
        "bm25, kde": {"candidates": "bm25", **by_density},
        "semantic": {"candidates": "semantic", **as_they_come},
        "semantic, kde": {"candidates": "semantic", **by_density},
        "bm25+semantic": {"candidates": "bm25+semantic", **as_they_come},
        "bm25+semantic, kde": {"candidates": "bm25+semantic", **by_density},
    }


def augmented(name: str, gold: Path, texts: Path, work: Path, options: pf.AugmentOptions) -> Path:
    """The corpus of gold and one kind of silver."""
    output = work / f"{name.replace(', ', '-')}.parquet"
    sentences = [] if options.candidates == "given" else [texts]
    return pf.augment(gold, sentences, output=output, work=work / "stages", options=options)


def main(  # noqa: PLR0917 - typer passes them by name
    gold: Annotated[Path, typer.Argument(help="Gold pairs.")],
    texts: Annotated[Path, typer.Argument(help="Pairs whose sentences are paired anew, and that are given.")],
    dev: Annotated[str, typer.Option(help="Scored pairs that choose the teacher and the rates.")],
    test: Annotated[str, typer.Option(help="Scored pairs that are reported.")],
    work: Annotated[Path, typer.Option(help="Folder of what is made.")] = Path("runs/augmented-sbert"),
    num_silver: Annotated[int, typer.Option(help="Silver pairs of each kind.")] = 10_000,
    pool: Annotated[int, typer.Option(help="Pairs labelled before sampling by density.")] = 20_000,
    top_k: Annotated[int, typer.Option(help="Nearest sentences paired with each.")] = 4,
    restarts: Annotated[int, typer.Option(help="Trainings of the teacher.")] = 3,
    student: Annotated[str, typer.Option(help="static, or a model.")] = "static",
    steps: Annotated[int, typer.Option(help="Batches of each student.")] = 300,
    rate: Annotated[list[float] | None, typer.Option(help="A learning rate to try; usual ones if not given.")] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Students a corpus.")] = 5,
    precision: Annotated[Precision, typer.Option(help="Arithmetic of the students' training.")] = "auto",
    only: Annotated[list[str] | None, typer.Option(help="A kind of silver; all if not given.")] = None,
) -> None:
    """Make each kind of silver, train the students and print the table."""
    contestants = [Contestant("untrained", gold, 0, 0)]
    with quiet_libraries():
        for name, changes in ways(str(texts), num_silver, pool).items():
            if only and name not in only:
                continue
            options = pf.AugmentOptions(dev=dev, restarts=restarts, top_k=top_k, **changes)
            corpus = augmented(name, gold, texts, work, options)
            contestants.append(Contestant(name, corpus, pf.read_frame(corpus).height, steps))
        trained_on = work / "stages" / "gold.parquet"
        contestants.insert(1, Contestant(GOLD, trained_on, pf.read_frame(trained_on).height, steps))
        tasks = {DEV: f"sts:{dev}", "test": f"sts:{test}"}
        contest = Contest(
            student=student,
            tasks=tasks,
            judging=TaskOptions(task=tuple(tasks.values())),
            rates=tuple(rate or usual_rates(student)),
            seeds=seeds,
            batch_size=64,
            loss="cosine-similarity",
            folder=work / "trials",
            cache=cache_folder(),
            precision=precision,
        )
        standings = standings_of(hold(contestants, contest, progress=terminal), contest, baseline=GOLD)
    table(standings_table(standings, GOLD))


if __name__ == "__main__":
    typer.run(main)
