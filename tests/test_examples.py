from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from pairforge.files import read_frame
from pairforge.frames import PAIR, SCORED_PAIR, adopt

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def _corpus(name: str) -> pl.DataFrame:
    return read_frame(EXAMPLES / name)


def test_each_premise_has_one_hypothesis_of_each_label() -> None:
    nli = _corpus("nli.jsonl")
    assert nli.columns == ["premise", "hypothesis", "label"]
    labels = nli.group_by("premise").agg(pl.col("label").sort())
    assert labels["label"].to_list() == [["contradiction", "entailment", "neutral"]] * 160


def test_scored_pairs_are_spread_evenly_over_the_scale() -> None:
    sts = _corpus("sts.jsonl")
    assert sts["score"].value_counts().sort("score").rows() == [(half / 2, 14) for half in range(11)]
    assert adopt(sts, (SCORED_PAIR,), "sts.jsonl").frame["score"].max() == 1


def test_questions_are_read_as_pairs_some_of_them_repeated() -> None:
    pairs = adopt(_corpus("questions.jsonl"), (PAIR,), "questions.jsonl").frame
    assert pairs.height >= 120
    assert pairs["anchor"].n_unique() < pairs.height
    assert pairs["positive"].n_unique() < pairs.height


def test_the_search_set_is_whole_and_its_splits_share_no_document() -> None:
    corpus, queries, qrels = (_corpus(f"search/{part}.jsonl") for part in ("corpus", "queries", "qrels"))
    assert set(qrels["corpus-id"]) == set(corpus["_id"])
    assert set(qrels["query-id"]) == set(queries["_id"])
    train, test = (set(qrels.filter(split=split)["corpus-id"]) for split in ("train", "test"))
    assert not train & test
    assert (corpus["title"].str.len_chars() > 0).all()
    assert corpus["title"].is_unique().all()


def test_translations_are_pairs_of_texts_that_stand_once() -> None:
    rows = _corpus("translations.jsonl")
    assert (rows.columns, rows.height) == (["english", "german"], 60)
    assert rows["english"].is_unique().all()
    assert rows["german"].is_unique().all()


def test_no_text_stands_twice_where_it_should_not() -> None:
    nli, sts = _corpus("nli.jsonl"), _corpus("sts.jsonl")
    sentences = pl.concat([sts["sentence1"], sts["sentence2"].rename("sentence1")])
    statements = pl.concat([nli["premise"].unique(), nli["hypothesis"].rename("premise")])
    assert sentences.n_unique() == len(sentences)
    assert statements.n_unique() == len(statements)
    assert not set(sentences) & set(statements)


@pytest.mark.model
@pytest.mark.parametrize(
    ("script", "told"), [("mine_negatives.py", "136 rows in"), ("train_and_evaluate.py", "  trained: Spearman")]
)
def test_the_scripts_run_as_they_stand(tmp_path: Path, script: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
