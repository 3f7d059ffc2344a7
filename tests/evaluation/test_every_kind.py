"""Every kind of task by every kind of model: each works, or one sentence says why it cannot."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from pairforge.engines.loading import load
from pairforge.errors import ModelError
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.judged import Model
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.result_tables import results_csv, results_markdown, results_table
from pairforge.evaluation.results import Evaluation
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.evaluation.labelled import labelled
from tests.tiny_models import save_bert, save_cross_encoder, save_late_interaction, save_sparse_encoder

FIRSTS = ["a cat sat on the mat", "the dog ran", "a dog on the mat", "two dogs in rain", "the cat ran on", "quiet mat"]
SECONDS = ["the cat on a mat", "a dog sat", "dogs ran in the rain", "rain on two dogs", "the mat", "the quiet cat"]
OTHERS = ["the dog z", "a cat a mat", "x y z the", "cat sat", "howl bark", "q r s mat"]
WORDS = "cat dog mat sat ran the on meow purr bark howl drizzle zzz two dogs rain"

MODELS: Mapping[str, Callable[[Path], str]] = {
    "static": lambda folder: str(_static(folder / "static")),
    "transformer": lambda folder: str(save_bert(folder / "bert")),
    "cls": lambda folder: f"cls:{save_bert(folder / 'bert')}",
    "words": lambda folder: f"words:{_word_vectors(folder / 'words.txt')}",
    "cross": lambda folder: str(save_cross_encoder(folder / "cross")),
    "sparse": lambda folder: str(save_sparse_encoder(folder / "sparse")),
    "late": lambda folder: str(save_late_interaction(folder / "late")),
    "bm25": lambda folder: "bm25",
    "tfidf": lambda folder: "tfidf",
}
TASKS: Mapping[str, str] = {
    "sts": "sts:sts.jsonl",
    "labelled pairs": "pairs:pairs.jsonl",
    "scored pairs": "pairs:sts.jsonl",
    "triplets": "triplets:triplets.jsonl",
    "folder": "retrieval:beir",
    "file": "retrieval:triplets.jsonl",
    "classification": "classification:classes",
    "clustering": "clustering:clusters/test.jsonl",
}
MTEB_TASKS: Mapping[str, tuple[str, str]] = {
    "sts": ("STSBenchmark", "scored"),
    "pairs": ("TwitterURLCorpus", "labelled"),
    "classification": ("Banking77Classification", "classes"),
    "clustering": ("TwentyNewsgroupsClustering", "clusters"),
    "retrieval": ("SciFact", "beir"),
    "reranking": ("AskUbuntuDupQuestions", "beir"),
}
WITHOUT_VECTORS = {"cross": "is a cross-encoder", "late": "gives a text many vectors"}
BY_WORDS = "weighs words by the texts that it is given together"
REFUSED: Mapping[tuple[str, str], str] = {
    (model, task): why for model, why in WITHOUT_VECTORS.items() for task in ("classification", "clustering")
}
MTEB_REFUSED: Mapping[tuple[str, str], str] = {
    **{
        (model, task): why
        for model, why in {**WITHOUT_VECTORS, "bm25": BY_WORDS, "tfidf": BY_WORDS}.items()
        for task in ("sts", "pairs", "classification", "clustering")
    },
    ("sparse", "sts"): "gives sparse vectors",
    ("sparse", "pairs"): "gives sparse vectors",
}

Load = Callable[[str], Model]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Load:
    found: dict[str, Model] = {}

    def model(kind: str) -> Model:
        if kind not in found:
            name = MODELS[kind](tmp_path_factory.mktemp(kind))
            one = load(resolve(ModelRequest(name=name), ModelKind.JUDGED))
            assert isinstance(one, Model)
            found[kind] = one
        return found[kind]

    return model


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the files of all tasks lie."""
    folder = tmp_path_factory.mktemp("rows")
    for name in ("beir", "classes", "clusters", "scored", "labelled"):
        (folder / name).mkdir()
    pairs = pl.DataFrame({"sentence1": FIRSTS, "sentence2": SECONDS})
    scored = pairs.with_columns(score=pl.Series([4.5, 3, 1, 5, 2, 3.5]))
    scored.write_ndjson(folder / "sts.jsonl")
    scored.write_ndjson(folder / "scored" / "test.jsonl")
    true_or_not = pairs.with_columns(label=pl.Series([1, 0, 0, 1, 0, 1]))
    true_or_not.write_ndjson(folder / "pairs.jsonl")
    true_or_not.write_ndjson(folder / "labelled" / "test.jsonl")
    pl.DataFrame({"anchor": FIRSTS, "positive": SECONDS, "negative": OTHERS}).write_ndjson(folder / "triplets.jsonl")
    labelled(10).write_ndjson(folder / "classes" / "train.jsonl")
    labelled(4, 20).write_ndjson(folder / "classes" / "test.jsonl")
    labelled(10).write_ndjson(folder / "clusters" / "test.jsonl")
    _write_beir(folder / "beir")
    return folder


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("task", TASKS)
def test_a_model_does_a_task_or_says_why_not(kind: str, task: str, loaded: Load, rows: Path) -> None:
    word, _, source = TASKS[task].partition(":")
    options = EvaluateOptions(task=(f"{word}:{rows / source}",), bootstrap_samples=100)
    if (why := REFUSED.get((kind, task))) is not None:
        with pytest.raises(ModelError, match=f"{why}.*judge it by pairs, sts, triplets or retrieval"):
            evaluate([loaded(kind)], options=options)
        return
    _is_whole(evaluate([loaded(kind)], options=options))


@pytest.mark.skipif(importlib.util.find_spec("mteb") is None, reason="needs the extra mteb")
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("task", MTEB_TASKS)
def test_a_model_does_a_task_of_mteb_or_says_why_not(kind: str, task: str, loaded: Load, rows: Path) -> None:
    name, folder = MTEB_TASKS[task]
    options = EvaluateOptions(task=(f"mteb:{name}",), task_data=(f"{name}={rows / folder}",), bootstrap_samples=100)
    if (why := MTEB_REFUSED.get((kind, task))) is not None:
        with pytest.raises(ModelError, match=f"{why}.*, so that it cannot do mteb:{name}; judge it by mteb's"):
            evaluate([loaded(kind)], options=options)
        return
    _is_whole(evaluate([loaded(kind)], options=options))


@pytest.mark.parametrize("task", TASKS)
def test_encoders_do_every_task_in_every_form(task: str, loaded: Load, rows: Path) -> None:
    word, _, source = TASKS[task].partition(":")
    options = EvaluateOptions(
        task=(f"{word}:{rows / source}",), bootstrap_samples=100, dims=(8,), precision=("float32", "int8", "binary")
    )
    found = evaluate([loaded("static"), loaded("bm25")], options=options)
    forms = [model.model.rpartition("static")[2] for model in found.models[:-1]]
    assert forms == ["", " @8 float32", " @8 int8", " @8 binary"]
    assert found.models[-1].model == "bm25"
    _is_whole(found)


def test_all_kinds_stand_in_one_table(loaded: Load, rows: Path) -> None:
    tasks = tuple(f"{word}:{rows / source}" for word, source in (("sts", "sts.jsonl"), ("retrieval", "beir")))
    models = [loaded(kind) for kind in MODELS]
    found = evaluate(models, options=EvaluateOptions(task=tasks, bootstrap_samples=100))
    assert {scores.closeness for scores in found.tasks[0].models} == {"cosine", "score", "dot", "maxsim", "bm25"}
    each = len(models) * (len(models) - 1) // 2
    assert [len(task.differences) for task in found.tasks] == [2 * each, 3 * each]
    assert all(model.spec.name in results_markdown(found) for model in models)
    assert len(results_table(found)) == 2 * len(models)
    assert all(model.spec.name in results_csv(found) for model in models)


def _is_whole(found: Evaluation) -> None:
    """Each model has each measure, within its interval where it has one, and can be read back."""
    (task,) = found.tasks
    for scores in task.models:
        for measure in task.measures:
            score = scores.metrics[scores.metric(measure)]
            assert -1 <= score.value <= 1
            assert score.low is None or score.high is None or score.low <= score.value <= score.high
    assert Evaluation.model_validate(found.to_json()) == found


def _static(folder: Path) -> Path:
    options = InitModelOptions(kind="static", dimension=16, tokenizer_from="corpus", vocabulary_size=200)
    texts = [*FIRSTS, *SECONDS, *OTHERS, *labelled(10)["text"]]
    return init_model(pl.DataFrame({"text": texts}), options=options, output=folder)


def _word_vectors(file: Path) -> Path:
    lines = [f"{word} {at % 3 + 0.5} {at % 5 - 1} {at % 7 - 2} {at % 2}" for at, word in enumerate(WORDS.split())]
    file.write_text("\n".join(lines) + "\n")
    return file


def _write_beir(folder: Path) -> None:
    documents = [{"_id": f"d{row}", "text": text} for row, text in enumerate([*SECONDS, *OTHERS])]
    pl.DataFrame(documents).write_ndjson(folder / "corpus.jsonl")
    pl.DataFrame([{"_id": f"q{row}", "text": text} for row, text in enumerate(FIRSTS)]).write_ndjson(
        folder / "queries.jsonl"
    )
    judged = [{"query-id": f"q{row}", "corpus-id": f"d{row}", "score": 1} for row in range(len(FIRSTS))]
    pl.DataFrame(judged).write_ndjson(folder / "qrels.jsonl")
