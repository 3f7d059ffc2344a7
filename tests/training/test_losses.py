from typing import get_args

import polars as pl
import pytest

from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.training.losses import FULL_NAMES, LOSSES, TRAINING_SHAPES, BaseKind, check_fit, choose_loss
from pairforge.training.options import LossName, TrainOptions
from tests.training.tiny import labelled, nli, scored, triplets


def test_every_training_shape_has_one_default_loss_and_each_loss_reads_only_training_shapes():
    for shape in TRAINING_SHAPES:
        assert sum(shape in loss.default_for for loss in LOSSES.values()) == 1
    for loss in LOSSES.values():
        assert set(loss.default_for) <= set(loss.shapes) <= set(TRAINING_SHAPES)


def test_option_offers_exactly_the_names_of_the_table():
    assert set(get_args(get_args(LossName)[0])) == {"auto", *FULL_NAMES}


def test_every_loss_is_a_class_of_sentence_transformers_that_takes_its_parameters():
    import inspect

    from sentence_transformers.sentence_transformer import losses as library

    for loss in LOSSES.values():
        keywords = inspect.signature(getattr(library, loss.class_name)).parameters
        for parameter in loss.parameters:
            assert keywords[parameter.keyword].default == parameter.default
            assert parameter.option in TrainOptions.model_fields


@pytest.mark.parametrize(
    ("corpus", "name"),
    [
        (triplets(), "multiple-negatives-ranking"),
        (triplets().drop("negative"), "multiple-negatives-ranking"),
        (triplets().with_columns(negative_1="negative").drop("negative"), "multiple-negatives-ranking"),
        (nli(), "softmax"),
        (scored(), "cosent"),
        (labelled(), "contrastive"),
    ],
)
def test_auto_chooses_by_shape_and_says_so(corpus: pl.DataFrame, name: str):
    choice = choose_loss(corpus, "auto")
    assert choice.loss.name == name
    assert name in choice.sentence
    assert choice.shape.name in choice.sentence


def test_named_loss_reads_the_shape_it_learns_from_when_the_corpus_fits_several():
    both = scored().with_columns(label=pl.lit(1))
    assert choose_loss(both, "auto").shape.name == "scored pair"
    assert choose_loss(both, "contrastive").shape.name == "labelled pair"


def test_loss_that_does_not_fit_the_corpus_is_refused_with_those_that_do():
    with pytest.raises(
        FrameError, match=r"the triplet loss learns from triplet: .*; losses for this corpus: softmax, and convert-nli"
    ):
        choose_loss(nli(), "triplet")


def test_cached_form_is_refused_for_a_static_model():
    with pytest.raises(ModelError, match=r"potion: the cached-multiple-negatives-ranking loss cannot train a static"):
        check_fit(LOSSES["cached-multiple-negatives-ranking"], BaseKind.STATIC, "potion", 100, 32)
    check_fit(LOSSES["cached-multiple-negatives-ranking"], BaseKind.TRANSFORMER, "bert", 100, 32)


def test_losses_with_negatives_from_the_batch_want_a_whole_batch():
    mnr = LOSSES["multiple-negatives-ranking"]
    with pytest.raises(FrameError, match=r"20 rows, fewer than one batch of 32.*--batch-size 20\."):
        check_fit(mnr, BaseKind.STATIC, "m", 20, 32)
    with pytest.raises(OptionsError, match="batch_size is 1"):
        check_fit(mnr, BaseKind.STATIC, "m", 20, 1)
    check_fit(LOSSES["cosine-similarity"], BaseKind.STATIC, "m", 20, 32)
