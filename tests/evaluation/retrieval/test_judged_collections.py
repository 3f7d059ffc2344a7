"""SciFact and Cranfield: every measure of every query, by pytrec_eval and by the package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import pairforge as pf
from pairforge.evaluation.judged import ScoreBlock
from pairforge.evaluation.judged_models import JudgedEncoder
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
    apart = trec.Collection.read(shared_data / collection)
    for judged in (encoder, _Coarse(encoder, 2)):
        predicted = task.predict(judged, Means(100, 42, context))
        found = {row.pop("query_id"): row for row in predicted.iter_rows(named=True)}
        blocks = judged.search(list(apart.queries.values()), list(apart.documents.values()), context)
        expected = apart.measured(np.concatenate([block.scores for block in blocks]), OPTIONS.cutoff)
        assert len(found) == len(expected) == queries
        for query, values in found.items():
            assert values == pytest.approx(expected[query], abs=1e-6)
