from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError
from pairforge.execution.stage import FileInput, Stage, run_stage
from pairforge.execution.step import StepContext
from pairforge.files import read_frame
from pairforge.frames import NLI, SCORED_PAIR, adopt
from pairforge.steps.decontaminate import STEP, decontaminate
from pairforge.text import normalised

EVALUATION = pl.DataFrame({"sentence1": ["A dog runs.", ""], "sentence2": ["It  RAINS", "a cat"], "score": [0.1, 0.2]})


def test_a_row_with_a_text_of_the_evaluation_is_dropped_whichever_column_holds_it() -> None:
    corpus = pl.DataFrame(
        {"anchor": ["a dog runs", "sun", "moon", ""], "positive": ["x", "it rains.", "y", "z"], "id": [1, 2, 3, 4]}
    )
    context = StepContext()
    clean = decontaminate(corpus, EVALUATION, context=context)
    assert clean["id"].to_list() == [3, 4]
    assert clean.columns == corpus.columns
    assert context.ledger.dropped == {"in_evaluation_set": 2}


def test_texts_in_lists_are_looked_at_on_both_sides() -> None:
    lists = pl.DataFrame(
        {"query": ["q", "r"], "documents": [["x", "A CAT."], ["y"]], "labels": [[1, 0], [1]]},
    )
    assert decontaminate(lists, EVALUATION)["query"].to_list() == ["r"]
    corpus = pl.DataFrame({"text": ["X", "w", "r."]})
    assert decontaminate(corpus, lists)["text"].to_list() == ["w"]


def test_columns_that_travel_along_are_not_compared() -> None:
    corpus = pl.DataFrame({"text": ["x"], "category": ["weather"]})
    against = pl.DataFrame({"text": ["y"], "category": ["weather"]})
    assert decontaminate(corpus, against).equals(corpus)


def test_a_corpus_of_no_shape_is_refused() -> None:
    with pytest.raises(FrameError, match="fit no wanted shape"):
        decontaminate(pl.DataFrame({"number": [1]}), EVALUATION)


def test_the_output_is_checked_for_rows_alone() -> None:
    contract = next(iter(STEP.outputs(STEP.options()).values()))
    assert contract.check(EVALUATION, "clean").equals(EVALUATION)  # type: ignore[union-attr]
    with pytest.raises(FrameError, match="no rows"):
        contract.check(EVALUATION.clear(), "clean")  # type: ignore[union-attr]


def test_real_nli_shares_captions_with_real_similarity_sets(shared_data: Path) -> None:
    names = ("nli/snli_dev", "nli/counterfactual_train")
    corpus = pl.concat([NLI.check(pl.read_parquet(shared_data / f"{name}.parquet"), name) for name in names])
    sets = [pl.read_parquet(shared_data / f"stsb/{name}.parquet") for name in ("dev", "test")]
    against = adopt(pl.concat(sets), (SCORED_PAIR,), "stsb").frame
    texts = pl.concat([against["sentence1"].alias("t"), against["sentence2"].alias("t")]).to_frame()
    asked = set(texts.select(normalised("t"))["t"])
    context = StepContext()
    clean = decontaminate(corpus, against, context=context)
    left = set(clean.select(normalised("premise"))["premise"]) | set(
        clean.select(normalised("hypothesis"))["hypothesis"]
    )
    assert not left & asked
    assert context.ledger.dropped["in_evaluation_set"] == corpus.height - clean.height > 47


def test_evaluation_sets_of_different_columns_are_each_looked_through(tmp_path: Path) -> None:
    pl.DataFrame(
        {"premise": ["a dog runs", "sun", "moon", "x"], "hypothesis": list("pqrs"), "label": ["-"] * 4}
    ).write_csv(tmp_path / "nli.csv")
    EVALUATION.write_ndjson(tmp_path / "sts.jsonl")
    pl.DataFrame({"caption": ["Moon."]}).write_csv(tmp_path / "captions.csv")
    against = FileInput((str(tmp_path / "sts.jsonl"), str(tmp_path / "captions.csv")), {"text": "caption"})
    stage = Stage(STEP, STEP.options(), {"corpus": FileInput((str(tmp_path / "nli.csv"),)), "against": against})
    outcome = run_stage(stage, cache=tmp_path / "cache")
    assert read_frame(outcome.outputs["corpus"])["premise"].to_list() == ["sun", "x"]
    assert outcome.rows_in == {"corpus": 4, "against": 3}
    nowhere = replace(stage, inputs={**stage.inputs, "against": replace(against, columns={"text": "title"})})
    with pytest.raises(FrameError, match="column 'title', named as 'text', is in none of them"):
        run_stage(nowhere, cache=tmp_path / "cache", overwrite=True)
