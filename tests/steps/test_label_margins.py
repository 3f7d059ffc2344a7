from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError, ModelError
from pairforge.execution.step import StepContext
from pairforge.steps.label_margins import LabelMarginsOptions, label_margins
from tests.fakes import OverlapScorer

TRIPLETS = pl.DataFrame(
    {
        "anchor": ["a b c d", "a b c d", "e f"],
        "positive": ["a b c d", "a b", "x"],
        "negative": ["a", "a b c", "e f"],
        "source": [1, 2, 3],
    }
)


def _margins(
    triplets: pl.DataFrame, folder: Path, scorer: OverlapScorer | None = None, **options: object
) -> pl.DataFrame:
    given = LabelMarginsOptions.model_validate(options)
    return label_margins(triplets, scorer=scorer or OverlapScorer(), options=given, context=StepContext(cache=folder))


def test_a_margin_is_the_positives_logit_less_the_negatives(tmp_path: Path) -> None:
    labelled = _margins(TRIPLETS, tmp_path)
    assert labelled.columns == ["query", "positive", "negative", "score", "source"]
    assert labelled["score"].to_list() == [4 - -2, 0 - 2, -4 - 4]
    assert labelled["query"].to_list() == TRIPLETS["anchor"].to_list()
    assert labelled["source"].to_list() == [1, 2, 3]


def test_each_negative_of_an_n_tuple_gets_a_row_in_their_order(tmp_path: Path) -> None:
    tuples = pl.DataFrame(
        {"anchor": ["a b"], "positive": ["a b"]} | {f"negative_{n}": ["a" if n == 2 else "z"] for n in (10, 2, 1)}
    ).with_columns(source=pl.lit("s"))
    labelled = _margins(tuples, tmp_path)
    assert labelled["negative"].to_list() == ["z", "a", "z"]
    assert labelled["score"].to_list() == [8, 4, 8]
    assert labelled["source"].to_list() == ["s"] * 3


def test_each_pair_is_scored_once_the_query_first(tmp_path: Path) -> None:
    scorer = OverlapScorer()
    _margins(pl.concat([TRIPLETS, TRIPLETS]), tmp_path, scorer)
    assert sorted(scorer.scored) == sorted(
        {(row["anchor"], row[name]) for row in TRIPLETS.iter_rows(named=True) for name in ("positive", "negative")}
    )


def test_of_several_classes_the_margin_is_of_log_odds(tmp_path: Path) -> None:
    nli = OverlapScorer(("contradiction", "entailment"), positive=1)
    assert _margins(TRIPLETS, tmp_path, nli)["score"].to_list() == pytest.approx([6, -2, -8])
    unnamed = OverlapScorer(("LABEL_0", "LABEL_1", "LABEL_2"), positive=2)
    with pytest.raises(ModelError, match="--positive-label"):
        _margins(TRIPLETS, tmp_path, unnamed)
    assert _margins(TRIPLETS, tmp_path, unnamed, positive_label="2")["score"].to_list() == pytest.approx([6, -2, -8])


def test_the_scale_and_the_negatives_that_score_higher_are_told(tmp_path: Path) -> None:
    context = StepContext(cache=tmp_path)
    label_margins(TRIPLETS, scorer=OverlapScorer(), context=context)
    assert any("logits" in note for note in context.ledger.notes)
    assert "margins: -7.4 at 5%, -2 at 50%, 5.2 at 95%" in context.ledger.notes
    assert context.ledger.counts["margins: below 0, the negative scored higher"] == 2


def test_margins_train_a_student(tmp_path: Path) -> None:
    from pairforge.frames import MARGIN, detect_shape

    labelled = _margins(TRIPLETS, tmp_path)
    assert detect_shape(labelled, "labelled") is MARGIN
    assert MARGIN.check(labelled, "labelled").height == 3


@pytest.mark.parametrize(
    ("triplets", "sentence"),
    [
        (TRIPLETS.drop("negative"), "fit no wanted shape"),
        (TRIPLETS.with_columns(score=0.5), "'score' bears the name of a column that the step writes"),
        (TRIPLETS.with_columns(negative=pl.lit(None, pl.String)), "nothing but nulls"),
        (TRIPLETS.clear(), "no rows"),
    ],
)
def test_wrong_triplets_are_refused(triplets: pl.DataFrame, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=sentence):
        _margins(triplets, tmp_path)


def test_nan_of_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="gives NaN"):
        _margins(TRIPLETS, tmp_path, OverlapScorer(scale=float("nan")))
