from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError, OptionsError
from pairforge.evaluation.evaluate import STEP as EVALUATE
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.retrieval.of_pairs import read_pairs_as_retrieval_set
from tests.fakes import LetterEncoder, TableEncoder

PAIRS = pl.DataFrame(
    {
        "anchor": ["where", "where", "when", "who", "far"],
        "positive": ["here", "there", "now", "nobody", "near"],
        "focus": ["place", "place", "time", "person", "place"],
    }
)


def _written(folder: Path, pairs: pl.DataFrame, name: str = "pairs.parquet") -> str:
    pairs.write_parquet(folder / name)
    return str(folder / name)


def test_each_anchor_seeks_its_positives_among_all_of_them(tmp_path: Path) -> None:
    found = read_pairs_as_retrieval_set(_written(tmp_path, PAIRS))
    assert found.queries["text"].to_list() == ["far", "when", "where", "who"]
    assert sorted(found.documents["text"]) == ["here", "near", "nobody", "now", "there"]
    assert found.judgements.filter(query_id="where")["doc_id"].to_list() == ["here", "there"]


def test_the_measures_are_those_of_the_ranking_and_the_rows_order_counts_for_nothing(tmp_path: Path) -> None:
    angles = {"where": (1, 0), "here": (9, 1), "there": (8, 2), "when": (0, 1), "now": (1, 8), "near": (1, 9)}
    encoder = TableEncoder({**angles, "who": (1, 1), "nobody": (1, 1.01), "far": (1, 0)})
    options = EvaluateOptions(task=(f"retrieval:{_written(tmp_path, PAIRS)}",), bootstrap_samples=100, cutoff=(1, 10))
    metrics = evaluate([encoder], options=options).tasks[0].models[0].metrics
    # where: 1; when: "near" is nearer than "now"; who: 1; far: "near" is the last of five.
    assert metrics["mrr@10"].value == pytest.approx((1 + 1 / 2 + 1 + 1 / 5) / 4, abs=1e-6)
    assert metrics["recall@1"].value == pytest.approx((1 / 2 + 0 + 1 + 0) / 4, abs=1e-6)
    turned = EvaluateOptions(
        task=(f"retrieval:{_written(tmp_path, PAIRS.reverse(), 'turned.parquet')}",),
        bootstrap_samples=100,
        cutoff=(1, 10),
    )
    assert evaluate([encoder], options=turned).tasks[0].models[0].metrics == metrics


def test_a_text_that_is_no_answer_to_itself_is_left_out_of_its_own_ranking(tmp_path: Path) -> None:
    pairs = pl.DataFrame({"anchor": ["ab", "cd", "ee"], "positive": ["aabb", "ab", "ee"]})
    found = read_pairs_as_retrieval_set(_written(tmp_path, pairs))
    assert found.left_out.rows() == [("ab", "ab")]
    options = EvaluateOptions(task=(f"retrieval:{tmp_path}/pairs.parquet",), bootstrap_samples=100)
    metrics = evaluate([LetterEncoder()], options=options).tasks[0].models[0].metrics
    assert metrics["recall@1"].value == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.parametrize("column", ["score", "label"])
def test_scores_and_labels_that_are_not_read_are_told(column: str, tmp_path: Path) -> None:
    found = read_pairs_as_retrieval_set(_written(tmp_path, PAIRS.with_columns(pl.lit(0).alias(column))))
    assert any(f"column '{column}' is not read; every pair counts as right" in told for told in found.guesses)


def test_a_file_without_pairs_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FrameError, match=r"texts\.parquet: its columns \(anchor\) fit no wanted shape \(pair: anchor, pos"
    ):
        read_pairs_as_retrieval_set(_written(tmp_path, pl.DataFrame({"anchor": ["a"]}), "texts.parquet"))


def test_positives_may_be_sought_among_more_texts(tmp_path: Path) -> None:
    pairs, more = _written(tmp_path, PAIRS), _written(tmp_path, pl.DataFrame({"text": ["else", "now"]}), "more.parquet")
    found = read_pairs_as_retrieval_set(pairs, [more])
    assert found.documents["text"].to_list() == ["there", "now", "nobody", "near", "here", "else"]
    assert EVALUATE.files_in_options(EvaluateOptions(task=(f"retrieval:{pairs}",), documents=(more,))) == [pairs, more]


def test_more_documents_for_a_folder_are_refused(tmp_path: Path) -> None:
    options = EvaluateOptions(task=(f"retrieval:{tmp_path}",), documents=("more.parquet",))
    with pytest.raises(OptionsError, match="the folder has a corpus of its own"):
        evaluate([LetterEncoder()], options=options)


def test_columns_of_pairs_and_of_more_texts_can_be_named(tmp_path: Path) -> None:
    named = PAIRS.select(frage="anchor", antwort="positive", anchor_language="focus")
    pairs = _written(tmp_path, named)
    more = [_written(tmp_path, pl.DataFrame({column: [text]}), f"{text}.parquet") for column, text in
            {"absatz": "else", "antwort": "then", "text": "so"}.items()]  # fmt: skip
    options = EvaluateOptions(
        task=(f"retrieval:{pairs}",), documents=tuple(more), bootstrap_samples=100,
        anchor_column="frage", positive_column="antwort", text_column="absatz",
    )  # fmt: skip
    task = evaluate([LetterEncoder()], options=options).tasks[0]
    assert task.rows == 4
    assert task.source == ", ".join([pairs, *more])


@pytest.mark.parametrize(
    ("pairs", "fault"),
    [
        ({"anchor": ["a", "a"], "positive": ["b", "c"]}, "needs two anchors or more that differ"),
        ({"anchor": ["a", "b"], "positive": ["c", "c"]}, "needs two positives or other documents or more that differ"),
    ],
)
def test_a_search_for_one_text_or_among_one_is_refused(pairs: dict[str, list[str]], fault: str, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=rf"pairs\.parquet: a search {fault}, but there is only one\."):
        read_pairs_as_retrieval_set(_written(tmp_path, pl.DataFrame(pairs)))
