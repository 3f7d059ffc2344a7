from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.engines.encoders import load_encoder
from pairforge.engines.lexical import Bm25Matcher
from pairforge.engines.loading import load
from pairforge.errors import FrameError, ModelError
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.retrieval.of_pairs import read_pairs_as_retrieval_set
from pairforge.execution.step import StepContext
from pairforge.model_files import resolve
from pairforge.models import Encoder, ImageEncoder, ModelKind, ModelRequest, Side
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.fakes import LetterEncoder, OverlapScorer
from tests.training.images import coloured_images, save_tiny_clip


def _written(folder: Path, rows: pl.DataFrame, name: str = "images.parquet") -> str:
    rows.write_parquet(folder / name)
    return str(folder / name)


def _options(source: str, **settings: object) -> EvaluateOptions:
    return EvaluateOptions.model_validate({"task": (f"retrieval:{source}",), "bootstrap_samples": 100, **settings})


def _loaded(folder: Path) -> Encoder:
    return load_encoder(resolve(ModelRequest(name=str(folder), device="cpu"), ModelKind.ENCODER))


@pytest.fixture(scope="module")
def sighted(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """A CLIP with random weights."""
    settings = {"dimension": 16, "heads": 2, "layers": 1, "image_size": 16, "patch_size": 4}
    options = InitModelOptions.model_validate(
        {"kind": "image-text", "tokenizer_from": "corpus", "vocabulary_size": 120, **settings}
    )
    return _loaded(init_model(coloured_images(), options=options, output=tmp_path_factory.mktemp("clip") / "m"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """A CLIP as transformers saves one."""
    folder = tmp_path_factory.mktemp("plain")
    save_tiny_clip(folder)
    return _loaded(folder)


@pytest.mark.parametrize("kind", ["sighted", "plain"])
def test_vectors_of_images_and_captions_are_those_of_sentence_transformers(
    kind: str, request: pytest.FixtureRequest
) -> None:
    from sentence_transformers import SentenceTransformer

    from pairforge.engines.images import open_image

    encoder, images = request.getfixturevalue(kind), coloured_images()
    model = SentenceTransformer(str(encoder.spec.path), device="cpu")
    assert isinstance(encoder, ImageEncoder)
    seen = encoder.encode_images(images["image"].to_list())
    assert np.allclose(seen, model.encode([open_image(image) for image in images["image"]]), atol=1e-5)
    captions = images["caption"].to_list()
    assert np.allclose(encoder.encode(captions, Side.DOCUMENT), model.encode(captions), atol=1e-5)


@pytest.mark.parametrize("kind", ["sighted", "plain"])
def test_each_image_seeks_its_caption_and_the_rows_order_counts_for_nothing(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    encoder, images = request.getfixturevalue(kind), coloured_images()
    assert isinstance(encoder, ImageEncoder)
    seen = encoder.encode_images(images["image"].to_list())
    texts = encoder.encode(images["caption"].to_list(), Side.DOCUMENT)
    cosines = (seen @ texts.T) / np.linalg.norm(seen, axis=1)[:, None] / np.linalg.norm(texts, axis=1)
    ranks = (cosines >= np.diag(cosines)[:, None]).sum(axis=1)
    context = StepContext()
    found = evaluate([encoder], options=_options(_written(tmp_path, images)), context=context).tasks[0]
    metrics = found.models[0].metrics
    assert (found.items, found.rows, context.ledger.counts["images evaluated"]) == ("images", 12, 12)
    assert metrics["mrr@100"].value == pytest.approx(np.mean(1 / ranks), abs=1e-6)
    assert metrics["recall@3"].value == pytest.approx(np.mean(ranks <= 3), abs=1e-6)
    assert metrics["mrr@100"].low < metrics["mrr@100"].high
    turned = _options(_written(tmp_path, images.reverse(), "turned.parquet"))
    assert evaluate([encoder], options=turned).tasks[0].models[0].metrics == metrics


def test_two_models_of_images_are_compared_on_the_same_resamples(
    sighted: Encoder, plain: Encoder, tmp_path: Path
) -> None:
    options = _options(_written(tmp_path, coloured_images()), dims=(16, 8), precision=("float32", "int8"))
    found = evaluate([sighted, plain], options=options).tasks[0]
    names = [model.model.removeprefix(str(sighted.spec.path)) for model in found.models[:4]]
    assert names == ["", " @16 int8", " @8 float32", " @8 int8"]
    (difference,) = [
        one
        for one in found.differences
        if (one.baseline, one.model, one.metric) == (sighted.spec.name, plain.spec.name, "mrr@10")
    ]
    ours, theirs = (found.models[place].metrics["mrr@10"].value for place in (4, 0))
    assert difference.value == pytest.approx(ours - theirs, abs=1e-5)


def test_equal_captions_are_one_document_and_equal_images_one_query(tmp_path: Path) -> None:
    images = coloured_images().head(3)
    captions = ["a shape", "a shape", "a bar", "a thin shape"]
    rows = pl.DataFrame({"image": [*images["image"], images["image"][2]], "caption": captions})
    found = read_pairs_as_retrieval_set(_written(tmp_path, rows))
    assert sorted(found.documents["text"]) == ["a bar", "a shape", "a thin shape"]
    assert found.queries.height == 3
    (bar,) = found.queries.filter(image=images["image"][2])["query_id"]
    assert found.judgements.filter(query_id=bar)["doc_id"].to_list() == ["a bar", "a thin shape"]
    assert found.guesses[-1].endswith("3 images seek their captions among 3")
    structs = rows.with_columns(image=pl.struct(bytes="image", path=pl.lit(None, dtype=pl.String)))
    assert read_pairs_as_retrieval_set(_written(tmp_path, structs, "structs.parquet")).judgements.equals(
        found.judgements
    )


def test_images_of_files_and_columns_of_other_names_are_read(sighted: Encoder, tmp_path: Path) -> None:
    images = coloured_images()
    for row, content in enumerate(images["image"]):
        (tmp_path / f"{row}.png").write_bytes(content)
    paths = [str(tmp_path / f"{row}.png") for row in range(images.height)]
    rows = pl.DataFrame({"file": paths, "said": images["caption"], "text": "nothing"})
    named = _options(_written(tmp_path, rows, "named.parquet"), image_column="file", caption_column="said")
    found, same = (
        evaluate([sighted], options=options).tasks[0].models[0].metrics
        for options in (named, _options(_written(tmp_path, images)))
    )
    assert found == same


def test_captions_may_be_sought_among_more_texts(tmp_path: Path) -> None:
    more = _written(tmp_path, pl.DataFrame({"text": ["a cat", "a red bar"]}), "more.parquet")
    found = read_pairs_as_retrieval_set(_written(tmp_path, coloured_images()), [more])
    assert found.documents.height == 13


def test_a_model_that_sees_no_images_is_refused_in_a_sentence(tmp_path: Path) -> None:
    options = _options(_written(tmp_path, coloured_images()))
    bm25 = load(resolve(ModelRequest(name="bm25"), ModelKind.JUDGED))
    assert isinstance(bm25, Bm25Matcher)
    for model in (LetterEncoder(), OverlapScorer(), bm25):
        with pytest.raises(
            ModelError, match=rf"^{model.spec.name}: sees no images; .*name a model of images and texts"
        ):
            evaluate([model], options=options)


def test_what_holds_no_images_or_too_few_is_named(tmp_path: Path) -> None:
    broken = coloured_images().head(3).with_columns(image=pl.Series([coloured_images()["image"][0], b"no", b"no"]))
    with pytest.raises(FrameError, match=r"no\.parquet: the image of row 2 cannot be opened"):
        read_pairs_as_retrieval_set(_written(tmp_path, broken, "no.parquet"))
    with pytest.raises(FrameError, match=r"one\.parquet: a search needs two images or more that differ"):
        read_pairs_as_retrieval_set(_written(tmp_path, coloured_images().head(1), "one.parquet"))
    alike = coloured_images().with_columns(caption=pl.lit("a shape"))
    with pytest.raises(FrameError, match=r"alike\.parquet: a search needs two captions or other documents or more"):
        read_pairs_as_retrieval_set(_written(tmp_path, alike, "alike.parquet"))
