import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.images import open_image
from pairforge.errors import MissingExtraError, ModelError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import ModelSpec
from pairforge.training.init_model import STEP, _texts, init_model
from pairforge.training.options import InitModelOptions
from tests.training.images import coloured_images
from tests.training.tiny import spec_of, triplets


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("kind", ["static", "transformer", "image-text"])
@pytest.mark.parametrize("tokenizer_from", ["model", "corpus"])
def test_equal_seeds_give_equal_files(kind: str, tokenizer_from: str, static_base: ModelSpec):
    def fresh(seed: int) -> dict[str, bytes]:
        options = InitModelOptions(
            kind=kind, dimension=8, layers=1, heads=2, seed=seed, tokenizer_from=tokenizer_from, vocabulary_size=100
        )  # fmt: skip
        if tokenizer_from == "model":
            return contents(init_model(tokenizer=static_base, options=options))
        return contents(init_model(triplets(), options=options))

    assert fresh(1) == fresh(1)
    assert fresh(1) != fresh(2)


@pytest.mark.parametrize("kind", ["static", "transformer", "image-text"])
def test_model_loads_with_sentence_transformers_and_tells_texts_apart(kind: str, tmp_path: Path):
    from sentence_transformers import SentenceTransformer

    options = InitModelOptions(kind=kind, dimension=12, heads=3, tokenizer_from="corpus", vocabulary_size=120)
    context = StepContext(workspace=tmp_path)
    folder = init_model(triplets(), options=options, context=context)
    assert folder.is_relative_to(tmp_path)
    model = SentenceTransformer(str(folder), device="cpu")
    vectors = model.encode(["a cat sleeps", "A CAT SLEEPS", "one dog that runs"])
    assert vectors.shape == (3, 12)
    assert np.allclose(vectors[0], vectors[1])
    assert not np.allclose(vectors[0], vectors[2])
    assert context.ledger.counts["weights"] == sum(weights.numel() for weights in model.parameters())


def test_static_vectors_are_normal_and_texts_are_read_whole_unless_told_otherwise(static_base: ModelSpec):
    from sentence_transformers import SentenceTransformer

    long_text = " ".join(f"cat{i}" for i in range(300))

    def first_module(**options: int) -> tuple[object, int]:
        fresh = InitModelOptions(kind="static", dimension=64, **options)
        model = SentenceTransformer(str(init_model(tokenizer=static_base, options=fresh)), device="cpu")
        return model[0], len(model.preprocess([long_text])["input_ids"])

    module, length = first_module()
    weights = module.embedding.weight.detach().numpy()
    assert abs(weights.mean()) < 0.05
    assert abs(weights.std() - 1) < 0.05
    assert length >= 300
    assert first_module(max_length=10)[1] == 10


def test_transformer_cuts_texts_at_its_length(static_base: ModelSpec):
    from sentence_transformers import SentenceTransformer

    options = InitModelOptions(kind="transformer", dimension=8, heads=2, layers=1, max_length=7, pooling="cls")
    model = SentenceTransformer(str(init_model(tokenizer=static_base, options=options)), device="cpu")
    assert model.max_seq_length == 7
    assert model.encode(["cat " * 50]).shape == (1, 8)
    assert model[1].pooling_mode == "cls"


def test_a_model_of_images_reads_captions_and_sees_what_is_in_pictures():
    from sentence_transformers import SentenceTransformer

    images = coloured_images()
    settings = {"dimension": 12, "heads": 3, "image_size": 16, "patch_size": 4, "max_length": 9}
    options = InitModelOptions.model_validate(
        {"kind": "image-text", "tokenizer_from": "corpus", "vocabulary_size": 120, **settings}
    )
    folder = init_model(images, options=options)
    assert ModelConfiguration(folder).sees_images
    model = SentenceTransformer(str(folder), device="cpu")
    assert model.max_seq_length == 9
    pictures = model.encode([open_image(content) for content in images["image"]])
    captions = model.encode(images["caption"].to_list())
    assert pictures.shape == captions.shape == (12, 12)
    for vectors in (pictures, captions):
        assert len(np.unique(vectors.round(4), axis=0)) == 12


def test_a_model_of_images_needs_pillow_and_patches_that_tile(monkeypatch: pytest.MonkeyPatch):
    options = InitModelOptions(kind="image-text", tokenizer_from="corpus", vocabulary_size=120)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"a model of images needs: pip install 'pairforge\[images\]'"):
        init_model(triplets(), options=options)
    with pytest.raises(OptionsError, match="image_size=30 is no multiple of patch_size=8; change one of them"):
        InitModelOptions(kind="image-text", image_size=30)
    with pytest.raises(OptionsError, match="dimension=64 is no multiple of heads=5"):
        InitModelOptions(kind="image-text", heads=5)


def test_tokenizer_is_trained_on_every_text_column_of_the_shape():
    from tokenizers import Tokenizer

    corpus = pl.DataFrame({"anchor": ["aaa"], "positive": ["bbb"], "negative": ["ccc"], "topic": ["zzz"]})
    options = InitModelOptions(kind="static", dimension=4, tokenizer_from="corpus", vocabulary_size=100)
    folder = init_model(corpus, options=options)
    pieces = set(Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab())
    assert {"aaa", "bbb", "ccc"} <= pieces
    assert "z" not in pieces


def test_nli_labels_in_words_are_no_texts_of_the_corpus():
    nli = pl.DataFrame({"premise": ["a cat"], "hypothesis": ["a dog"], "label": ["entailment"]})
    assert _texts(nli) == ["a cat", "a dog"]


def test_corpus_and_tokenizer_must_be_where_the_options_say(static_base: ModelSpec, tmp_path: Path):
    from_model = InitModelOptions(kind="static")
    from_corpus = InitModelOptions(kind="static", tokenizer_from="corpus")
    with pytest.raises(OptionsError, match="say --tokenizer-from corpus"):
        init_model(triplets(), tokenizer=static_base, options=from_model)
    with pytest.raises(OptionsError, match="name one with --tokenizer"):
        init_model(options=from_model)
    with pytest.raises(OptionsError, match="name a file with --corpus"):
        init_model(options=from_corpus)
    with pytest.raises(ModelError, match=r"holds no tokenizer\.json"):
        init_model(tokenizer=spec_of(tmp_path), options=from_model)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be read as a tokenizer"):
        init_model(tokenizer=spec_of(tmp_path), options=from_model)
    with pytest.raises(OptionsError, match="exists; name another output"):
        init_model(tokenizer=static_base, options=from_model, output=tmp_path)


def test_tokenizer_model_is_needed_only_when_its_tokenizer_is_taken():
    needed = STEP.models["tokenizer"].needed
    assert needed(InitModelOptions(kind="static"))
    assert not needed(InitModelOptions(kind="static", tokenizer_from="corpus"))
