"""The model card, trackers, and dev rows that are searched."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from pairforge.errors import FrameError, MissingExtraError
from pairforge.execution.stage import FileInput, Stage, run_stage
from pairforge.execution.step import StepContext
from pairforge.models import ModelRequest, ModelSpec
from pairforge.training.card import _USES
from pairforge.training.dev import settle_dev
from pairforge.training.kinds import TrainedKind
from pairforge.training.options import TrainOptions
from pairforge.training.train import STEP, train
from tests.training.runs import note_of
from tests.training.tiny import nli, scored, triplets


def _stage(folder: Path, base: ModelSpec, **options: object) -> Stage:
    folder.mkdir()
    triplets().write_parquet(folder / "triplets.parquet")
    nli().write_parquet(folder / "nli.parquet")
    scored().write_parquet(folder / "dev.parquet")
    corpora = FileInput((str(folder / "triplets.parquet"), str(folder / "nli.parquet")))
    return Stage(
        STEP,
        TrainOptions(batch_size=8, distinct_batches=False, **options),
        {"corpus": corpora, "dev": FileInput((str(folder / "dev.parquet"),))},
        {"base": (ModelRequest(name=str(base.path)),)},
        {"model": folder / "m.model"},
    )


def _front(card: str) -> Mapping[str, object]:
    return yaml.safe_load(card.split("---")[1])


def test_every_kind_of_model_has_its_use():
    assert set(_USES) == {kind.value for kind in TrainedKind}


def test_card_tells_corpora_command_scores_and_use_and_is_the_same_for_the_same_run(
    static_base: ModelSpec, tmp_path: Path
):
    cards = []
    for name in "ab":
        run_stage(_stage(tmp_path / name, static_base, weight=(1, 2)), cache=tmp_path / "cache")
        cards.append((tmp_path / name / "m.model" / "README.md").read_text())
    assert cards[0] == cards[1]
    card = cards[0]
    front = _front(card)
    assert front["library_name"] == "sentence-transformers"
    assert front["pipeline_tag"] == "sentence-similarity"
    assert {"loss:MultipleNegativesRankingLoss", "loss:SoftmaxLoss", "dataset_size:96"} <= set(front["tags"])
    assert "base_model" not in front
    assert re.search(r"\| triplets\.parquet \| [0-9a-f]{64} \| 48 \| triplet \| multiple-negatives-ranking \|", card)
    assert (
        "pairforge train triplets.parquet nli.parquet --dev dev.parquet --model model --batch-size 8 "
        "--weight 1.0 --weight 2.0 --no-distinct-batches"
    ) in card
    assert re.search(r"\| \d+ \(kept\) \| -?0\.\d{4} \|", card)
    assert 'SentenceTransformer("this-folder")' in card
    assert "sentence-transformers 6" in card
    assert str(tmp_path) not in card


def test_card_of_a_cross_encoder_outside_a_stage(transformer_base: ModelSpec):
    embedded = transformer_base.model_copy(update={"source": "embedded"})
    options = TrainOptions(kind="cross-encoder", max_steps=1)
    card = (train(nli(), base=embedded, options=options) / "README.md").read_text()
    front = _front(card)
    assert front["pipeline_tag"] == "text-ranking"
    assert str(front["base_model"]).startswith("sentence-transformers/")
    assert "| in memory |  | 48 | nli | cross-entropy |" in card
    assert "pairforge train" not in card


def test_tensorboard_is_told_losses_rates_and_scores_beside_the_output(static_base: ModelSpec, tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = TrainOptions(batch_size=8, max_steps=6, report_to=("tensorboard",), log_steps=2, eval_steps=3)
    train(triplets(), scored(), base=static_base, options=options, output=tmp_path / "m")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "m.runs"]
    events = EventAccumulator(str(tmp_path / "m.runs")).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [2, 4, 6]
    assert [event.step for event in events.Scalars("train/learning_rate")] == [2, 4, 6]
    assert [event.step for event in events.Scalars("train/dev_score")] == [0, 3, 6]


@pytest.mark.parametrize("tracker", ["tensorboard", "wandb", "trackio", "mlflow"])
def test_tracker_that_is_missing_says_how_to_get_it(
    tracker: str, static_base: ModelSpec, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pairforge.training.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=rf"reporting to {tracker} needs: pip install 'pairforge\[{tracker}\]'"):
        train(triplets(), base=static_base, options=TrainOptions(batch_size=8, report_to=(tracker,)))


def test_pairs_are_judged_by_the_rank_of_the_positive_among_all():
    pairs = pl.DataFrame({"anchor": ["a", "a", "b", "c"], "positive": ["1", "2", "3", "1"]})
    dev = settle_dev(pairs, TrainedKind.ENCODER, tells_classes=False)
    assert dev.searched == (["a", "b", "c"], ["1", "2", "3"])
    similarities = np.array([[0.1, 0.9, 0.5], [0.3, 0.2, 0.1], [0.5, 0.5, 0.0]])
    assert dev.rank_score(lambda some: similarities[some]) == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)


def test_positive_beyond_the_tenth_rank_counts_nothing():
    pairs = pl.DataFrame({"anchor": ["a"] + ["b"] * 11, "positive": [str(n) for n in range(12)]})
    dev = settle_dev(pairs, TrainedKind.ENCODER, tells_classes=False)
    scores = np.zeros((2, 12))
    assert dev.rank_score(lambda some: scores[some]) == pytest.approx((0 + 1 / 2) / 2)


def test_pairs_choose_the_best_step_of_an_encoder(static_base: ModelSpec):
    context = StepContext()
    options = TrainOptions(batch_size=8, epochs=4, eval_steps=4)
    train(triplets(), triplets().drop("negative"), base=static_base, options=options, context=context)
    assert "the best on the dev rows: MRR@10 of each positive among all 1." in note_of(context, "kept step")


@pytest.mark.parametrize(
    ("dev", "kind", "sentence"),
    [
        (triplets(), "cross-encoder", "a cross-encoder is judged pair by pair; give pairs with a score or a label"),
        (triplets().with_columns(positive=pl.lit("one")), "encoder", "has one positive for all anchors"),
    ],
)
def test_pairs_that_cannot_judge_are_refused(dev: pl.DataFrame, kind: str, sentence: str):
    with pytest.raises(FrameError, match=sentence):
        settle_dev(dev, TrainedKind(kind), tells_classes=False)
