from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.errors import ModelError
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.judged import ScoreBlock
from pairforge.evaluation.judged_models import JudgedEncoder, JudgedScorer
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.evaluation.retrieval.task import read_retrieval
from pairforge.evaluation.task import Means
from pairforge.execution.step import StepContext
from pairforge.models import Floats
from pairforge.steps.pair_scores import HeadOptions
from tests.evaluation.retrieval import trec
from tests.fakes import LetterEncoder, OverlapScorer

CUTOFFS = (1, 3, 10)


def _folder(tmp_path: Path, *, seed: int = 0) -> Path:
    """Thirty documents of few letters, so that many lie equally close, and eight queries with graded judgements."""
    random = np.random.default_rng(seed)
    words = ["ab", "ba", "abc", "bd", "de", "ed"]
    texts = [" ".join(random.choice(words, size=3)) for _ in range(38)]
    tmp_path.mkdir(parents=True, exist_ok=True)
    documents = pl.DataFrame({"_id": [f"d{place}" for place in range(30)], "text": texts[:30]})
    queries = pl.DataFrame({"_id": [f"q{place}" for place in range(8)], "text": texts[30:]})
    pairs = pl.DataFrame({"query-id": queries["_id"]}).join(
        documents.select(pl.col("_id").alias("corpus-id")), how="cross"
    )
    judged = pairs.with_columns(score=pl.Series(random.integers(-1, 4, size=pairs.height))).sample(100, seed=seed)
    for name, frame in (("corpus", documents), ("queries", queries), ("qrels", judged)):
        frame.sample(fraction=1, shuffle=True, seed=seed).write_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def _means() -> Means:
    return Means(200, 7, StepContext())


def _expected(folder: Path, blocks: Iterator[ScoreBlock], queries: list[str], documents: list[str]) -> dict[str, dict]:
    """The measures by pytrec_eval of scores whose rows and columns bear these ids; -inf is not in the run."""
    scores = np.concatenate([block.scores for block in blocks])
    run = {
        query: {name: float(score) for name, score in zip(documents, row, strict=True) if score > -np.inf}
        for query, row in zip(queries, scores, strict=True)
    }
    qrels: dict[str, dict[str, int]] = {}
    for query, document, relevance in pl.read_parquet(folder / "qrels.parquet").iter_rows():
        qrels.setdefault(query, {})[document] = relevance
    return trec.measured(run, qrels, CUTOFFS)


class _Told:
    """A model whose scores are told."""

    name = identity = "told"

    def __init__(self, scores: Floats) -> None:
        self._scores = scores

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        for first in range(0, len(queries), 3):
            yield ScoreBlock(first, self._scores[first : first + 3])


@pytest.mark.parametrize("model", [JudgedEncoder(LetterEncoder()), JudgedScorer(OverlapScorer(), HeadOptions())])
def test_what_is_predicted_of_each_query_is_what_pytrec_eval_finds(
    tmp_path: Path, model: JudgedEncoder | JudgedScorer
) -> None:
    folder = _folder(tmp_path)
    task = read_retrieval("retrieval:x", str(folder), RetrievalOptions(cutoff=CUTOFFS))
    predicted = task.predict(model, _means())
    # In the task's order, for the place of a column in a product of matrices may show in its last bits.
    texts = dict(pl.read_parquet(folder / "corpus.parquet").sort("_id", descending=True).iter_rows())
    asked = dict(pl.read_parquet(folder / "queries.parquet").sort("_id").iter_rows())
    blocks = model.search(list(asked.values()), list(texts.values()), _means().context)
    expected = _expected(folder, blocks, list(asked), list(texts))
    assert predicted["query_id"].to_list() == list(asked)
    for row in predicted.iter_rows(named=True):
        assert {name: value for name, value in row.items() if name != "query_id"} == pytest.approx(
            expected[row["query_id"]], abs=1e-6
        )


def test_no_order_of_rows_changes_a_figure(tmp_path: Path) -> None:
    folders = [_folder(tmp_path / "one"), tmp_path / "other"]
    folders[1].mkdir()
    for path in folders[0].iterdir():
        pl.read_parquet(path).sample(fraction=1, shuffle=True, seed=5).write_parquet(folders[1] / path.name)
    tasks = [read_retrieval("retrieval:x", str(folder), RetrievalOptions()) for folder in folders]
    first, second = (task.predict(JudgedEncoder(LetterEncoder()), _means()) for task in tasks)
    assert first.equals(second)


def test_a_document_left_out_of_a_ranking_is_never_found(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    ids = pl.col("_id").str.replace("q", "d")
    pl.read_parquet(folder / "queries.parquet").with_columns(ids).write_parquet(folder / "queries.parquet")
    judged = pl.DataFrame({"query-id": ["d0", "d1", "d1"], "corpus-id": ["d0", "d1", "d2"], "score": [1, 1, 1]})
    judged.write_parquet(folder / "qrels.parquet")
    options = RetrievalOptions(cutoff=(30,), ignore_identical_ids=True)
    task = read_retrieval("retrieval:x", str(folder), options)
    scores = np.arange(60, dtype=np.float32).reshape(2, 30)
    found = task.predict(_Told(scores), _means())
    assert found["recall@30"].to_list() == [0.0, 0.5]
    assert (scores > -np.inf).all()


def test_evaluate_gives_means_with_intervals_and_paired_differences(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    options = EvaluateOptions(task=(f"retrieval:{folder}",), bootstrap_samples=300)
    results = evaluate([LetterEncoder(), LetterEncoder(3)], options=options).tasks[0]
    assert (results.rows, results.items) == (8, "queries")
    assert results.measures == ("ndcg@10", "mrr@10", "recall@100")
    task = read_retrieval("retrieval:x", str(folder), RetrievalOptions())
    for place, dimension in enumerate((32, 3)):
        values = task.predict(JudgedEncoder(LetterEncoder(dimension)), _means())
        assert set(results.models[place].metrics) == set(values.columns) - {"query_id"}
        for name, score in results.models[place].metrics.items():
            assert score.value == pytest.approx(values[name].mean(), abs=1e-6)
            assert score.low <= score.value <= score.high
    assert [difference.metric for difference in results.differences] == list(results.measures)


def test_measures_are_shown_at_the_cutoffs_that_there_are(tmp_path: Path) -> None:
    task = read_retrieval("retrieval:x", str(_folder(tmp_path)), RetrievalOptions(cutoff=(5, 20)))
    assert task.measures == ("ndcg@20", "mrr@20", "recall@20")


@pytest.mark.parametrize(("scores", "fault"), [(0.5, "tells no texts apart"), (np.nan, "gives NaN")])
def test_scores_that_rank_nothing_are_refused(tmp_path: Path, scores: float, fault: str) -> None:
    task = read_retrieval("retrieval:x", str(_folder(tmp_path)), RetrievalOptions())
    with pytest.raises(ModelError, match=f"told: .*{fault}"):
        task.predict(_Told(np.full((8, 30), scores, dtype=np.float32)), _means())
