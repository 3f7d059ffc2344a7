from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pairforge import model_names
from pairforge.engines.loading import load
from pairforge.errors import ModelError
from pairforge.model_files import resolve
from pairforge.models import Encoder, ModelKind, ModelRequest, ModelSpec, TextMatcher

JUDGED, ENCODER = ModelKind.JUDGED, ModelKind.ENCODER


def _spec(name: str, kind: ModelKind = JUDGED, **request: object) -> ModelSpec:
    return resolve(ModelRequest.model_validate({"name": name, **request}), kind)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    (tmp_path / "vectors.txt").write_text("cat 1 0\ndog 0 1\n")
    return tmp_path / "vectors.txt"


def test_each_name_is_another_model(vectors: Path, transformer_model: Path, static_model: Path) -> None:
    names = [
        "bm25", "tfidf", f"words:{vectors}", str(transformer_model), f"cls:{transformer_model}",
        f"mean:{transformer_model}", f"last-token:{transformer_model}", f"cls:{static_model}", str(static_model),
    ]  # fmt: skip
    specs = [_spec(name) for name in names]
    assert [spec.name for spec in specs] == names
    assert len({spec.digest for spec in specs}) == len({spec.vector_identity for spec in specs}) == len(names)
    assert [spec.digest for spec in specs] == [_spec(name).digest for name in names]


def test_names_say_what_they_are(vectors: Path, transformer_model: Path) -> None:
    for name, protocol, kind in (
        ("bm25", TextMatcher, ModelKind.MATCHER),
        ("tfidf", TextMatcher, ModelKind.MATCHER),
        (f"words:{vectors}", Encoder, ENCODER),
        (f"cls:{transformer_model}", Encoder, ENCODER),
    ):
        model = load(_spec(name))
        assert isinstance(model, protocol)
        assert model.spec.kind is kind


def test_another_version_of_the_package_is_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _spec("bm25").digest
    monkeypatch.setattr(model_names, "version", lambda package: "9.9")
    assert _spec("bm25").digest != before


def test_settings_of_the_models_beside_it_make_no_other_model_of_it(vectors: Path) -> None:
    for name in ("bm25", "tfidf", f"words:{vectors}"):
        assert _spec(name).identity == _spec(name, query_prompt="query: ", dtype="bfloat16", revision="v2").identity


def test_a_folder_comes_first_only_where_it_is_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bm25").mkdir()
    assert (_spec("bm25").source, _spec("bm25").path) == ("built in", None)
    Path("bm25", "config.json").write_text("{}")
    assert (_spec("bm25").source, _spec("bm25").path, _spec("bm25").method) == ("folder", Path("bm25"), None)


def test_what_gives_no_vectors_is_refused_as_an_encoder() -> None:
    with pytest.raises(
        ModelError, match=r"^tfidf: compares texts by their words .* but an encoder is wanted\. Name one"
    ):
        _spec("tfidf", ENCODER)


@pytest.mark.parametrize("name", ["bm25", "words:vectors.txt", "cls:all-MiniLM-L6-v2"])
@pytest.mark.parametrize(
    ("kind", "wanted"),
    [(ModelKind.SCORER, "a cross-encoder is wanted"), (ModelKind.WEIGHTS, "a model folder with weights")],
)
def test_other_uses_are_refused(name: str, kind: ModelKind, wanted: str) -> None:
    with pytest.raises(ModelError, match=f"^{name}: {wanted}"):
        _spec(name, kind)


@pytest.mark.parametrize("name", ["bm25", "tfidf", "words"])
def test_a_length_for_what_reads_whole_texts_is_refused(name: str, vectors: Path) -> None:
    with pytest.raises(ModelError, match="reads whole texts, so that --max-length does not apply"):
        _spec(f"words:{vectors}" if name == "words" else name, max_length=8)


@pytest.mark.parametrize(
    ("name", "kind", "nearest"),
    [
        ("bm52", JUDGED, "bm25"),
        ("BM25", JUDGED, "bm25"),
        ("BM-25", JUDGED, "bm25"),
        ("tf-idf", JUDGED, "tfidf"),
        ("bm52", ENCODER, ""),
        ("word:vectors.txt", JUDGED, "words:vectors.txt"),
        ("lasttoken:all-MiniLM-L6-v2", ENCODER, "last-token:all-MiniLM-L6-v2"),
    ],
)
def test_a_mistyped_name_is_told_the_nearest(
    name: str, kind: ModelKind, nearest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as refused:
        _spec(name, kind)
    assert str(refused.value).partition(" Nearest: ")[2] == (f"{nearest}." if nearest else "")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("words:", "a file of word vectors is wanted behind the colon"),
        ("cls:", "a model is wanted behind the colon"),
        ("words:{folder}/vector.txt", r"is nothing of that name\. Nearest: .*vectors\.txt"),
        ("words:{folder}", "is a folder"),
        ("words:{folder}/none/x.txt", r"is nothing of that name\. Check the path"),
        ("cls:{folder}/none", "no such model folder"),
        ("cls:words:{folder}/vectors.txt", "token vectors are pooled of a model, but words:"),
        ("cls:bm25", "^bm25: compares texts by their words"),
    ],
)
def test_names_without_what_they_need_are_refused(name: str, fault: str, vectors: Path) -> None:
    with pytest.raises(ModelError, match=fault):
        _spec(name.format(folder=vectors.parent))


def test_word_vectors_and_pooled_models_serve_steps_that_want_an_encoder(
    vectors: Path, transformer_model: Path, tmp_path: Path
) -> None:
    import polars as pl

    from pairforge.execution.step import StepContext
    from pairforge.steps.mine_negatives import MineNegativesOptions, mine_negatives

    pairs = pl.DataFrame({"anchor": ["cat", "dog"], "positive": ["a cat", "the dog"]})
    options = MineNegativesOptions(num_negatives=1, relative_margin=0)
    for name in (f"words:{vectors}", f"cls:{transformer_model}"):
        encoder = load(_spec(name, ENCODER))
        assert isinstance(encoder, Encoder)
        mined = mine_negatives(pairs, encoder=encoder, options=options, context=StepContext(cache=tmp_path))
        assert mined["negative_1"].to_list() == ["the dog", "a cat"]


def test_what_goes_by_words_needs_no_torch(vectors: Path, transformer_model: Path) -> None:
    code = f"""
import sys
from pairforge.engines.loading import load
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest, Side
for name in ("bm25", "tfidf"):
    index = load(resolve(ModelRequest(name=name), ModelKind.JUDGED)).index(["a cat", "a dog"])
    assert index.scores(["cat"])[0, 0] > 0
encoder = load(resolve(ModelRequest(name="words:{vectors}"), ModelKind.JUDGED))
assert encoder.encode(["a dog"], Side.QUERY).tolist() == [[0, 1]]
load(resolve(ModelRequest(name="cls:{transformer_model}"), ModelKind.JUDGED))
loaded = {{"torch", "transformers", "sentence_transformers"}} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)
