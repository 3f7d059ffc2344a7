from typing import get_args

import polars as pl
import pytest

from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.frames import TEXT
from pairforge.training.choice import check_fit, choose_loss
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.losses import FULL_NAMES, LOSSES, TRAINING_SHAPES, Loss, loss_of, losses_of
from pairforge.training.options import LossName, TrainOptions
from tests.training.tiny import classed, labelled, listed, margins, nli, scored, scored_tuples, texts, triplets

ENCODER, CROSS_ENCODER = TrainedKind


def _encoder_loss(name: str) -> Loss:
    loss = loss_of(ENCODER, name)
    assert loss is not None
    return loss


def test_every_shape_of_a_kind_has_one_default_loss_and_each_loss_reads_only_training_shapes():
    assert len({(loss.trains, loss.name) for loss in LOSSES}) == len(LOSSES)
    for kind in TrainedKind:
        for shape in {shape for loss in losses_of(kind) for shape in loss.shapes}:
            # A plain text has no loss of its own accord: what it shall teach has to be said.
            assert sum(shape in loss.default_for for loss in losses_of(kind)) == (shape is not TEXT)
    for loss in LOSSES:
        assert set(loss.default_for) <= set(loss.shapes) <= set(TRAINING_SHAPES)
    assert set(TRAINING_SHAPES) == {shape for loss in LOSSES for shape in loss.shapes}


def test_option_offers_exactly_the_names_of_the_table():
    assert set(get_args(get_args(LossName)[0])) == {"auto", *FULL_NAMES}


def test_every_loss_is_a_class_of_sentence_transformers_that_takes_its_parameters():
    import inspect

    from sentence_transformers.cross_encoder import losses as of_cross_encoders
    from sentence_transformers.sentence_transformer import losses as of_encoders

    from pairforge.training.building import loss_class

    library = {ENCODER: of_encoders, CROSS_ENCODER: of_cross_encoders}
    for loss in LOSSES:
        keywords = inspect.signature(loss_class(library[loss.trains], loss.class_name)).parameters
        assert set(loss.fixed or {}) <= set(keywords)
        for parameter in loss.parameters:
            assert keywords[parameter.keyword].default == parameter.default
            assert parameter.option in TrainOptions.model_fields


@pytest.mark.parametrize(
    ("kind", "corpus", "name"),
    [
        (ENCODER, triplets(), "multiple-negatives-ranking"),
        (ENCODER, triplets().drop("negative"), "multiple-negatives-ranking"),
        (ENCODER, triplets().with_columns(negative_1="negative").drop("negative"), "multiple-negatives-ranking"),
        (ENCODER, nli(), "softmax"),
        (ENCODER, scored(), "cosent"),
        (ENCODER, labelled(), "contrastive"),
        (CROSS_ENCODER, nli(), "cross-entropy"),
        (CROSS_ENCODER, scored(), "binary-cross-entropy"),
        (CROSS_ENCODER, labelled(), "binary-cross-entropy"),
        (CROSS_ENCODER, listed(), "binary-cross-entropy"),
        (CROSS_ENCODER, triplets(), "binary-cross-entropy"),
        (ENCODER, margins(), "margin-mse"),
        (ENCODER, scored_tuples(), "distill-kl-div"),
        (ENCODER, classed(), "batch-hard-soft-margin-triplet"),
        (CROSS_ENCODER, margins(), "margin-mse"),
        (CROSS_ENCODER, scored_tuples(), "margin-mse"),
        (CROSS_ENCODER, triplets().drop("negative"), "multiple-negatives-ranking"),
    ],
)
def test_auto_chooses_by_kind_and_shape_and_says_so(kind: TrainedKind, corpus: pl.DataFrame, name: str):
    choice = choose_loss(corpus, "auto", kind)
    assert choice.loss.name == name
    assert name in choice.sentence
    assert choice.shape.name in choice.sentence


def test_named_loss_reads_the_shape_it_learns_from_when_the_corpus_fits_several():
    both = scored().with_columns(label=pl.lit(1))
    assert choose_loss(both, "auto", ENCODER).shape.name == "scored pair"
    assert choose_loss(both, "contrastive", ENCODER).shape.name == "labelled pair"


def test_loss_that_does_not_fit_the_corpus_is_refused_with_those_that_do():
    with pytest.raises(
        FrameError, match=r"the triplet loss learns from triplet: .*; losses for this corpus: softmax, and convert-nli"
    ):
        choose_loss(nli(), "triplet", ENCODER)
    with pytest.raises(FrameError, match="losses for this corpus: cross-entropy, and convert-nli --to binary"):
        choose_loss(nli(), "binary-cross-entropy", CROSS_ENCODER)


def test_corpus_that_no_loss_of_the_kind_learns_from_is_refused_with_what_to_do():
    with pytest.raises(FrameError, match="the shape labelled text, from which no cross-encoder can learn; pair-texts"):
        choose_loss(classed(), "auto", CROSS_ENCODER)
    with pytest.raises(FrameError, match=r"the shape text, for which no loss is chosen; name one with --loss: .*mse"):
        choose_loss(texts(), "auto", ENCODER)
    with pytest.raises(FrameError, match="the shape labelled list, from which no encoder can learn; --kind cross-enc"):
        choose_loss(listed(), "auto", ENCODER)
    with pytest.raises(FrameError, match="fit no wanted shape"):
        choose_loss(pl.DataFrame({"word": ["a"]}), "auto", CROSS_ENCODER)


def test_cached_form_is_refused_for_a_static_model():
    with pytest.raises(ModelError, match=r"potion: the cached-multiple-negatives-ranking loss cannot train a static"):
        check_fit(
            _encoder_loss("cached-multiple-negatives-ranking"), BaseKind.STATIC, "potion", rows=100, batch_size=32
        )
    check_fit(_encoder_loss("cached-multiple-negatives-ranking"), BaseKind.TRANSFORMER, "bert", rows=100, batch_size=32)


def test_losses_with_negatives_from_the_batch_want_a_whole_batch():
    mnr = _encoder_loss("multiple-negatives-ranking")
    with pytest.raises(FrameError, match=r"20 rows, fewer than one batch of 32.*--batch-size 20\."):
        check_fit(mnr, BaseKind.STATIC, "m", rows=20, batch_size=32)
    with pytest.raises(OptionsError, match="batch_size=1"):
        check_fit(mnr, BaseKind.STATIC, "m", rows=20, batch_size=1)
    check_fit(_encoder_loss("cosine-similarity"), BaseKind.STATIC, "m", rows=20, batch_size=32)
