from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.engines.images import check_images, open_image
from pairforge.files import read_frame
from pairforge.frames import IMAGE_TEXT, PAIR, SCORED_PAIR, adopt

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


def test_shapes_are_small_pictures_of_what_their_captions_say() -> None:
    shapes = adopt(_corpus("shapes.parquet"), (IMAGE_TEXT,), "shapes.parquet").frame
    assert (EXAMPLES / "shapes.parquet").stat().st_size < 150_000
    assert shapes["image"].is_unique().all()
    assert shapes["caption"].n_unique() == 2 * 6 * 4 * 4
    check_images(shapes["image"], "shapes.parquet")
    assert {open_image(image).size for image in shapes["image"]} == {(32, 32)}
    red = shapes.filter(pl.col("caption") == "a large red square at the top left")["image"]
    pictures = [np.asarray(open_image(image)) for image in red]
    assert len(pictures) >= 3
    for picture in pictures:
        assert picture[9, 9].tolist() == [220, 30, 30]
        assert picture[26, 26].tolist() == [0, 0, 0]


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
