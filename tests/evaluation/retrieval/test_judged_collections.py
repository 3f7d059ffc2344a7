"""SciFact and Cranfield: every measure of every query, by pytrec_eval and by the package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import pairforge as pf
from pairforge.evaluation.judged import JudgedEncoder, ScoreBlock
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.evaluation.retrieval.task import read_retrieval
from pairforge.evaluation.task import Means
from pairforge.execution.step import StepContext
from pairforge.models import DEFAULT_ENCODER
from tests.evaluation.retrieval import trec

OPTIONS = RetrievalOptions()


class _Coarse:
    """A model whose scores are rounded, so that a hundred documents share one."""

    def __init__(self, model: JudgedEncoder, decimals: int) -> None:
        self.name, self.identity = model.name, model.identity
        self._model, self._decimals = model, decimals

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        for block in self._model.search(queries, documents, context):
            yield ScoreBlock(block.first_query, np.round(block.scores, self._decimals))


def _apart(folder: Path, model: JudgedEncoder | _Coarse, context: StepContext) -> dict[str, dict[str, float]]:
    """Query → measure → value, the files read and the run made without the package."""
    corpus, queries, qrels = (pl.read_parquet(folder / f"{name}.parquet") for name in ("corpus", "queries", "qrels"))
    if "split" in qrels.columns:
        qrels = qrels.filter(split="test")
    judged: dict[str, dict[str, int]] = {}
    for row in qrels.iter_rows(named=True):
        judged.setdefault(row["query-id"], {})[row["corpus-id"]] = row["score"]
    texts = {row["_id"]: f"{row['title']} {row['text']}".strip() for row in corpus.iter_rows(named=True)}
    # In the task's order, for the place of a column in a product of matrices may show in its last bits.
    doc_ids = sorted(texts, reverse=True)
    asked = {query: text for query, text in sorted(queries.select("_id", "text").iter_rows()) if query in judged}
    blocks = model.search(list(asked.values()), [texts[name] for name in doc_ids], context)
    scores = np.concatenate([block.scores for block in blocks]).tolist()
    run = {query: dict(zip(doc_ids, row, strict=True)) for query, row in zip(asked, scores, strict=True)}
    return trec.measured(run, judged, OPTIONS.cutoff)


def _model(name: str, shared_data: Path) -> JudgedEncoder:
    folder = shared_data.parent / "models" / name
    if name != DEFAULT_ENCODER and not folder.is_dir():
        pytest.skip(f"the small real encoder is absent: no folder {folder}")
    return JudgedEncoder(pf.load_encoder(str(folder) if folder.is_dir() else name))


@pytest.mark.model
@pytest.mark.parametrize(
    ("collection", "queries", "model"),
    [("scifact", 300, "potion-4m"), ("cranfield", 225, "potion-4m"), ("cranfield", 225, "all-MiniLM-L6-v2")],
)
def test_every_measure_of_every_query_is_pytrec_evals_ties_included(
    shared_data: Path, collection: str, queries: int, model: str
) -> None:
    context, encoder = StepContext(), _model(model, shared_data)
    task = read_retrieval(f"retrieval:{collection}", str(shared_data / collection), OPTIONS)
    for judged in (encoder, _Coarse(encoder, 2)):
        predicted = task.predict(judged, Means(100, 42, context))
        found = {row.pop("query_id"): row for row in predicted.iter_rows(named=True)}
        expected = _apart(shared_data / collection, judged, context)
        assert len(found) == len(expected) == queries
        for query, values in found.items():
            assert values == pytest.approx(expected[query], abs=1e-6)
