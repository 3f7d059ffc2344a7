from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.agreement import spearman
from pairforge.errors import FrameError, ModelError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.models import Floats, TextPair
from pairforge.steps.score_pairs import ScorePairsOptions, score_pairs
from tests.fakes import OverlapScorer
from tests.tiny_models import save_cross_encoder

TEXTS = {
    "sentence1": ["a b c d", "a b c d", "a b c d", "a b c d", "e f"],
    "sentence2": ["a b c d", "a b c", "a b", "a", "g"],
}
PAIRS = pl.DataFrame(TEXTS)
GOLD = PAIRS.with_columns(score=pl.Series([0.9, 0.7, 0.8, 0.2, 0.0]))
SILVER = [1 / (1 + np.exp(-logit)) for logit in (4, 2, 0, -2, -4)]


def _context(folder: Path) -> StepContext:
    return StepContext(cache=folder, ledger=Ledger())


def _scored(pairs: pl.DataFrame, tmp_path: Path, gold: pl.DataFrame | None = None, **options: object) -> pl.DataFrame:
    given = ScorePairsOptions.model_validate(options)
    return score_pairs(pairs, gold, scorer=OverlapScorer(), options=given, context=_context(tmp_path))


def test_silver_is_the_score_that_is_trained_on(tmp_path: Path) -> None:
    scored = _scored(PAIRS.with_columns(source=pl.int_range(5)), tmp_path)
    assert scored.columns == ["sentence1", "sentence2", "score", "silver_score", "source"]
    assert scored["score"].to_list() == pytest.approx(SILVER)
    assert scored["silver_score"].equals(scored["score"])
    assert scored["source"].to_list() == list(range(5))


def test_gold_stands_beside_silver(tmp_path: Path) -> None:
    scored = _scored(GOLD, tmp_path)
    assert scored.columns == ["sentence1", "sentence2", "score", "silver_score", "gold_score"]
    assert scored["score"].to_list() == pytest.approx(SILVER)
    assert scored["gold_score"].to_list() == GOLD["score"].to_list()
    labelled = _scored(PAIRS.with_columns(label=pl.Series([1, 1, 0, 0, 0])), tmp_path)
    assert labelled["gold_label"].to_list() == [1, 1, 0, 0, 0]


def test_rows_may_lack_gold_and_gold_may_be_preferred_where_it_is(tmp_path: Path) -> None:
    some = PAIRS.with_columns(gold_score=pl.Series([0.5, None, None, 0.25, None]))
    scored = _scored(some, tmp_path, prefer_gold=True)
    assert scored["score"].to_list() == pytest.approx([0.5, SILVER[1], SILVER[2], 0.25, SILVER[4]])
    assert scored["silver_score"].to_list() == pytest.approx(SILVER)
    assert scored["gold_score"].to_list() == [0.5, None, None, 0.25, None]


def test_anchors_and_positives_become_sentences(tmp_path: Path) -> None:
    pairs = PAIRS.rename({"sentence1": "anchor", "sentence2": "positive"}).with_columns(gold_label=pl.Series([1] * 5))
    scored = _scored(pairs, tmp_path)
    assert scored.columns == ["sentence1", "sentence2", "score", "silver_score", "gold_label"]
    assert scored["sentence2"].to_list() == TEXTS["sentence2"]


def test_the_output_trains_with_no_column_renamed(tmp_path: Path) -> None:
    from pairforge.frames import SCORED_PAIR, detect_shape, training_view

    scored = _scored(GOLD, tmp_path, calibrate="isotonic")
    assert detect_shape(scored, "scored") is SCORED_PAIR
    assert training_view(scored, SCORED_PAIR).columns == ["sentence1", "sentence2", "score"]


def test_each_pair_is_scored_once_whatever_is_asked_of_it_later(tmp_path: Path) -> None:
    scorer, context = OverlapScorer(), _context(tmp_path)
    score_pairs(pl.concat([PAIRS, PAIRS.reverse()]), scorer=scorer, context=context)
    assert len(scorer.scored) == 5
    assert context.ledger.counts["distinct pairs"] == 5
    score_pairs(GOLD, scorer=scorer, options=ScorePairsOptions(calibrate="temperature"), context=context)
    assert len(scorer.scored) == 5
    score_pairs(PAIRS.select(sentence1="sentence2", sentence2="sentence1"), scorer=scorer, context=context)
    assert len(scorer.scored) == 9


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    class Mortal(OverlapScorer):
        def logits(self, pairs: Sequence[TextPair]) -> Floats:
            if len(self.batches) == 2:
                raise Killed
            return super().logits(pairs)

    mortal, last = Mortal(batch_size=2), OverlapScorer(batch_size=2)
    with pytest.raises(Killed):
        score_pairs(PAIRS, scorer=mortal, context=_context(tmp_path / "killed"))
    resumed = score_pairs(PAIRS, scorer=last, context=_context(tmp_path / "killed"))
    undisturbed = score_pairs(PAIRS, scorer=OverlapScorer(batch_size=2), context=_context(tmp_path / "whole"))
    assert resumed.equals(undisturbed)
    assert sorted(mortal.scored + last.scored) == sorted(PAIRS.rows())


def test_agreement_with_gold_is_told(tmp_path: Path) -> None:
    def notes(pairs: pl.DataFrame, gold: pl.DataFrame | None = None) -> str:
        context = _context(tmp_path)
        score_pairs(pairs, gold, scorer=OverlapScorer(), context=context)
        return "\n".join(context.ledger.notes)

    assert f"5 pairs with gold: Spearman {spearman(SILVER, GOLD['score']):.3f}" in notes(GOLD)
    labelled = PAIRS.with_columns(label=pl.Series([1, 0, 1, 0, 0]))
    assert "5 pairs with gold: AUC 0.833, accuracy 0.800" in notes(labelled)
    assert "AUC 0.833" in notes(PAIRS, labelled)
    assert "1 pair with gold: all have the gold 0.5" in notes(
        PAIRS.with_columns(gold_score=pl.Series([0.5, None, None, None, None]))
    )
    assert "gold" not in notes(PAIRS)


@pytest.mark.parametrize("way", ["isotonic", "temperature", "platt"])
def test_calibrated_scores_come_nearer_to_gold_in_the_same_order(way: str, tmp_path: Path) -> None:
    scored = _scored(GOLD, tmp_path, calibrate=way)
    assert scored["uncalibrated_score"].to_list() == pytest.approx(SILVER)
    assert scored["silver_score"].equals(scored["score"])
    for name in ("score", "uncalibrated_score"):
        assert scored[name].is_between(0, 1).all()
    errors = [((scored[name] - scored["gold_score"]) ** 2).mean() for name in ("score", "uncalibrated_score")]
    assert errors[0] < errors[1]
    assert scored.sort("uncalibrated_score")["score"].is_sorted()


def test_the_error_after_calibration_is_measured_on_pairs_that_the_fit_has_not_seen(tmp_path: Path) -> None:
    luck = np.random.default_rng(3)
    first, second = ([" ".join(luck.choice([*"abcdefgh"], 5)) for _ in range(60)] for _ in range(2))
    chance = pl.DataFrame({"sentence1": first, "sentence2": second, "score": luck.random(60)})
    context = _context(tmp_path)
    scored = score_pairs(
        chance, scorer=OverlapScorer(), options=ScorePairsOptions(calibrate="isotonic"), context=context
    )
    told = next(note for note in context.ledger.notes if "calibrated" in note)
    after = float(re.findall(r"([.\d]+) after \(each fifth by a fit on the others\)", told)[0])
    assert after > ((scored["score"] - scored["gold_score"]) ** 2).mean() + 0.001


def test_calibration_is_fitted_on_the_gold_file_where_there_is_one(tmp_path: Path) -> None:
    own = _scored(GOLD, tmp_path, calibrate="isotonic")
    separate = _scored(PAIRS, tmp_path, GOLD, calibrate="isotonic")
    assert separate["score"].equals(own["score"])
    assert separate.columns == ["sentence1", "sentence2", "score", "silver_score", "uncalibrated_score"]
    overruled = _scored(GOLD, tmp_path, GOLD.with_columns(score=1 - pl.col("score")), calibrate="isotonic")
    assert not overruled["score"].equals(own["score"])


def test_labels_calibrate_too(tmp_path: Path) -> None:
    scored = _scored(PAIRS.with_columns(label=pl.Series([1, 1, 0, 0, 0])), tmp_path, calibrate="isotonic")
    assert scored["score"].to_list() == [1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("pairs", "gold", "options", "sentence"),
    [
        (PAIRS, None, {"calibrate": "isotonic"}, "no gold to calibrate on. Name a file of scored pairs with --gold"),
        (GOLD.with_columns(score=0.5), None, {"calibrate": "isotonic"}, "pairs: all gold is 0.5"),
        (PAIRS, GOLD.with_columns(score=1.0), {"calibrate": "temperature"}, "gold: all gold is 1"),
        (PAIRS, PAIRS, {}, "gold: holds no score and no label"),
        (GOLD.with_columns(score=pl.lit(float("nan"))), None, {}, "pairs: column 'score' holds NaN"),
        (GOLD.with_columns(score=pl.lit(7.0)), None, {}, "pairs: column 'score' should lie in 0 to 1"),
        (
            PAIRS.with_columns(silver_score=0.5),
            None,
            {},
            "'silver_score' bears the name of a column that the step writes",
        ),
        (GOLD.with_columns(gold_score=0.5), None, {}, "'gold_score' bears the name"),
        (PAIRS.clear(), None, {}, "no rows"),
    ],
)
def test_wrong_gold_and_columns_in_the_way_are_refused(
    pairs: pl.DataFrame, gold: pl.DataFrame | None, options: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(FrameError, match=sentence):
        _scored(pairs, tmp_path, gold, **options)


def test_a_calibration_that_cannot_be_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    scorer, options = OverlapScorer(), ScorePairsOptions(calibrate="isotonic")
    with pytest.raises(FrameError, match="no gold"):
        score_pairs(PAIRS, scorer=scorer, options=options, context=_context(tmp_path))
    assert scorer.scored == []


def test_a_temperature_wants_probabilities(tmp_path: Path) -> None:
    scorer = OverlapScorer(activation="Identity", scale=0.1)
    options = ScorePairsOptions(calibrate="temperature")
    with pytest.raises(ModelError, match="--calibrate isotonic"):
        score_pairs(GOLD, scorer=scorer, options=options, context=_context(tmp_path))


def test_nan_of_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="gives NaN"):
        score_pairs(PAIRS, scorer=OverlapScorer(scale=float("nan")), context=_context(tmp_path))


@pytest.mark.parametrize(
    ("labels", "output"),
    [
        (("LABEL_0",), 0),
        (("LABEL_0", "LABEL_1"), 1),
        (("contradiction", "entailment", "neutral"), 1),
        (("entailment", "neutral", "contradiction"), 0),
    ],
)
def test_silver_of_a_real_cross_encoder_is_what_its_library_predicts(
    labels: tuple[str, ...], output: int, tmp_path: Path
) -> None:
    from sentence_transformers import CrossEncoder

    from pairforge import load_scorer

    folder = save_cross_encoder(tmp_path / "model", labels=labels)
    model = CrossEncoder(str(folder), device="cpu")
    predicted = model.predict(PAIRS.rows(), apply_softmax=True).reshape(len(PAIRS), -1)
    silver = score_pairs(PAIRS, scorer=load_scorer(str(folder)), context=_context(tmp_path))["score"]
    assert np.allclose(silver.to_numpy(), predicted[:, output], atol=1e-5)
    assert np.ptp(silver.to_numpy()) > 0.01
