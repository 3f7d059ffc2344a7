"""Real queries, documents and relevance judgements: what retrievers find, and that nothing relevant is mined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.execution.step import StepContext
from pairforge.models import Side
from pairforge.steps.mine_negatives import MineNegativesOptions, mine_negatives, prepare
from pairforge.steps.mining.candidates import candidates_among, searched
from pairforge.steps.mining.collection import numbered
from pairforge.text import normalised
from tests.steps import reference_retrieval as reference

pytestmark = pytest.mark.model


@pytest.fixture(scope="module", params=["scifact", "cranfield"])
def judged(request: pytest.FixtureRequest, shared_data: Path) -> reference.JudgedCorpus:
    return reference.JudgedCorpus(shared_data / request.param)


@pytest.fixture(scope="module")
def encoder(shared_data: Path) -> object:
    from pairforge.engines.encoders import load_encoder
    from pairforge.model_files import resolve
    from pairforge.models import ModelKind, ModelRequest

    folder = shared_data.parent / "models" / "potion-4m"
    return load_encoder(resolve(ModelRequest(name=str(folder)), ModelKind.ENCODER))


def apart(judged: reference.JudgedCorpus, retriever: tuple[str, ...], encoder: object) -> list[list[int]]:
    documents, queries = judged.documents["text"].to_list(), judged.queries["text"].to_list()
    if retriever == ("bm25",):
        return reference.by_bm25s(documents, queries, 100)
    vectors = (encoder.encode(documents, Side.DOCUMENT), encoder.encode(queries, Side.QUERY))  # type: ignore[attr-defined]
    return reference.by_cosine(*vectors, 100)


def ranked(judged: reference.JudgedCorpus, retriever: tuple[str, ...], encoder: object) -> list[list[int]]:
    """The ranking that mining looks at, for each query."""
    options = MineNegativesOptions.model_validate({"retriever": retriever, "relative_margin": 0})
    pairs = judged.queries.select("query_id", anchor="text", positive="text")
    ready = prepare(pairs, judged.documents, judged.qrels, encoder=encoder, options=options, context=StepContext())
    ordinals = np.arange(pairs.height)
    found = candidates_among(searched(ordinals, ready.prepared, 100), ordinals, ready.prepared, 100)
    return [[row for row in rows if row >= 0] for rows in found.ranking.corpus_rows.tolist()]


@pytest.mark.parametrize("retriever", [("dense",), ("bm25",)])
def test_the_ranks_are_those_of_a_plain_search_computed_apart(
    judged: reference.JudgedCorpus, retriever: tuple[str, ...], encoder: object
) -> None:
    ours = judged.measured(ranked(judged, retriever, encoder))
    theirs = judged.measured(apart(judged, retriever, encoder))
    assert ours == pytest.approx(theirs, abs=1e-3)
    assert ours["nDCG@10"] == pytest.approx(theirs["nDCG@10"], abs=1e-4)
    assert ours["nDCG@10"] > 0.2


@pytest.mark.parametrize("retriever", [("dense",), ("bm25",), ("dense", "bm25")])
def test_no_relevant_document_is_mined_and_one_judged_0_may_be(
    judged: reference.JudgedCorpus, retriever: tuple[str, ...], encoder: object
) -> None:
    options = {"retriever": retriever, "num_negatives": 5, "relative_margin": 0, "output_format": "triplet"}
    mined = mine_negatives(
        judged.pairs, judged.documents, judged.qrels, encoder=encoder, options=MineNegativesOptions(**options)
    )
    assert mined["query_id"].n_unique() > 0.99 * judged.pairs["query_id"].n_unique()
    _, places = numbered(judged.documents.select(normalised("text"))["text"])
    assert len(np.unique(places)) == judged.documents.height
    documents = judged.documents.rename({"text": "negative"})
    relevance = mined.join(documents, on="negative").join(judged.qrels, on=["query_id", "doc_id"], how="left")
    assert relevance.height == mined.height
    assert relevance["relevance"].fill_null(0).max() == 0
    irrelevant = judged.qrels.filter(pl.col("relevance") == 0).height
    assert (relevance["relevance"].drop_nulls().len() > 0) == (irrelevant > 0)
