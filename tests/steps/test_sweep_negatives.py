from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.steps.mine_negatives import MineNegativesOptions, mine_negatives
from pairforge.steps.mining.sweep_table import shown_rows
from pairforge.steps.sweep_negatives import SWEEP, SweepNegativesOptions, sweep_negatives
from tests.fakes import LetterEncoder, OverlapScorer

SYLLABLES = ["ba", "co", "du", "fi", "lo", "me", "nu", "pi", "ra", "so"]
TEXTS = [f"{first} {second}{'xyz'[(row + place) % 3]}" for row, first in enumerate(SYLLABLES)
         for place, second in enumerate(SYLLABLES)]  # fmt: skip
KINDS = [text[:2] for text in TEXTS]
PAIRS = pl.DataFrame({"anchor": TEXTS, "positive": [*TEXTS[1:], TEXTS[0]], "kind": KINDS, "row": range(len(TEXTS))})
CORPUS = pl.DataFrame({"text": TEXTS, "kind": KINDS})


def swept(pairs: pl.DataFrame = PAIRS, **options: object) -> tuple[pl.DataFrame, Ledger]:
    context = StepContext()
    given_options = SweepNegativesOptions.model_validate({"num_negatives": 2, "label_column": "kind", **options})
    table = sweep_negatives(pairs, CORPUS, encoder=LetterEncoder(8), options=given_options, context=context)
    return table, context.ledger


GRID: dict[str, tuple[object, ...]] = {
    "min_rank": (1, 5),
    "max_rank": (9, 30),
    "relative_margin": (0, 0.1),
    "absolute_margin": ("none", 0.05),
    "max_similarity": ("none", 0.9),
    "max_quantile": ("none", 0.4),
    "clusters": ("none", 3),
    "max_uses": ("none", 2),
}


@pytest.mark.parametrize("retriever", [("dense",), ("dense", "bm25")])
@pytest.mark.parametrize("swept_too", ["absolute_margin", "max_similarity", "max_quantile", "clusters", "max_uses"])
def test_a_row_of_the_table_is_what_mining_with_its_options_gives(swept_too: str, retriever: tuple[str, ...]) -> None:
    grid = {name: values for name, values in GRID.items() if name.endswith(("rank", "relative_margin", swept_too))}
    table, _ = swept(sample=len(TEXTS), retriever=retriever, **grid)
    assert table.height == 16
    assert table["rows_kept"].n_unique() > 2
    for row in table.iter_rows(named=True):
        setting = {name: row[name] for name in (*GRID, "num_negatives")}
        mined = mine_negatives(
            PAIRS,
            CORPUS,
            encoder=LetterEncoder(8),
            options=MineNegativesOptions.model_validate(
                setting | {"with_scores": True, "output_format": "triplet", "retriever": retriever}
            ),
        )
        assert row["rows_kept"] == mined["row"].n_unique()
        assert row["kept"] == row["rows_kept"] / len(TEXTS)
        if mined.is_empty():
            assert row["mean_similarity"] is row["false_rate"] is row["false_high"] is None
            continue
        assert row["mean_similarity"] == pytest.approx(mined["negative_similarity"].cast(pl.Float64).mean(), abs=1e-6)
        false = (mined["negative"].str.head(2) == mined["kind"]).mean()
        assert (row["judged"], row["false_rate"]) == (mined.height, pytest.approx(false, abs=1e-6))
        assert row["false_low"] <= row["false_rate"] <= row["false_high"]


def test_labels_outside_the_sample_are_never_looked_at() -> None:
    table, ledger = swept(sample=20)
    assert ledger.counts["anchors judged"] == 20
    assert set(table["judged"]) <= {2 * kept for kept in range(21)}
    hidden = 0
    for row in range(0, len(TEXTS), 4):
        without = PAIRS.with_columns(kind=pl.when(pl.col("row") == row).then(pl.lit("other")).otherwise("kind"))
        hidden += swept(without, sample=20, min_rank=(1,), relative_margin=(0,))[0].equals(
            table.filter(min_rank=1, relative_margin=0)
        )
    assert hidden >= 20
    only_some = PAIRS.with_columns(kind=pl.when(pl.col("row") < 7).then("kind"))
    assert swept(only_some, sample=20)[1].counts["anchors judged"] == 7


def test_the_best_setting_has_the_nearest_negatives_within_the_bounds() -> None:
    options = {"min_rank": (1, 5, 20), "relative_margin": (0.0, 0.05), "max_rank": (30,), "min_kept": 0.9}
    table, ledger = swept(max_false_rate=0.4, sample=len(TEXTS), **options)
    eligible = table.filter((pl.col("kept") >= 0.9) & (pl.col("false_high") <= 0.4))
    assert 0 < eligible.height < table.height
    [best] = table.filter("best").rows(named=True)
    assert best["mean_similarity"] == eligible["mean_similarity"].max()
    assert f"--min-rank {best['min_rank']} --relative-margin {best['relative_margin']:g}" in ledger.notes[-1]
    none, ledger = swept(max_false_rate=0.0, **options)
    assert not none["best"].any()
    assert "No setting has a false share of 0 at most" in ledger.notes[-1]


def test_without_labels_the_table_shows_what_settings_cost() -> None:
    table, ledger = swept(label_column=None)
    assert SWEEP.check(table, "table").equals(table)
    assert table["false_rate"].is_null().all()
    assert not table["best"].any()
    assert "Nothing judges" in ledger.notes[-1]
    assert list(shown_rows(table)[0]) == ["min rank", "relative margin", "rows kept", "cosine", ""]
    assert list(shown_rows(swept()[0])[0]) == ["min rank", "relative margin", "rows kept", "cosine", "false", ""]


@settings(max_examples=4)
@given(st.integers(1, 100_000))
def test_the_size_of_a_block_changes_nothing(at_once: int) -> None:
    options = {"clusters": ("none", 3), "max_uses": ("none", 3), "min_rank": (1, 4)}
    whole, _ = swept(**options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pairforge.steps.sweep_negatives._CANDIDATES_AT_ONCE", at_once)
        again, _ = swept(**options)
    assert again.equals(whole)


def test_windows_too_narrow_are_left_out_and_none_at_all_is_refused() -> None:
    table, _ = swept(min_rank=(1, 15), max_rank=(10, 20), relative_margin=(0,))
    assert table.select("min_rank", "max_rank").rows() == [(1, 10), (1, 20), (15, 20)]
    with pytest.raises(OptionsError, match="no min_rank and max_rank leave room for 2 negatives"):
        swept(min_rank=(30,), max_rank=(10, 30))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"relative_margin": (3.0,)}, "relative_margin=3.0 should be less than or equal to 2"),
        ({"clusters": ("none", 1)}, "clusters=1 should be greater than or equal to 2"),
        ({"min_rank": (0,)}, "min_rank=0 should be greater than or equal to 1"),
        ({"group": "prefer"}, "group_column"),
    ],
)
def test_what_mining_refuses_is_refused_before_anything_is_read(options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionsError, match=words):
        SweepNegativesOptions.model_validate(options)


def test_a_label_column_that_the_corpus_lacks_is_refused_before_encoding() -> None:
    encoder = LetterEncoder()
    options = SweepNegativesOptions(label_column="intent")
    with pytest.raises(FrameError, match="'intent', named as --label-column, is missing"):
        sweep_negatives(PAIRS, CORPUS, encoder=encoder, options=options)
    assert not encoder.encoded


def test_texts_without_a_label_are_not_judged() -> None:
    corpus = CORPUS.with_columns(kind=pl.when(pl.int_range(pl.len()) % 2 == 0).then("kind"))
    options = SweepNegativesOptions(
        num_negatives=2, label_column="kind", sample=100, relative_margin=(0,), min_rank=(1,)
    )
    table = sweep_negatives(PAIRS, corpus, encoder=LetterEncoder(8), options=options)
    mined = mine_negatives(
        PAIRS, corpus, encoder=LetterEncoder(8),
        options=MineNegativesOptions(num_negatives=2, max_rank=200, relative_margin=0, output_format="triplet"),
    )  # fmt: skip
    labelled = mined.join(corpus.drop_nulls(), left_on="negative", right_on="text")
    assert table["judged"].to_list() == [labelled.height]
    assert table["false_rate"][0] == pytest.approx((labelled["kind"] == labelled["kind_right"]).mean(), abs=1e-6)


@pytest.mark.parametrize("false_score", [0.3, 0.6])
def test_a_cross_encoder_judges_the_sample_reading_each_pair_once(false_score: float, tmp_path: Path) -> None:
    grid = {"min_rank": (1, 3), "relative_margin": (0.0, 0.1)}
    options = SweepNegativesOptions.model_validate(
        {"num_negatives": 2, "false_score": false_score, "sample": 25, "max_rank": (30,), **grid}
    )
    context, scorer = StepContext(cache=tmp_path), OverlapScorer()
    table = sweep_negatives(PAIRS, CORPUS, encoder=LetterEncoder(8), scorer=scorer, options=options, context=context)
    assert len(scorer.scored) == len(set(scorer.scored))
    sampled = {anchor for anchor, _ in scorer.scored}
    assert len(sampled) == context.ledger.counts["anchors judged"] == 25
    for row in table.iter_rows(named=True):
        setting = {name: row[name] for name in (*grid, "num_negatives", "max_rank")}
        mined = mine_negatives(
            PAIRS,
            CORPUS,
            encoder=LetterEncoder(8),
            options=MineNegativesOptions.model_validate(setting | {"output_format": "triplet"}),
        ).filter(pl.col("anchor").is_in(sampled))
        high = [
            OverlapScorer._logit(anchor, text) >= np.log(false_score / (1 - false_score))
            for anchor, text in mined.select("anchor", "negative").iter_rows()
        ]
        assert (row["judged"], row["false_rate"]) == (len(high), pytest.approx(np.mean(high), abs=1e-6))
    again = OverlapScorer()
    assert sweep_negatives(
        PAIRS, CORPUS, encoder=LetterEncoder(8), scorer=again, options=options, context=context
    ).equals(table)
    assert again.scored == []


@pytest.mark.parametrize(
    ("options", "scorer", "words"),
    [
        ({}, OverlapScorer(), "give false_score"),
        ({"false_score": 0.5}, None, "needs a cross-encoder"),
    ],
)
def test_a_judge_needs_its_bound_and_a_bound_its_judge(
    options: dict[str, object], scorer: OverlapScorer | None, words: str
) -> None:
    chosen = SweepNegativesOptions.model_validate(options)
    with pytest.raises(OptionsError, match=words):
        sweep_negatives(PAIRS, CORPUS, encoder=LetterEncoder(8), scorer=scorer, options=chosen)


@pytest.mark.parametrize("options", [{"false_score": 0.5, "label_column": "kind"}, {"head": "nli"}])
def test_judges_at_odds_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(OptionsError):
        SweepNegativesOptions.model_validate(options)
