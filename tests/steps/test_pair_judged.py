from __future__ import annotations

import polars as pl
import pytest

from pairforge.errors import FrameError
from pairforge.execution.step import StepContext
from pairforge.steps.pair_judged import PairJudgedOptions, pair_judged

QUERIES = pl.DataFrame({"query_id": ["q1", "q2", "q3"], "text": ["what?", "who?", "when?"]})
CORPUS = pl.DataFrame({"doc_id": [1, 2, 3], "text": ["that", "they", "then"], "title": ["What", None, "Time"]})
QRELS = pl.DataFrame(
    {
        "query_id": ["q3", "q1", "q1", "q2", "q9", "q2"],
        "doc_id": ["3", "1", "2", "2", "1", "8"],
        "relevance": [2, 1, 0, 1, 1, 1],
        "split": ["train", "train", "train", "test", "train", "train"],
    }
)


def test_each_relevant_judgement_is_a_pair_and_the_rest_is_counted() -> None:
    context = StepContext()
    pairs = pair_judged(QRELS, QUERIES, CORPUS, context=context)
    assert pairs.rows() == [
        ("when?", "Time then", "q3", "3", 2),
        ("what?", "What that", "q1", "1", 1),
        ("who?", "they", "q2", "2", 1),
    ]
    assert context.ledger.dropped == {"judged_less_relevant": 1, "unknown_query": 1, "unknown_document": 1}
    assert QRELS.height == pairs.height + sum(context.ledger.dropped.values())


def test_a_split_a_least_relevance_and_texts_without_titles_can_be_asked_for() -> None:
    context = StepContext()
    options = PairJudgedOptions(split="train", min_relevance=2, with_title=False)
    pairs = pair_judged(QRELS, QUERIES, CORPUS, options=options, context=context)
    assert pairs.select("anchor", "positive").rows() == [("when?", "then")]
    assert context.ledger.dropped == {"other_split": 1, "judged_less_relevant": 4}


@pytest.mark.parametrize(
    ("qrels", "queries", "corpus", "options", "fault"),
    [
        (QRELS, QUERIES, CORPUS, {"split": "dev"}, r"no split 'dev' \(found: test, train\)"),
        (QRELS.drop("split"), QUERIES, CORPUS, {"split": "dev"}, "column 'split' is needed"),
        (QRELS, QUERIES, CORPUS, {"min_relevance": 3}, "not one of 6 judgements .* relevance of 3"),
        (QRELS, pl.concat([QUERIES, QUERIES]), CORPUS, {}, "queries: query_id 'q1' stands in more than one row"),
        (QRELS, QUERIES, CORPUS.drop("doc_id"), {}, "corpus: column 'doc_id' is missing"),
    ],
)
def test_what_cannot_be_paired_is_named(
    qrels: pl.DataFrame, queries: pl.DataFrame, corpus: pl.DataFrame, options: dict[str, object], fault: str
) -> None:
    with pytest.raises(FrameError, match=fault):
        pair_judged(qrels, queries, corpus, options=PairJudgedOptions.model_validate(options))
