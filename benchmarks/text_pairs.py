"""Which pairs of plain text teach to search? One student, one budget of steps, pairs made of the same documents.

    python benchmarks/text_pairs.py ../shared/data/scifact

A static encoder is trained from random weights on the pairs that each way of `pair-texts` makes of the documents, with
multiple negatives ranking, at an equal number of steps, over several seeds. Each way gets the learning rate that suits
it best on the train queries, found with a seed that is not among those reported; the table gives nDCG@10 on the test
queries, and against the first way the difference with a bootstrap interval over the queries, the seeds averaged.
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
from nli_corpora import SWEEP_SEED, Budget

import pairforge as pf
from pairforge.agreement import Array
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, Side

WAYS = ("fields", "cloze", "crops", "neighbours", "twins")


@dataclass(frozen=True)
class Search:
    """Queries, documents and which are relevant.

    Args:
        queries: query texts by id.
        documents: title and text as one, by id.
        relevant: query id → ids of relevant documents.
    """

    queries: Mapping[str, str]
    documents: Mapping[str, str]
    relevant: Mapping[str, frozenset[str]]

    def scores(self, model: Path) -> Array:
        """nDCG@10 of each query."""
        encoder = pf.load_encoder(str(model))
        sides = ((Side.QUERY, self.queries), (Side.DOCUMENT, self.documents))
        vectors = [encoder.encode(list(texts.values()), side) for side, texts in sides]
        asked, found = (side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9) for side in vectors)
        best = np.argsort(-(asked @ found.T), axis=1, kind="stable")[:, :10]
        names = list(self.documents)
        gains = [
            [names[place] in self.relevant[query] for place in row]
            for query, row in zip(self.queries, best.tolist(), strict=True)
        ]
        discounts = 1 / np.log2(np.arange(2, 12))
        ideal = [discounts[: len(self.relevant[query])].sum() for query in self.queries]
        scores: Array = (np.array(gains) @ discounts) / np.array(ideal)
        return scores


def search_of(folder: Path, split: str) -> Search:
    """A corpus of BEIR's form, with the queries of one split."""
    corpus, queries, qrels = (pl.read_parquet(folder / f"{name}.parquet") for name in ("corpus", "queries", "qrels"))
    judged = qrels.filter((pl.col("split") == split) & (pl.col("score") > 0)).group_by("query-id").agg("corpus-id")
    relevant = {query: frozenset(documents) for query, documents in judged.rows()}
    texts = corpus.select("_id", pl.concat_str("title", pl.lit(" "), "text")).rows()
    return Search({i: text for i, text in queries.select("_id", "text").rows() if i in relevant}, dict(texts), relevant)


def pairs_by(way: str, corpus: pl.DataFrame) -> pl.DataFrame:
    """The pairs that one way makes of the documents."""
    named = corpus.rename({"title": "anchor", "text": "positive"}) if way == "fields" else corpus
    return pf.pair_texts(named, options=pf.PairTextsOptions(by=way))


def tried(pairs: pl.DataFrame | None, budget: Budget, search: Search, seed: int, rate: float) -> Array:
    """nDCG@10 by query of one student; of the untrained start if there are no pairs."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        return search.scores(budget.start(work, seed) if pairs is None else budget.train(pairs, work, seed, rate))


def line(name: str, rows: int, rate: float, scores: Array, first: Array | None) -> str:
    """A row of the table; scores have shape (seeds, queries)."""
    means = scores.mean(axis=1)
    cells = [name, f"{rows:,}", f"{rate:g}", f"{means.mean():.4f} ± {means.std(ddof=1):.4f}", "–"]
    if first is not None:
        gains = scores.mean(axis=0) - first.mean(axis=0)
        drawn = np.random.default_rng(0).integers(len(gains), size=(10_000, len(gains)))
        low, high = np.quantile(gains[drawn].mean(axis=1), (0.025, 0.975))
        cells[-1] = f"{gains.mean():+.4f} ({low:+.4f} to {high:+.4f})"
    return "| " + " | ".join(cells) + " |"


def main(
    folder: Annotated[Path, typer.Argument(help="corpus, queries and qrels.")],
    steps: Annotated[int, typer.Option(help="Batches each student is trained on.")] = 40,
    seeds: Annotated[int, typer.Option(min=2, help="Students a way.")] = 3,
    rates: Annotated[str, typer.Option(help="Learning rates to choose from.")] = "0.05,0.1",
    ways: Annotated[str, typer.Option(help="The ways to try, the first the one to compare with.")] = ",".join(WAYS),
) -> None:
    """Train the same student on each way's pairs and print the table."""
    corpus = pl.read_parquet(folder / "corpus.parquet")
    dev, test = search_of(folder, "train"), search_of(folder, "test")
    budget = Budget(steps, 128, 20, 256, resolve(ModelRequest(), ModelKind.WEIGHTS))
    print(f"{corpus.height:,} documents, {len(test.queries):,} test queries; {steps} steps of 128, {seeds} seeds")
    print("| pairs by | rows | rate | test nDCG@10 | against the first |\n|" + " --- |" * 5)
    untrained = np.stack([tried(None, budget, test, seed, 0) for seed in range(seeds)])
    print(line("untrained", 0, 0, untrained, None), flush=True)
    first = None
    for name in ways.split(","):
        pairs = pairs_by(name, corpus)
        rate = best_rate(pairs, budget, dev, [float(rate) for rate in rates.split(",")])
        scores = np.stack([tried(pairs, budget, test, seed, rate) for seed in range(seeds)])
        print(line(name, pairs.height, rate, scores, first), flush=True)
        first = scores if first is None else first


def best_rate(pairs: pl.DataFrame, budget: Budget, dev: Search, rates: Sequence[float]) -> float:
    """The rate with the best dev score for a seed that is not reported."""
    means = {rate: tried(pairs, budget, dev, SWEEP_SEED, rate).mean() for rate in rates}
    return max(means, key=lambda rate: means[rate])


if __name__ == "__main__":
    typer.run(main)
