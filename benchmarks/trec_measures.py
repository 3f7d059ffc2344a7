"""Are the measures of retrieval those of trec_eval, ties included, whatever the order of rows?

    python benchmarks/trec_measures.py [--model M]... [--collection scifact]

SciFact and Cranfield. Each model's scores, as they are and rounded to two decimals, so that a hundred documents share
one, are measured by the package and by pytrec_eval, which reads the files by code of its own
(`tests/evaluation/retrieval/trec.py`). Then the files once more with their rows shuffled. Shown are the greatest
differences of any measure of any query at 1, 3, 5, 10 and 100, and the seconds that measuring takes beyond the scores.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

import pairforge as pf
from pairforge.evaluation.judged import ScoreBlock
from pairforge.evaluation.judged_models import JudgedEncoder
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.evaluation.retrieval.task import read_retrieval
from pairforge.evaluation.task import Means
from pairforge.execution.step import StepContext

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "evaluation" / "retrieval"))
import trec

MEANS = Means(100, 42, StepContext())
OPTIONS = RetrievalOptions()


class Rounded:
    """A model whose scores, found once for each order of texts, are rounded."""

    def __init__(self, model: JudgedEncoder, decimals: int | None) -> None:
        self.name, self.identity, self._model, self._decimals = model.name, model.identity, model, decimals

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        for block in self._model.search(queries, documents, context):
            scores = block.scores if self._decimals is None else np.round(block.scores, self._decimals)
            yield ScoreBlock(block.first_query, scores)


class Known:
    """A model whose scores are known already, so that only measuring takes time."""

    name = identity = "known"

    def __init__(self, scores: np.ndarray) -> None:
        self._scores = scores

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        yield ScoreBlock(0, self._scores)


def found(folder: Path, model: Rounded | Known) -> Mapping[str, Mapping[str, float]]:
    """Query → measure → value by the package."""
    task = read_retrieval(f"retrieval:{folder}", str(folder), OPTIONS)
    return {row.pop("query_id"): row for row in task.predict(model, MEANS).iter_rows(named=True)}


def furthest(first: Mapping[str, Mapping[str, float]], second: Mapping[str, Mapping[str, float]]) -> float:
    """The greatest difference of any measure of any query."""
    assert first.keys() == second.keys()
    return max(abs(value - second[query][name]) for query, values in first.items() for name, value in values.items())


def shuffled(folder: Path) -> Mapping[str, pl.DataFrame]:
    """The files of a collection with their rows in another order."""
    names = ("corpus", "queries", "qrels")
    return {
        name: pl.read_parquet(folder / f"{name}.parquet").sample(fraction=1, shuffle=True, seed=1) for name in names
    }


def row(folder: Path, model: Rounded, shown: str) -> str:
    """One line of the table."""
    apart = trec.Collection.read(folder)
    blocks = model.search(list(apart.queries.values()), list(apart.documents.values()), MEANS.context)
    scores = np.concatenate([block.scores for block in blocks])
    ours, theirs = found(folder, model), apart.measured(scores, OPTIONS.cutoff)
    with tempfile.TemporaryDirectory() as other:
        for name, frame in shuffled(folder).items():
            frame.write_parquet(Path(other) / f"{name}.parquet")
        again = found(Path(other), model)
    start = time.perf_counter()
    found(folder, Known(scores))
    seconds = time.perf_counter() - start
    ndcg = np.mean([values["ndcg@10"] for values in ours.values()])
    tied = np.mean([len(of_query) - len(np.unique(of_query)) for of_query in scores])
    cells = (folder.name, model.name, shown, f"{scores.shape[0]} × {scores.shape[1]:,}", f"{tied:,.0f}", f"{ndcg:.4f}",
             f"{furthest(ours, theirs):g}", f"{furthest(ours, again):g}", f"{seconds:.2f}")  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main(
    model: Annotated[list[str] | None, typer.Option()] = None,
    collection: Annotated[list[str] | None, typer.Option()] = None,
) -> None:
    """Print the table."""
    data = Path(os.environ.get("PAIRFORGE_TEST_DATA", Path(__file__).parent / "../../shared/data")).resolve()
    heads = ("collection", "model", "scores", "queries × documents", "ties a query", "nDCG@10", "from pytrec_eval",
             "from shuffled rows", "seconds, reading included")  # fmt: skip
    print(f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", sep="\n")
    for name in model or [str(data.parent / "models" / "potion-4m")]:
        encoder = JudgedEncoder(pf.load_encoder(name))
        encoder.name = Path(name).name
        for folder in collection or ["scifact", "cranfield"]:
            for decimals, shown in ((None, "as they are"), (2, "two decimals")):
                print(row(data / folder, Rounded(encoder, decimals), shown))


if __name__ == "__main__":
    typer.run(main)
