from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.engines.encoders import load_encoder
from pairforge.errors import ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec, Side
from pairforge.training.bases import side_kinds
from pairforge.training.kinds import BaseKind, TrainedKind
from pairforge.training.options import TrainOptions
from pairforge.training.train import train
from tests.training.runs import note_of
from tests.training.tiny import CORPORA, scored, spec_of, triplets

TEXTS = ["a cat sleeps", "one dog that runs"]


def options(**given: object) -> TrainOptions:
    return TrainOptions.model_validate({"batch_size": 8, "max_steps": 3, "sides": "two", **given})


def vectors(folder: Path, side: Side) -> np.ndarray:
    return load_encoder(spec_of(folder)).encode(TEXTS, side)


@pytest.fixture(scope="module")
def mixed(static_base: ModelSpec, transformer_base: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static encoder of queries beside a transformer of documents."""
    folder = tmp_path_factory.mktemp("mixed") / "model"
    return train(triplets(), base=static_base, document_model=transformer_base, options=options(), output=folder)


def test_each_side_learns_for_itself_and_plain_sentence_transformers_gives_the_same_vectors(
    transformer_base: ModelSpec, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = train(triplets(), base=transformer_base, options=options(learning_rate=0.01), output=tmp_path / "m")
    plain = SentenceTransformer(str(folder), device="cpu")
    queries, documents = vectors(folder, Side.QUERY), vectors(folder, Side.DOCUMENT)
    np.testing.assert_allclose(queries, plain.encode_query(TEXTS), atol=1e-5)
    np.testing.assert_allclose(documents, plain.encode_document(TEXTS), atol=1e-5)
    assert np.abs(queries - documents).max() > 0.01


def test_static_queries_stand_beside_a_transformer_in_its_dimension(mixed: Path) -> None:
    assert side_kinds(spec_of(mixed), TrainedKind.ENCODER) == (BaseKind.STATIC, BaseKind.TRANSFORMER)
    assert vectors(mixed, Side.QUERY).shape == vectors(mixed, Side.DOCUMENT).shape == (2, 16)


def test_map_to_the_dimension_of_documents_is_told(
    static_base: ModelSpec, transformer_base: ModelSpec, tmp_path: Path
) -> None:
    context = StepContext()
    train(triplets(), base=static_base, document_model=transformer_base, options=options(), context=context,
          output=tmp_path / "m")  # fmt: skip
    assert note_of(context, "queries have 8 dimensions and documents 16")


def test_static_side_moves_at_a_rate_of_its_own(mixed: Path, static_base: ModelSpec) -> None:
    from sentence_transformers import SentenceTransformer

    before = SentenceTransformer(str(static_base.path), device="cpu")[0].embedding.weight
    after = SentenceTransformer(str(mixed), device="cpu")[0].sub_modules["query"][0].embedding.weight
    assert float((after - before).detach().abs().max()) > 0.05  # at a transformer's rate, 2e-5, it would hardly move


def test_model_of_two_sides_is_trained_on(mixed: Path, tmp_path: Path) -> None:
    dev = scored()
    given = options(sides=None, learning_rate=0.01, max_length=12, eval_steps=3)
    folder = train(triplets(), dev, base=spec_of(mixed), options=given, output=tmp_path / "m")
    assert set(side_kinds(spec_of(folder), TrainedKind.ENCODER)) == {BaseKind.STATIC, BaseKind.TRANSFORMER}
    assert np.abs(vectors(folder, Side.DOCUMENT) - vectors(mixed, Side.DOCUMENT)).max() > 1e-3


def test_sides_that_do_not_fit_the_models_are_refused(
    mixed: Path, static_base: ModelSpec, transformer_base: ModelSpec
) -> None:
    def refused(base: ModelSpec, document_model: ModelSpec | None = None, **given: object) -> str:
        with pytest.raises((OptionsError, ModelError)) as fault:
            train(triplets(), base=base, document_model=document_model, options=options(**given))
        return str(fault.value)

    two = spec_of(mixed)
    assert "sides is one, but" in refused(two, sides="one")
    assert "but not --sides two" in refused(static_base, transformer_base, sides=None)
    assert "has one of its own; omit it" in refused(two, transformer_base)
    assert "has two sides itself" in refused(static_base, two)
    assert "cannot train a static model" in refused(transformer_base, static_base, loss="cached-mnr")
    assert "cannot train a static model" in refused(two, loss="cached-mnr", sides=None)


def test_mining_asks_each_side_for_its_vectors(mixed: Path) -> None:
    from pairforge.steps.mine_negatives import MineNegativesOptions, mine_negatives

    pairs = triplets().drop("negative")
    mined = mine_negatives(pairs, encoder=load_encoder(spec_of(mixed)), options=MineNegativesOptions(num_negatives=1))
    assert not mined.filter(pl.col("negative_1") == pl.col("positive")).height


@pytest.mark.parametrize(("shape", "loss"), [("text", "mlm"), ("denoising", "tsdae"), ("labelled text", "batch-hard")])
def test_corpus_of_one_text_a_row_is_refused_for_two_sides(shape: str, loss: str, transformer_base: ModelSpec) -> None:
    with pytest.raises(OptionsError, match="corpus: holds one text a row, from which the encoder of queries alone"):
        train(CORPORA[shape](), base=transformer_base, options=options(loss=loss))


@pytest.mark.model
def test_two_sides_learn_alike_in_two_processes(transformer_base: ModelSpec, tmp_path: Path) -> None:
    """Each process's wrapper sees a side pass by while the other reads, and its pooler unused at all."""
    base = spec_of(transformer_base.path, device="cpu")
    folder = train(triplets(), base=base, options=options(processes=2, learning_rate=0.01), output=tmp_path / "m")
    before = load_encoder(base).encode(TEXTS, Side.QUERY)
    for side in (Side.QUERY, Side.DOCUMENT):
        assert np.abs(vectors(folder, side) - before).max() > 0.01
