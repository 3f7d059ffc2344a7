"""What each loss refuses, with the sentence that mends it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pairforge.engines.vectors import VectorStore
from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.frames import LABELLED_LIST, LABELLED_TEXT, N_TUPLE, SCORED_N_TUPLE, TRIPLET
from pairforge.models import ModelSpec
from pairforge.training.companions import Companions
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses import LOSSES, Loss, parameter_options
from pairforge.training.losses.classes import shared_classes
from pairforge.training.options import TrainOptions
from pairforge.training.plan import plan_training
from pairforge.training.teaching import with_teachers_vectors
from pairforge.training.train import train
from pairforge.training.unrolling import listed, scored_tuples, unrolled
from tests.training.runs import note_of
from tests.training.tiny import CORPORA, classed, margins, scored, triplets, tuples, uneven_lists
from tests.training.tiny import listed as lists
from tests.training.tiny import scored_tuples as tuples_with_scores

EVERY_LOSS = [pytest.param(loss, id=f"{loss.trains}-{loss.short}") for loss in LOSSES]
SAMPLE_VALUES = {"similarity": "cosine", "hardness": "all", "weighting": "lambdarank", "num_negatives": 2,
                 "mini_batch_size": 4}  # fmt: skip


def _options(loss: Loss, **settings: Any) -> TrainOptions:
    return TrainOptions(
        **{"kind": loss.trains.value, "loss": loss.name, "batch_size": 8, "learning_rate": 0.01, **settings}
    )


def _companions(loss: Loss, model: ModelSpec) -> Companions:
    return Companions(**dict.fromkeys(loss.models, model))


@pytest.mark.parametrize("loss", EVERY_LOSS)
def test_corpus_of_another_shape_is_refused_with_the_shapes_that_fit(
    loss: Loss, base_of: Callable[[Loss], ModelSpec], transformer_base: ModelSpec
):
    unfit = CORPORA[
        "scored list" if loss.trains in (TrainedKind.ENCODER, TrainedKind.CLASSIFIER) else "labelled text"
    ]()
    with pytest.raises(FrameError, match=f"but the {loss.name} loss learns from {loss.shapes[0].name}: "):
        plan_training([unfit], None, base_of(loss), _options(loss), _companions(loss, transformer_base))


@pytest.mark.parametrize("loss", [case for case in EVERY_LOSS if case.values[0].in_batch])
def test_corpus_smaller_than_a_batch_of_negatives_is_refused(
    loss: Loss, base_of: Callable[[Loss], ModelSpec], transformer_base: ModelSpec
):
    corpus = CORPORA[loss.shapes[0].name]().head(5)
    with pytest.raises(FrameError, match=f"has 5 rows, fewer than one batch of 8, which {loss.name}"):
        plan_training([corpus], None, base_of(loss), _options(loss), _companions(loss, transformer_base))


@pytest.mark.parametrize(
    "loss", [case for case in EVERY_LOSS if (v := case.values[0]).in_batch or v.compares_rows or v.by_class]
)
def test_batch_of_one_row_is_refused_where_rows_teach_each_other(
    loss: Loss, base_of: Callable[[Loss], ModelSpec], transformer_base: ModelSpec
):
    corpus, companions = CORPORA[loss.shapes[0].name](), _companions(loss, transformer_base)
    with pytest.raises(OptionsError, match=rf"batch_size=1, but {loss.name} .*; give it at least [24] rows"):
        plan_training([corpus], None, base_of(loss), _options(loss, batch_size=1), companions)


@pytest.mark.parametrize("loss", EVERY_LOSS)
def test_setting_of_another_loss_is_refused(loss: Loss):
    for option in parameter_options():
        if loss.has(option):
            continue
        given = {option: SAMPLE_VALUES.get(option, 0.5)}
        if option.startswith("hardness"):
            given = {"hardness": "all", "hardness_strength": 9}
        with pytest.raises(OptionsError, match=rf"is given, but the {loss.name} loss has none"):
            _options(loss, **given)


@pytest.mark.parametrize("loss", [case for case in EVERY_LOSS if case.values[0].models])
def test_companion_that_a_loss_asks_must_be_named(loss: Loss, transformer_base: ModelSpec):
    role = loss.models[0]
    with pytest.raises(OptionsError, match=f"the {loss.name} loss asks a {role}; name one with --{role}"):
        plan_training([CORPORA[loss.shapes[0].name]()], None, transformer_base, _options(loss))


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(
            *case.values, id=case.id, marks=() if case.values[0].short in ("mnr", "lambda") else pytest.mark.model
        )
        for case in EVERY_LOSS
    ],
)
def test_rate_far_too_large_ends_in_one_sentence(
    loss: Loss, base_of: Callable[[Loss], ModelSpec], transformer_base: ModelSpec, tmp_path: Path
):
    options = _options(loss, learning_rate=1e30, max_steps=20, warmup_steps=0)
    with pytest.raises(
        ModelError, match=r"(the loss became|weights are no numbers).*learning rate 1e\+30; lower the rate"
    ):
        train(
            CORPORA[loss.shapes[0].name](), base=base_of(loss), options=options,
            context=StepContext(workspace=tmp_path, cache=tmp_path),
            **dict.fromkeys(loss.models, transformer_base),
        )  # fmt: skip


def test_static_guide_is_refused(static_base: ModelSpec, transformer_base: ModelSpec):
    with pytest.raises(ModelError, match="is a static model, which cannot read a student's tokens as a guide"):
        plan_training(
            [triplets()], None, transformer_base, TrainOptions(loss="gist", batch_size=8), Companions(guide=static_base)
        )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"matryoshka": (64,)}, "matryoshka=64 is more than the 16 dimensions of .*; give smaller numbers"),
        ({"loss": "softmax", "matryoshka": (8,)}, "matryoshka=8 cannot stand around the softmax loss: its head reads"),
        (
            {"loss": "cached-mnr", "adaptive_layers": True},
            "adaptive_layers=True cannot stand around the cached-multiple",
        ),
        ({"loss": "bce", "kind": "cross-encoder", "matryoshka": (8,)}, "a cross-encoder has no vectors to cut"),
    ],
)
def test_wrapper_that_cannot_be_is_refused(settings: dict[str, Any], sentence: str, transformer_base: ModelSpec):
    corpus = CORPORA["nli" if settings.get("loss") == "softmax" else "triplet"]()
    with pytest.raises(OptionsError, match=sentence):
        plan_training([corpus], None, transformer_base, TrainOptions.model_validate({"batch_size": 8, **settings}))


def test_adaptive_layers_of_a_static_model_are_refused(static_base: ModelSpec):
    with pytest.raises(ModelError, match="does not begin with a transformer, so that there are no layers to leave out"):
        plan_training([triplets()], None, static_base, TrainOptions(batch_size=8, adaptive_layers=True))


def test_dimensions_come_with_commas_or_one_by_one():
    options = TrainOptions.model_validate({"matryoshka": ["256,128", "64"]})
    assert options.matryoshka == (256, 128, 64)
    assert TrainOptions(matryoshka=(8,)).wrappers == ("matryoshka",)
    with pytest.raises(OptionsError):
        TrainOptions(matryoshka=(0,))


def test_hardness_without_effect_is_refused(static_base: ModelSpec):
    with pytest.raises(OptionsError, match="hardness='all' has no effect without hardness_strength; give both"):
        TrainOptions(hardness="all")
    options = TrainOptions(hardness="own", hardness_strength=9, batch_size=8)
    with pytest.raises(
        OptionsError, match="hardness='own' is given, but corpus holds pairs without negatives of their own"
    ):
        plan_training([triplets().drop("negative")], None, static_base, options)


def test_hardness_changes_what_is_learnt(static_base: ModelSpec, tmp_path: Path):
    from tests.training.runs import weights_digest

    digests = {
        weights_digest(train(triplets(), base=static_base, options=TrainOptions(batch_size=8, max_steps=2, **settings)))
        for settings in ({}, {"hardness": "all", "hardness_strength": 9}, {"hardness": "own", "hardness_strength": 9})
    }
    assert len(digests) == 3


def test_margins_that_cosines_cannot_reach_are_refused(static_base: ModelSpec):
    options = TrainOptions(loss="margin-mse", similarity="cosine", batch_size=8)
    wide = margins().with_columns(score=pl.lit(7.5))
    with pytest.raises(FrameError, match=r"corpus: its margins reach 7\.5, but cosines differ by 2 at most"):
        plan_training([wide], None, static_base, options)
    with pytest.raises(FrameError, match=r"its margins reach 3, but cosines"):
        plan_training([tuples_with_scores()], None, static_base, options)
    assert plan_training([margins()], None, static_base, options).lessons[0].shape.name == "margin"


def test_margins_that_unit_vectors_cannot_reach_are_told(static_base: ModelSpec, tmp_path: Path):
    context, wide = StepContext(workspace=tmp_path), margins().with_columns(score=pl.lit(7.5))
    train(wide, base=static_base, options=TrainOptions(batch_size=8, max_steps=1, matryoshka=(4,)), context=context)
    assert "7.5, but the vectors have the length 1" in note_of(context, "corpus: its margins reach")
    assert note_of(context, "each loss is taken of the model's vectors at 8 and at its first 4 dimensions")


def test_mini_batches_of_a_static_model_are_refused(static_base: ModelSpec):
    options = TrainOptions(loss="mega-batch", batch_size=8, mini_batch_size=4)
    with pytest.raises(OptionsError, match="is a static model, whose batches are never cut; omit it"):
        plan_training([triplets().drop("negative")], None, static_base, options)


def test_classes_become_numbers_and_texts_alone_in_theirs_are_left_out(static_base: ModelSpec):
    rows, _ = shared_classes(classed(), LABELLED_TEXT)
    assert rows.height == 48
    assert rows["label"].unique().sort().to_list() == list(range(8))
    plan = plan_training([classed()], None, static_base, TrainOptions(batch_size=8))
    assert "batch-hard-soft-margin-triplet, chosen for the shape labelled text" in plan.lessons[0].sentence
    assert plan.lessons[0].sentence.endswith("; 1 rows alone in their class are left out")


def test_corpus_of_one_class_is_refused(static_base: ModelSpec):
    with pytest.raises(FrameError, match="names 2 classes, of which 1 have two texts or more; give at least two such"):
        plan_training([classed().filter(pl.col("label").is_in(["cat", "nothing"]))], None, static_base, TrainOptions())


def test_tuples_and_lists_of_all_kinds_become_scored_lists():
    of_triplets, shape = listed(triplets(), TRIPLET)
    assert shape.name == "scored list"
    assert of_triplets.row(0) == ("a cat sleeps", ["one cat that sleeps", "nothing at all"], [1.0, 0.0])
    assert listed(tuples(), N_TUPLE)[0]["scores"][0].to_list() == [1.0, 0.0, 0.0]
    assert listed(tuples_with_scores(), SCORED_N_TUPLE)[0]["scores"][0].to_list() == [2.0, 0.5, -1.0]
    graded, _ = listed(uneven_lists(), LABELLED_LIST)
    assert [len(row) for row in graded["scores"][:2]] == [2, 3]
    assert graded["scores"].dtype == pl.List(pl.Float64)


def test_lists_whose_lengths_differ_are_refused():
    short = lists().with_columns(labels=pl.lit([1]))
    with pytest.raises(FrameError, match="row 1 has 2 documents and 1 labels; give one for each"):
        listed(short, LABELLED_LIST)
    with pytest.raises(FrameError, match="row 1 has 2 scores; give 3, of the positive and of each negative"):
        scored_tuples(tuples().with_columns(scores=pl.lit([1.0, 0.5])), SCORED_N_TUPLE)


def test_grades_are_for_list_losses(transformer_base: ModelSpec):
    with pytest.raises(
        FrameError, match=r"its labels run from 0 to 3, .* name a loss that reads grades, as --loss lambda"
    ):
        unrolled(uneven_lists(), LABELLED_LIST)
    options = TrainOptions(kind="cross-encoder", loss="lambda", batch_size=8)
    assert plan_training([uneven_lists()], None, transformer_base, options).lessons[0].rows.height == 48


@pytest.mark.parametrize("loss", ["lambda", "rank-net", "list-net", "list-mle", "plist-mle", "adr-mse"])
@pytest.mark.model
def test_graded_lists_of_uneven_length_are_learnt(loss: str, transformer_base: ModelSpec, tmp_path: Path):
    options = TrainOptions(kind="cross-encoder", loss=loss, batch_size=8, epochs=10, learning_rate=0.01)
    context = StepContext(workspace=tmp_path)
    train(uneven_lists(), base=transformer_base, options=options, context=context)
    told = next(note for note in context.ledger.notes if "in the first steps" in note)
    first, last = (float(number) for number in re.findall(r"\d+\.\d+", told))
    assert last < first


def test_teachers_vectors_become_labels_from_the_store(
    static_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path
):
    from sentence_transformers import SentenceTransformer

    pairs, store = triplets().drop("negative"), VectorStore(tmp_path)
    teacher = SentenceTransformer(str(transformer_base.path), device="cpu")

    def labels(loss: str) -> Any:
        options = TrainOptions(loss=loss, batch_size=8)
        plan = plan_training([pairs], None, static_base, options, Companions(teacher=transformer_base))
        return with_teachers_vectors(plan, store).lessons[0].rows["label"].to_numpy()

    first = teacher.encode(pairs["anchor"].to_list())
    np.testing.assert_allclose(labels("mse"), first, atol=1e-5)
    own = labels("embed-distill")
    np.testing.assert_allclose(own[:, 0], first, atol=1e-5)
    np.testing.assert_allclose(own[:, 1], teacher.encode(pairs["positive"].to_list()), atol=1e-5)


def test_projection_stands_between_spaces_of_two_lengths_and_is_kept(
    static_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path
):
    from safetensors.torch import load_file

    options = TrainOptions(loss="mse", batch_size=8, max_steps=2)
    context = StepContext(workspace=tmp_path, cache=tmp_path)
    pairs = triplets().drop("negative")
    model = train(pairs, base=static_base, teacher=transformer_base, options=options, context=context)
    head = load_file(model / "projection.safetensors")
    assert head["projection.weight"].shape == (16, 8)
    assert note_of(context, "the teacher's vectors have 16 dimensions and the student's 8: a linear projection")
    same = train(
        pairs, base=static_base, teacher=static_base, options=options, context=StepContext(cache=tmp_path / "other")
    )
    assert not (same / "projection.safetensors").exists()


def test_guide_is_neither_trained_nor_saved(transformer_base: ModelSpec, tmp_path: Path):
    import torch

    from pairforge.training.fitting import load_trainee
    from pairforge.training.trainer import head_tensors

    options = TrainOptions(loss="gist", batch_size=8, matryoshka=(4,))
    plan = plan_training([triplets()], None, transformer_base, options, Companions(guide=transformer_base))
    loss = load_trainee(plan).loss(plan.lessons[0])
    assert head_tensors(loss) == {}
    guide: torch.nn.Module = loss.loss.guide
    assert not guide.training
    assert not any(weights.requires_grad for weights in guide.parameters())


def test_scored_corpus_still_has_the_loss_that_it_had():
    from pairforge.training.choice import choose_loss

    assert choose_loss(scored(), "auto", TrainedKind.ENCODER).loss.short == "cosent"
