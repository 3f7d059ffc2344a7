"""Do the intervals hold the truth as often as they say?

    python benchmarks/intervals.py

Scores are drawn from populations whose truth is known: a pair's similarity and its gold score from a bivariate normal
distribution, a query's reciprocal rank from a geometric one. Of each sample pairforge makes its 95% interval; the
table says how many of them hold the population's value. Beside it two models that are equally good in the population
but differ in their errors: how often their difference is called clear, which should be in one sample of twenty; and a
model beside itself, which never should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer

from pairforge.agreement import COEFFICIENTS, Array, correlation
from pairforge.evaluation.rankings import bootstrap_rankings, rankings
from pairforge.evaluation.statistics import Estimate, bootstrap_correlations, interval, resampled_counts

Values = dict[str, tuple[float, Array]]


@dataclass(frozen=True)
class Population:
    """Where samples come from.

    Args:
        name: What the table calls it.
        rows: Items in a sample.
        truths: Measure → its value in the population.
        draw: A sample of two models that are equally good, shape (2, rows), and the truth of each row, shape (rows,).
        measure: Measure → value and resamples of it, for each model of a sample.
    """

    name: str
    rows: int
    truths: dict[str, float]
    draw: Callable[[np.random.Generator], tuple[Array, Array]]
    measure: Callable[[Array, Array, int, int], list[Values]]


def correlated(rows: int, rho: float) -> Population:
    """Similarities and gold scores of a bivariate normal distribution; the two models err apart from each other."""

    def draw(generator: np.random.Generator) -> tuple[Array, Array]:
        gold, *errors = generator.standard_normal((3, rows))
        return rho * gold + np.sqrt(1 - rho**2) * np.stack(errors), gold

    def measure(scores: Array, gold: Array, samples: int, seed: int) -> list[Values]:
        drawn = bootstrap_correlations(scores, gold, samples=samples, seed=seed)
        return [
            {name.capitalize(): (correlation(name, row, gold), drawn[name][place]) for name in COEFFICIENTS}
            for place, row in enumerate(scores)
        ]

    truths = {"Pearson": rho, "Spearman": 6 / np.pi * np.arcsin(rho / 2)}
    return Population(f"{rows:,} scored pairs, correlation {rho}", rows, truths, draw, measure)


def labelled(rows: int, apart: float) -> Population:
    """Scores of true and of false pairs, normal with means so far apart."""

    def draw(generator: np.random.Generator, size: int = rows) -> tuple[Array, Array]:
        labels = (generator.random(size) < 0.4).astype(float)
        return labels * apart + generator.standard_normal((2, size)), labels

    def measure(scores: Array, labels: Array, samples: int, seed: int) -> list[Values]:
        drawn = bootstrap_rankings(scores, labels, samples=samples, seed=seed)
        shown = {"average_precision": "AP", "auc": "AUC"}
        return [
            {shown[name]: (value, drawn[name][place]) for name, value in rankings(row, labels).items() if name in shown}
            for place, row in enumerate(scores)
        ]

    scores, labels = draw(np.random.default_rng(0), 2_000_000)
    found = rankings(scores[0], labels)
    truths = {"AP": found["average_precision"], "AUC": found["auc"]}
    return Population(f"{rows:,} labelled pairs", rows, truths, draw, measure)


def ranked(rows: int, hit: float) -> Population:
    """Reciprocal ranks of queries, whose rank is geometric."""

    def draw(generator: np.random.Generator) -> tuple[Array, Array]:
        return 1 / generator.geometric(hit, (2, rows)), np.zeros(rows)

    def measure(scores: Array, _: Array, samples: int, seed: int) -> list[Values]:
        drawn = np.hstack([scores @ counts / rows for _, counts in resampled_counts(rows, samples, seed)])
        return [{"MRR": (float(row.mean()), drawn[place])} for place, row in enumerate(scores)]

    return Population(f"{rows:,} queries", rows, {"MRR": -hit * np.log(hit) / (1 - hit)}, draw, measure)


@dataclass
class Count:
    """What came of the samples of one measure."""

    held: int = 0
    called_different: int = 0
    called_different_from_itself: int = 0


def tried(population: Population, trials: int, samples: int, seed: int) -> dict[str, Count]:
    """Measure → what its intervals did over so many samples."""
    counts = {name: Count() for name in population.truths}
    generator = np.random.default_rng(seed)
    for trial in range(trials):
        scores, truth = population.draw(generator)
        ours, theirs = population.measure(scores, truth, samples, trial)
        for name, count in counts.items():
            found = interval(*ours[name])
            count.held += found.low <= population.truths[name] <= found.high
            count.called_different += difference(ours[name], theirs[name]).excludes_zero
            count.called_different_from_itself += difference(ours[name], ours[name]).excludes_zero
    return counts


def difference(ours: tuple[float, Array], theirs: tuple[float, Array]) -> Estimate:
    return interval(ours[0] - theirs[0], ours[1] - theirs[1])


POPULATIONS = (correlated(1379, 0.8), correlated(200, 0.6), labelled(1000, 1.5), ranked(300, 0.4))


def lines(trials: int, samples: int, seed: int) -> Iterator[str]:
    """The table, a row as soon as it is known."""
    head = ("sample", "measure", "intervals that hold the truth", "equal models called different", "a model and itself")
    yield f"| {' | '.join(head)} |"
    yield "| --- | --- | --- | --- | --- |"
    for population in POPULATIONS:
        for name, count in tried(population, trials, samples, seed).items():
            shares = [f"{number / trials:.1%}" for number in (count.held, count.called_different)]
            yield f"| {population.name} | {name} | {' | '.join(shares)} | {count.called_different_from_itself} |"


def main(
    trials: Annotated[int, typer.Option(min=20, help="Samples of each population.")] = 2000,
    samples: Annotated[int, typer.Option(min=100, help="Resamples of each sample.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 0,
) -> None:
    """Print the table."""
    for line in lines(trials, samples, seed):
        print(line, flush=True)


if __name__ == "__main__":
    typer.run(main)
