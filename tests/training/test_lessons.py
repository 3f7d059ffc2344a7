"""Several corpora in one training, and rows drawn anew for each epoch."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from torch.utils.data import ConcatDataset

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.batches import EpochBatches
from pairforge.training.epochs import EpochRows
from pairforge.training.lessons import settle_lessons
from pairforge.training.mixing import MixedBatches
from pairforge.training.options import TrainOptions
from pairforge.training.plan import plan_training
from pairforge.training.train import train
from tests.training.runs import note_of, stopping_after, weights_digest
from tests.training.tiny import nli, scored, triplets


def test_each_corpus_has_the_loss_that_suits_it_or_the_one_in_its_place():
    def chosen(*loss: str) -> list[str]:
        options = TrainOptions.model_validate({"loss": loss} if loss else {})
        return [lesson.loss.short for lesson in settle_lessons([triplets(), scored()], options)]

    assert chosen() == ["mnr", "cosent"]
    assert chosen("triplet", "cosine") == ["triplet", "cosine"]
    assert chosen("auto", "cosine") == ["mnr", "cosine"]


def test_losses_that_do_not_answer_to_the_corpora_are_refused():
    with pytest.raises(OptionsError, match="2 losses are named for 1 corpus; name one for all, or one for each"):
        settle_lessons([triplets()], TrainOptions(loss=("mnr", "cosent")))
    with pytest.raises(FrameError, match=r"corpus 2: has the columns sentence1.*but the triplet loss learns from"):
        settle_lessons([triplets(), scored()], TrainOptions(loss="triplet"))


def test_batches_of_several_corpora_each_come_once_and_hold_rows_of_one_corpus():
    corpora = [list(range(10)), list(range(7))]
    samplers = [EpochBatches(rows, 3, seed=1) for rows in corpora]
    mixed = MixedBatches(ConcatDataset(corpora), samplers, seed=1, turns=(4, 3))
    mixed.set_epoch(2)
    batches = list(mixed)
    assert sorted(row for batch in batches for row in batch) == list(range(17))
    assert all(max(batch) < 10 or min(batch) >= 10 for batch in batches)
    assert len(batches) == len(mixed) == 7
    assert batches == list(mixed)
    mixed.set_epoch(3)
    assert batches != list(mixed)


def _corpora_of(batches: list[list[int]]) -> list[int]:
    """Whether each batch is of the first corpus, of ten rows, or of the second."""
    return [int(batch[0] >= 10) for batch in batches]


def test_corpora_take_turns_and_each_epoch_draws_other_rows_of_the_larger_one():
    corpora = [list(range(10)), list(range(7))]
    samplers = [EpochBatches(rows, 3, seed=1) for rows in corpora]
    mixed = MixedBatches(ConcatDataset(corpora), samplers, seed=1, turns=(3, 3), in_turns=True)
    epochs = []
    for epoch in range(2):
        mixed.set_epoch(epoch)
        epochs.append(list(mixed))
        assert _corpora_of(epochs[-1]) == [0, 1, 0, 1, 0, 1]
    first, second = ({row for batch in epoch for row in batch} for epoch in epochs)
    assert {row for row in first if row >= 10} == {row for row in second if row >= 10} == set(range(10, 17))
    assert first != second


def test_corpus_with_more_turns_than_batches_is_gone_through_again_in_another_order():
    corpora = [list(range(10)), list(range(7))]
    samplers = [EpochBatches(rows, 7, seed=1) for rows in corpora]
    mixed = MixedBatches(ConcatDataset(corpora), samplers, seed=1, turns=(1, 3))
    passes = []
    for epoch in range(2):
        mixed.set_epoch(epoch)
        batches = list(mixed)
        assert len(batches) == len(mixed) == 4
        passes += [batch for batch in batches if batch[0] >= 10]
    assert all(sorted(batch) == list(range(10, 17)) for batch in passes)
    assert len({tuple(batch) for batch in passes}) == len(passes) == 6


@pytest.mark.parametrize(
    ("options", "turns"),
    [
        ({}, (6, 6, 2)),
        ({"mix": "round-robin"}, (2, 2, 2)),
        ({"weight": (1, 1, 2)}, (4, 3, 7)),
        ({"weight": (1, 1000, 1)}, (1, 13, 1)),
    ],
)
def test_epoch_is_as_long_as_its_turns_and_accumulation_shortens_it(
    options: dict[str, object], turns: tuple[int, ...], static_base: ModelSpec
):
    corpora, given = [triplets(), scored(), nli()[:16]], TrainOptions(batch_size=8, **options)
    plan = plan_training(corpora, None, static_base, given)
    assert plan.turns == turns
    assert plan.steps_an_epoch == plan.steps == sum(turns)
    doubled = plan_training(corpora, None, static_base, given.model_copy(update={"accumulate": 2, "epochs": 3}))
    assert doubled.steps == 3 * math.ceil(sum(turns) / 2)


@pytest.mark.parametrize(
    ("corpora", "options", "sentence"),
    [
        (2, {"weight": (1,)}, "1 weights are given for 2 corpora; give one for each"),
        (1, {"mix": "round-robin"}, "mix is round-robin, but there is one corpus to take turns"),
    ],
)
def test_mix_that_does_not_answer_to_the_corpora_is_refused(
    corpora: int, options: dict[str, object], sentence: str, static_base: ModelSpec
):
    with pytest.raises(OptionsError, match=sentence):
        train([triplets()] * corpora, base=static_base, options=TrainOptions(batch_size=8, **options))
    with pytest.raises(OptionsError, match="gives every corpus the same share"):
        TrainOptions(mix="round-robin", weight=(1, 2))


@pytest.mark.parametrize("mix", [{}, {"mix": "round-robin"}, {"weight": (1, 3, 2)}])
def test_training_on_several_corpora_killed_and_resumed_ends_with_the_same_weights(
    mix: dict[str, object], static_base: ModelSpec, tmp_path: Path
):
    options = TrainOptions(batch_size=8, epochs=2, save_steps=5, **mix)
    corpora, contexts = [triplets(), scored(), nli()], [StepContext(workspace=tmp_path / name) for name in "ab"]
    whole = train(corpora, base=static_base, options=options, context=contexts[0])
    broken = StepContext(workspace=tmp_path / "b", progress=stopping_after(17))
    with pytest.raises(KeyboardInterrupt):
        train(corpora, base=static_base, options=options, context=broken)
    resumed = train(corpora, base=static_base, options=options, context=contexts[1])
    assert weights_digest(resumed) == weights_digest(whole)
    assert note_of(contexts[1], "went on from step 15")
    assert note_of(contexts[1], "corpus 2: loss cosent, chosen for the shape scored pair")
    assert (whole / "softmax_head.safetensors").exists()


def test_rows_drawn_for_an_epoch_follow_from_place_and_epoch_alone():
    def draw(rows: pl.DataFrame, ordinals: np.ndarray, seed: int) -> pl.DataFrame:
        return rows[ordinals].with_columns(drawn=pl.Series(ordinals * 10 + seed % 7))

    texts = pl.DataFrame({"text": list("abcdef")})
    drawn = EpochRows(texts, draw, seed=3)
    assert drawn.places["row"].to_list() == list(range(6))
    first = drawn({"row": [1, 4]})
    assert first["text"] == ["b", "e"]
    assert drawn({"row": [4]})["drawn"] == first["drawn"][1:]
    seeds = set()
    for epoch in range(5):
        drawn.epoch = epoch
        seeds.add(drawn({"row": [0]})["drawn"][0])
    assert len(seeds) > 1


def test_companion_that_no_loss_asks_is_refused(static_base: ModelSpec):
    with pytest.raises(OptionsError, match="a guide is given, but multiple-negatives-ranking asks none; omit it"):
        train(triplets(), base=static_base, guide=static_base, options=TrainOptions(batch_size=8))
