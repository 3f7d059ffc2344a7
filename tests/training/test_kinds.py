"""What each kind of model does beyond what the table of losses tries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from pairforge.engines.classification_heads import ClassificationHead
from pairforge.engines.encoders import load_encoder
from pairforge.errors import FrameError, ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.frames import IMAGE_TEXT
from pairforge.models import ModelSpec
from pairforge.training.kinds import TrainedKind
from pairforge.training.losses import losses_of
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from tests.training.images import coloured_images
from tests.training.runs import note_of, stopping_after, weights_digest
from tests.training.tiny import CORPORA, classed, scored, spec_of, triplets

BASES: Mapping[TrainedKind, str] = {
    kind: "image_text_base" if kind is TrainedKind.IMAGE_TEXT else "transformer_base" for kind in TrainedKind
}
DEV: Mapping[TrainedKind, tuple[pl.DataFrame, str]] = {
    TrainedKind.SPARSE_ENCODER: (scored(), "Spearman of the similarity"),
    TrainedKind.LATE_INTERACTION: (scored(), "Spearman of MaxSim"),
    TrainedKind.CLASSIFIER: (classed(), "accuracy"),
}


def options(kind: TrainedKind, **given: object) -> TrainOptions:
    settings = {"kind": kind.value, "batch_size": 8, "max_steps": 6, "learning_rate": 0.01}
    return TrainOptions.model_validate({**settings, **given})


@pytest.mark.parametrize("kind", TrainedKind)
def test_killed_and_resumed_training_ends_with_the_same_weights(
    kind: TrainedKind, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    base, loss = request.getfixturevalue(BASES[kind]), losses_of(kind)[0]
    corpus = CORPORA[loss.shapes[0].name]()
    given = options(kind, loss=loss.name, save_steps=2, max_steps=5)
    whole = train(corpus, base=base, options=given, output=tmp_path / "whole")
    context = StepContext(workspace=tmp_path / "work", progress=stopping_after(3))
    with pytest.raises(KeyboardInterrupt):
        train(corpus, base=base, options=given, context=context)
    resumed = train(corpus, base=base, options=given, context=StepContext(workspace=tmp_path / "work"))
    assert weights_digest(resumed) == weights_digest(whole)


@pytest.mark.parametrize("kind", DEV)
def test_dev_rows_choose_the_best_step_by_the_measure_of_the_kind(
    kind: TrainedKind, transformer_base: ModelSpec, tmp_path: Path
) -> None:
    dev, measure = DEV[kind]
    context = StepContext()
    corpus = CORPORA[losses_of(kind)[0].shapes[0].name]()
    train(corpus, dev, base=transformer_base, options=options(kind), context=context, output=tmp_path / "m")
    assert f"the best on the dev rows: {measure} " in note_of(context, "kept step")


def test_pooling_is_replaced_and_the_bases_own_is_kept_without(transformer_base: ModelSpec, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    def pooling(**given: object) -> str:
        number = len(list(tmp_path.iterdir()))
        folder = train(triplets(), base=transformer_base, output=tmp_path / str(number),
                       options=options(TrainedKind.ENCODER, max_steps=1, **given))  # fmt: skip
        return SentenceTransformer(str(folder), device="cpu")[1].pooling_mode

    assert pooling() == "mean"
    assert pooling(pooling="last-token") == "lasttoken"
    assert pooling(pooling="weighted-mean") == "weightedmean"


def test_pooling_is_refused_where_nothing_is_pooled(static_base: ModelSpec, transformer_base: ModelSpec) -> None:
    with pytest.raises(OptionsError, match="a static model, whose vectors are always averaged"):
        train(triplets(), base=static_base, options=options(TrainedKind.ENCODER, pooling="cls"))
    with pytest.raises(ValidationError, match="pooling is given, but late-interaction has none"):
        options(TrainedKind.LATE_INTERACTION, pooling="cls")
    with pytest.raises(ValidationError, match="it is for kind sparse-encoder"):
        options(TrainedKind.ENCODER, query_regularizer=0.1)
    with pytest.raises(ValidationError, match="sides is given, but classifier has none"):
        options(TrainedKind.CLASSIFIER, sides="two")


def test_prompts_are_refused_where_none_is_read(image_text_base: ModelSpec) -> None:
    asked = spec_of(Path(image_text_base.name), query_prompt="query: ")
    with pytest.raises(OptionsError, match="an image-text model reads captions as they are, without any; omit it"):
        train(coloured_images(), base=asked, options=options(TrainedKind.IMAGE_TEXT))


def test_fresh_parts_of_a_model_are_told(transformer_base: ModelSpec, tmp_path: Path) -> None:
    for kind, words in (
        (TrainedKind.SPARSE_ENCODER, "no head of a masked language model: a fresh one is trained"),
        (TrainedKind.LATE_INTERACTION, "go through a linear map, 16 to 128 dimensions"),
    ):
        context = StepContext()
        train(triplets(), base=transformer_base, options=options(kind, max_steps=1), context=context,
              output=tmp_path / kind)  # fmt: skip
        assert any(words in note for note in context.ledger.notes)


def test_stronger_regularizer_leaves_fewer_words(transformer_base: ModelSpec, tmp_path: Path) -> None:
    from sentence_transformers import SparseEncoder

    def words(weight: float) -> int:
        given = options(TrainedKind.SPARSE_ENCODER, max_steps=40, document_regularizer=weight, query_regularizer=weight)
        folder = train(triplets(), base=transformer_base, options=given, output=tmp_path / str(weight))
        model = SparseEncoder(str(folder), device="cpu")
        return int((model.encode_document(["a cat sleeps", "no fish"]).to_dense() > 0.01).sum())

    assert words(3.0) < words(0.0)


def test_sparse_and_late_models_are_trained_on_and_are_no_encoders(transformer_base: ModelSpec, tmp_path: Path) -> None:
    for kind, words in (
        (TrainedKind.SPARSE_ENCODER, "is a sparse encoder, but an encoder is wanted"),
        (TrainedKind.LATE_INTERACTION, "is a late-interaction model, but an encoder is wanted"),
    ):
        given = options(kind, max_steps=1, max_length=12)
        first = train(triplets(), base=transformer_base, options=given, output=tmp_path / f"{kind}-1")
        context = StepContext()
        train(triplets(), base=spec_of(first), options=given, context=context, output=tmp_path / f"{kind}-2")
        assert not any("fresh" in note or "linear map" in note for note in context.ledger.notes)
        with pytest.raises(ModelError, match=words):
            load_encoder(spec_of(first))


def test_classifier_tells_the_classes_that_it_learnt_and_its_head_is_trained_on(
    transformer_base: ModelSpec, tmp_path: Path
) -> None:
    from pairforge.steps.classify_texts import classify_texts

    given = options(TrainedKind.CLASSIFIER, max_steps=150)
    folder = train(classed(), classed(), base=transformer_base, options=given, output=tmp_path / "m")
    texts = classed()
    context = StepContext(cache=tmp_path / "cache")
    told = classify_texts(texts.select("text"), encoder=load_encoder(spec_of(folder)), context=context)
    assert (told["label"] == texts["label"]).mean() > 0.9
    again = train(classed(), base=spec_of(folder), options=options(TrainedKind.CLASSIFIER, max_steps=3),
                  output=tmp_path / "again")  # fmt: skip
    before, after = (ClassificationHead.load(each) for each in (folder, again))
    assert before.classes == after.classes == tuple(sorted(set(texts["label"])))
    assert 0 < np.abs(before.weight - after.weight).max() < 0.2


def test_head_learns_faster_from_vectors_of_length_one(transformer_base: ModelSpec, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize

    plain = SentenceTransformer(str(transformer_base.path), device="cpu")
    unit = SentenceTransformer(modules=[*plain.children(), Normalize()], device="cpu")
    unit.save_pretrained(str(tmp_path / "unit"), create_model_card=False)
    given = options(TrainedKind.CLASSIFIER, max_steps=4, learning_rate=None)
    reached = [
        np.abs(ClassificationHead.load(train(classed(), base=base, options=given)).weight).max()
        for base in (spec_of(tmp_path / "unit"), transformer_base)
    ]
    assert reached[0] > 1.3 * reached[1] > 0


def test_classes_that_cannot_be_learnt_are_refused(transformer_base: ModelSpec) -> None:
    given = options(TrainedKind.CLASSIFIER)
    with pytest.raises(FrameError, match="its label is 'cat' in every row"):
        train(classed().filter(label="cat"), base=transformer_base, options=given)
    with pytest.raises(FrameError, match="dev: has the class 'whale', which no row of the corpus has"):
        train(classed(), classed().with_columns(label=pl.lit("whale")), base=transformer_base, options=given)
    with pytest.raises(OptionsError, match="2 corpora are given, but a classifier has one head"):
        train([classed(), classed()], base=transformer_base, options=given)
    with pytest.raises(FrameError, match="from which no classifier can learn; give texts with the names"):
        train(triplets(), base=transformer_base, options=given)


def _as_structs(images: pl.DataFrame, folder: Path) -> pl.DataFrame:
    return images.with_columns(image=pl.struct(bytes="image", path=pl.lit(None, dtype=pl.String)))


def _as_files(images: pl.DataFrame, folder: Path) -> pl.DataFrame:
    paths = [folder / f"{row}.png" for row in range(images.height)]
    for path, content in zip(paths, images["image"], strict=True):
        path.write_bytes(content)
    return images.with_columns(image=pl.Series([str(path) for path in paths]))


def test_images_are_the_same_from_bytes_structs_and_files(image_text_base: ModelSpec, tmp_path: Path) -> None:
    given = options(TrainedKind.IMAGE_TEXT, max_steps=2)
    forms: list[Any] = [lambda images, folder: images, _as_structs, _as_files]
    digests = set()
    for number, form in enumerate(forms):
        corpus = form(coloured_images(), tmp_path)
        digests.add(weights_digest(train(corpus, base=image_text_base, options=given, output=tmp_path / str(number))))
    assert len(digests) == 1


def test_captions_of_its_images_are_found_after_training(image_text_base: ModelSpec, tmp_path: Path) -> None:
    images, context = coloured_images(), StepContext()
    given = options(TrainedKind.IMAGE_TEXT, max_steps=120, eval_steps=120, batch_size=12, learning_rate=0.003)
    train(images, images, base=image_text_base, options=given, context=context, output=tmp_path / "m")
    note = note_of(context, "kept step")
    start, best = (
        float(note.split(words)[1].split()[0].rstrip(";")) for words in ("the start had ", "reciprocal rank ")
    )
    assert best > max(0.8, start)


def test_what_is_no_image_is_refused_before_a_model_is_loaded(image_text_base: ModelSpec, tmp_path: Path) -> None:
    given = options(TrainedKind.IMAGE_TEXT)
    rows = coloured_images()
    broken = rows.with_columns(image=pl.when(pl.int_range(pl.len()) == 2).then(pl.lit(b"no")).otherwise("image"))
    with pytest.raises(FrameError, match=r"the image of row 3 cannot be opened \(it: no picture of a known format\)"):
        train(broken, base=image_text_base, options=given)
    absent = pl.DataFrame({"image": ["absent.png"], "caption": ["a cat"]})
    with pytest.raises(FrameError, match=r"row 1 cannot be opened \('absent.png': No such file"):
        train(absent, base=image_text_base, options=given)
    with pytest.raises(FrameError, match="should hold images"):
        IMAGE_TEXT.check(pl.DataFrame({"image": [1], "caption": ["a cat"]}), "corpus")
