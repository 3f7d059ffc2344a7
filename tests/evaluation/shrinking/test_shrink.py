"""Smaller vectors and smaller models, of tiny real models."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.engines.encoders import load_encoder
from pairforge.errors import ModelError, OptionsError
from pairforge.evaluation.shrinking.shrink import SIZES, ShrinkOptions, shrink
from pairforge.execution.step import StepContext
from pairforge.models import Encoder, Side
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.training.tiny import scored, spec_of, triplets

TEXTS = ["a cat sleeps", "one dog", "no fish at all"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Encoder]:
    made = {}
    for kind in ("static", "transformer"):
        folder = tmp_path_factory.mktemp(kind) / "model"
        size = {"layers": 1, "heads": 2, "max_length": 16} if kind == "transformer" else {}
        options = InitModelOptions.model_validate(
            {"kind": kind, "dimension": 16, "tokenizer_from": "corpus", "vocabulary_size": 100, **size}
        )
        made[kind] = load_encoder(spec_of(init_model(triplets(), options=options, output=folder)))
    return made


def pairs() -> pl.DataFrame:
    return triplets().drop("negative")


def test_table_has_every_form_the_model_as_it_is_first(models: dict[str, Encoder]):
    context = StepContext()
    sizes = shrink(
        pairs(), encoder=models["static"], options=ShrinkOptions(dimension=(16, 4), oversampling=1), context=context
    )["sizes"]
    assert isinstance(sizes, pl.DataFrame)
    assert SIZES.check(sizes, "sizes").height == 1 + 5 + 6
    first = sizes.row(0, named=True)
    assert (first["dimension"], first["precision"], first["bytes"], first["share"]) == (16, "float32", 64, 1.0)
    assert first["difference"] == first["difference_low"] == first["difference_high"] == 0
    assert first["weights_bytes"] == (models["static"].spec.path / "model.safetensors").stat().st_size
    assert (sizes["difference_low"] <= sizes["difference"]).all()
    assert (sizes["difference"] <= sizes["difference_high"]).all()
    assert context.ledger.notes[0].startswith("16 float32: 64 bytes, MRR@10 ")


def test_scored_pairs_are_judged_without_a_search(models: dict[str, Encoder]):
    sizes = shrink(scored(), encoder=models["static"], options=ShrinkOptions(dimension=(8,)))["sizes"]
    assert isinstance(sizes, pl.DataFrame)
    assert sizes["rescored"].null_count() == sizes.height == 4


@pytest.mark.parametrize("kind", ["static", "transformer"])
def test_cut_model_gives_the_first_numbers_in_plain_sentence_transformers(
    kind: str, models: dict[str, Encoder], tmp_path: Path
):
    from sentence_transformers import SentenceTransformer

    context = StepContext(workspace=tmp_path)
    cut = shrink(scored(), encoder=models[kind], options=ShrinkOptions(keep=5), context=context)["smaller"]
    plain = SentenceTransformer(str(cut), device="cpu")
    whole = models[kind].encode(TEXTS, Side.QUERY)
    np.testing.assert_allclose(plain.encode(TEXTS), whole[:, :5], atol=1e-6)
    assert plain.get_embedding_dimension() == 5


def test_vectors_of_length_one_are_brought_to_it_again(tmp_path: Path, models: dict[str, Encoder]):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize

    whole = SentenceTransformer(str(models["transformer"].spec.path), device="cpu")
    SentenceTransformer(modules=[*whole.children(), Normalize()], device="cpu").save_pretrained(str(tmp_path / "unit"))
    encoder = load_encoder(spec_of(tmp_path / "unit"))
    context = StepContext(workspace=tmp_path)
    cut = shrink(scored(), encoder=encoder, options=ShrinkOptions(keep=5), context=context)["smaller"]
    vectors = SentenceTransformer(str(cut), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_static_model_is_distilled_and_loads_in_plain_sentence_transformers(models: dict[str, Encoder], tmp_path: Path):
    from sentence_transformers import SentenceTransformer

    texts = pl.DataFrame({"text": [*triplets()["anchor"], *triplets()["positive"]]})
    results = shrink(
        scored(),
        texts,
        encoder=models["transformer"],
        options=ShrinkOptions(static_dimension=6),
        context=StepContext(workspace=tmp_path),
    )
    sizes, folder = results["sizes"], results["smaller"]
    assert isinstance(sizes, pl.DataFrame)
    assert set(sizes["model"]) == {"as it is", "static"}
    assert sizes.filter(model="static")["dimension"].max() == 6
    static = SentenceTransformer(str(folder), device="cpu")
    vectors = static.encode(TEXTS)
    assert vectors.shape == (3, 6)
    # What a text gives is the mean of its pieces: their order does not count, and rare pieces count more.
    np.testing.assert_allclose(static.encode(["one cat"]), static.encode(["cat one"]), atol=1e-6)
    lengths = np.linalg.norm(static.encode(["a", "cat"]), axis=1)
    assert lengths[0] < lengths[1]


@pytest.mark.parametrize(
    ("kind", "options", "error", "sentence"),
    [
        (
            "static",
            {"dimension": (99,)},
            OptionsError,
            "dimension=99 is given, but the vectors of .* have 16 numbers; lower",
        ),
        ("static", {"keep": 17}, OptionsError, "keep=17"),
        ("static", {"static_dimension": 8}, ModelError, "a transformer with a fast tokenizer was wanted"),
    ],
)
def test_what_cannot_be_is_refused(
    kind: str, options: dict[str, object], error: type[Exception], sentence: str, models: dict[str, Encoder]
):
    with pytest.raises(error, match=sentence):
        shrink(scored(), encoder=models[kind], options=ShrinkOptions.model_validate(options))


def test_more_numbers_than_the_static_model_has_cannot_be_kept():
    with pytest.raises(OptionsError, match="keep=9 is more than static_dimension=8, the static model's; lower it"):
        ShrinkOptions(keep=9, static_dimension=8)
