from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bm25s import BM25

from pairforge.engines.loading import load
from pairforge.errors import ModelError
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.judged import Judged
from pairforge.evaluation.judged_models import judged
from pairforge.evaluation.options import EvaluateOptions, JudgedOptions
from pairforge.execution.step import StepContext
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, Side
from tests.fakes import LetterEncoder, OverlapScorer

DOCUMENTS = ["a cat on the mat", "two dogs in the rain", "the cat and the dog", "quiet snow"]
QUERIES = ["cat on mat", "the dogs", "music"]
PAIRS = pl.DataFrame({"sentence1": DOCUMENTS[:3], "sentence2": [DOCUMENTS[2], DOCUMENTS[0], DOCUMENTS[1]]})


def _loaded(name: str) -> Judged:
    (model,) = judged(load(resolve(ModelRequest(name=name), ModelKind.JUDGED)), JudgedOptions())
    return model


def _searched(model: Judged) -> np.ndarray:
    return np.concatenate([block.scores for block in model.search(QUERIES, DOCUMENTS, StepContext())])


def test_bm25_searches_by_its_scores_and_finds_nothing_without_a_common_word() -> None:
    found = _searched(_loaded("bm25"))
    plain = BM25(method="lucene", k1=1.5, b=0.75)
    plain.index([text.split() for text in DOCUMENTS], show_progress=False)
    expected = plain.get_scores(["cat", "on", "mat"])
    # A word of one letter is none: "a" lengthens no document.
    assert found[0].argmax() == expected.argmax() == 0
    assert np.isneginf(found[2]).all()
    assert np.isneginf(found[0][[1, 3]]).all()


@pytest.mark.parametrize("name", ["bm25", "tfidf"])
def test_word_models_say_how_close_pairs_are_and_give_features(name: str) -> None:
    model = _loaded(name)
    (way,) = model.closeness(PAIRS, StepContext())
    assert way == {"bm25": "bm25", "tfidf": "cosine"}[name]
    assert model.features(DOCUMENTS, StepContext()).shape[0] == 4
    assert model.form is None


def test_a_cross_encoder_reads_what_bm25_finds_and_nothing_else() -> None:
    context = StepContext()
    (model,) = judged(OverlapScorer(), JudgedOptions())
    scores = np.concatenate([block.scores for block in model.search(QUERIES, DOCUMENTS, context)])
    found = _searched(_loaded("bm25"))
    assert (np.isfinite(scores) == np.isfinite(found)).all()
    assert scores[0].argmax() == 0
    assert any("reads the first 100 documents that BM25 finds" in note for note in context.ledger.notes)


def test_a_cross_encoder_gives_no_features() -> None:
    (model,) = judged(OverlapScorer(), JudgedOptions())
    with pytest.raises(
        ModelError, match="gives single texts no vectors; judge it by pairs, sts, triplets or retrieval"
    ):
        model.features(DOCUMENTS, StepContext())


def test_an_encoders_search_is_the_cosine_of_both_sides() -> None:
    encoder = LetterEncoder()
    (model,) = judged(encoder, JudgedOptions())
    queries, documents = (encoder.encode(texts, Side.QUERY) for texts in (QUERIES, DOCUMENTS))
    expected = (queries @ documents.T) / np.outer(*(np.linalg.norm(v, axis=1) for v in (queries, documents)))
    assert np.allclose(_searched(model), expected, atol=1e-6)


def test_word_models_stand_beside_encoders_in_one_evaluation(tmp_path: Path) -> None:
    pairs = pl.DataFrame({"anchor": QUERIES[:2], "positive": DOCUMENTS[:2]})
    pairs.write_parquet(tmp_path / "pairs.parquet")
    pl.DataFrame({"text": DOCUMENTS[2:]}).write_parquet(tmp_path / "more.parquet")
    options = EvaluateOptions(
        task=(f"retrieval:{tmp_path}/pairs.parquet",), documents=(f"{tmp_path}/more.parquet",), latency=True,
        bootstrap_samples=100,
    )  # fmt: skip
    models = [_loaded(name).model for name in ("bm25", "tfidf")]
    results = evaluate([*models, LetterEncoder(), OverlapScorer()], options=options)
    assert [scores.metrics["mrr@10"].value for scores in results.tasks[0].models[:2]] == [1.0, 1.0]
    assert len(results.tasks[0].differences) == 6 * 3
