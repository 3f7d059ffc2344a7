from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.engines.loading import load_matcher
from pairforge.errors import FileError, FrameError, ModelError
from pairforge.evaluation.classification import (
    EXPERIMENTS,
    TEXTS_A_CLASS,
    Classification,
    classification_files,
    few_of_each,
    read_classification,
)
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.judged_models import JudgedEncoder
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.pair_tasks import Reading
from pairforge.evaluation.task import Means
from pairforge.execution.step import StepContext
from pairforge.model_files import resolve
from pairforge.models import ModelKind, ModelRequest
from tests.evaluation.labelled import labelled
from tests.fakes import LetterEncoder, OverlapScorer, TableEncoder

PLAIN = Reading({}, None)


def _folder(folder: Path, train: pl.DataFrame, test: pl.DataFrame) -> str:
    train.write_parquet(folder / "train.parquet")
    test.write_ndjson(folder / "test.jsonl")
    return str(folder)


def _task(folder: Path) -> Classification:
    return read_classification("letters", _folder(folder, labelled(12), labelled(4, first=20)), PLAIN)


def _means(folder: Path) -> Means:
    return Means(200, 42, StepContext(cache=folder / "cache"))


def test_a_probe_tells_classes_that_the_vectors_tell(tmp_path: Path) -> None:
    task, means = _task(tmp_path), _means(tmp_path)
    told = task.predict(JudgedEncoder(LetterEncoder()), means)
    assert told.columns == [f"experiment_{number}" for number in range(1, EXPERIMENTS + 1)]
    assert told.height == task.rows == 12
    found = task.measure([told], means)[0]
    assert found.closeness == ""
    assert {name: one.value for name, one in found.measured.items()} == {"accuracy": 1, "f1_macro": 1}


def test_wrong_predictions_lower_accuracy_and_f1(tmp_path: Path) -> None:
    task, means = _task(tmp_path), _means(tmp_path)
    right = pl.DataFrame({"experiment_1": task.test["label"]})
    half = right.with_columns(experiment_2=pl.lit("cats"))
    first, second = task.measure([right, half], means)
    assert first.measured["accuracy"].value == 1
    assert second.measured["accuracy"].value == pytest.approx((1 + 1 / 3) / 2)
    assert second.measured["f1_macro"].value == pytest.approx((1 + (2 * 4 / (4 + 12)) / 3) / 2)
    drawn = second.measured["accuracy"].draws
    assert drawn is not None
    assert 0.5 <= drawn.min() < second.measured["accuracy"].value < drawn.max() <= 1


def test_each_draw_has_eight_texts_of_each_class_and_all_of_a_smaller_one() -> None:
    classes = [0] * 30 + [1] * 20 + [2] * 3
    draws = few_of_each(classes, seed=42)
    assert len(draws) == EXPERIMENTS
    assert len({tuple(sorted(drawn)) for drawn in draws}) == EXPERIMENTS
    for drawn in draws:
        assert np.bincount([classes[row] for row in drawn]).tolist() == [TEXTS_A_CLASS, TEXTS_A_CLASS, 3]
    assert few_of_each(classes, seed=42) == draws != few_of_each(classes, seed=1)


@pytest.mark.parametrize("name", ["tfidf", "bm25"])
def test_words_are_probed_and_clustered_by_their_weights(tmp_path: Path, name: str) -> None:
    folder = _folder(tmp_path, labelled(12), labelled(4, first=20))
    model = load_matcher(resolve(ModelRequest(name=name), ModelKind.JUDGED))
    options = EvaluateOptions(
        task=(f"classification:{folder}", f"clustering:{folder}/test.jsonl"), bootstrap_samples=100
    )
    probed, clustered = evaluate([model], options=options, context=StepContext(cache=tmp_path / "cache")).tasks
    assert probed.models[0].metrics["accuracy"].value == 1
    assert 0 < clustered.models[0].metrics["v_measure"].value <= 1


def test_labels_of_numbers_are_ordered_as_numbers(tmp_path: Path) -> None:
    from pairforge.evaluation.labelled_texts import classes_of

    assert classes_of(pl.Series(["10", "9", "10", "2"])) == ["2", "9", "10"]
    assert classes_of(pl.Series(["b", "9", "a"])) == ["9", "a", "b"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["train.parquet", "test.parquet"], ["train.parquet", "test.parquet"]),
        (["train.csv.gz", "test.jsonl", "training.md"], ["train.csv.gz", "test.jsonl"]),
        (["train/0.csv", "test/0.csv"], ["train", "test"]),
        (["train-0-of-2.parquet", "train-1-of-2.parquet", "test-0.parquet"], ["train-*.parquet", "test-*.parquet"]),
        (["train.csv", "train.jsonl", "test.csv"], ["."]),
        (["train.parquet"], ["."]),
    ],
)
def test_train_and_test_files_are_found_by_their_names(tmp_path: Path, names: list[str], found: list[str]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert classification_files(str(tmp_path)) == [str(tmp_path / name) for name in found]


def test_a_hub_dataset_gives_both_splits() -> None:
    assert classification_files("hub:a/b") == ["hub:a/b:train", "hub:a/b:test"]


def test_few_texts_of_a_class_are_told(tmp_path: Path) -> None:
    folder = _folder(tmp_path, labelled(12).head(-20).extend(labelled(2)), labelled(2))
    task = read_classification("letters", folder, PLAIN)
    assert any("classes have fewer than the 8 texts" in guess for guess in task.guesses)


ONE_CLASS = labelled(4).filter(pl.col("label") == "cats")


@pytest.mark.parametrize(
    ("train", "test", "fault"),
    [
        (ONE_CLASS, ONE_CLASS, r"train\.parquet: all 4 labels are equal \('cats'\)"),
        (labelled(4), ONE_CLASS, r"test\.jsonl: all 4 labels are equal"),
        (labelled(4), labelled(1).head(1), r"test\.jsonl: a judgement needs two rows or more"),
        (
            labelled(4).filter(pl.col("label") != "dogs"),
            labelled(4),
            r"test\.jsonl: 1 of its labels stand in no row of .*train\.parquet \('dogs' is one\)",
        ),
        (labelled(4).drop("label"), labelled(4), r"train\.parquet: column 'label' is missing .* --label-column"),
        (labelled(4).drop("text"), labelled(4), r"train\.parquet: column 'text' is missing .* --text-column"),
        (labelled(4).with_columns(label=pl.lit(None, pl.String)), labelled(4), "nothing but nulls"),
    ],
)
def test_texts_that_judge_nothing_get_one_sentence(
    tmp_path: Path, train: pl.DataFrame, test: pl.DataFrame, fault: str
) -> None:
    with pytest.raises(FrameError, match=fault):
        read_classification("letters", _folder(tmp_path, train, test), PLAIN)


def test_a_folder_without_the_files_says_what_is_lacking(tmp_path: Path) -> None:
    labelled(4).write_parquet(tmp_path / "train.parquet")
    with pytest.raises(FileError, match=r"but test cannot be told in it \(found: train\.parquet\)"):
        read_classification("letters", str(tmp_path), PLAIN)
    with pytest.raises(FileError, match=r"train\.parquet: is a file, but classification takes a folder"):
        read_classification("letters", str(tmp_path / "train.parquet"), PLAIN)
    with pytest.raises(FileError, match="no such file"):
        read_classification("letters", str(tmp_path / "absent"), PLAIN)


def test_models_without_vectors_or_differences_are_refused(tmp_path: Path) -> None:
    task = f"classification:{_folder(tmp_path, labelled(9), labelled(3))}"
    options = EvaluateOptions(task=(task,), bootstrap_samples=100)
    with pytest.raises(ModelError, match="overlap: is a cross-encoder"):
        evaluate([OverlapScorer()], options=options, context=StepContext(cache=tmp_path / "cache"))
    texts = [*labelled(9)["text"], *labelled(3)["text"]]
    with pytest.raises(ModelError, match=r"put all texts .* into one class"):
        evaluate([TableEncoder(dict.fromkeys(texts, (1.0, 0.0)))], options=options)


@pytest.mark.model
@pytest.mark.filterwarnings("ignore")  # mteb's own, of versions and of tasks that have a successor
def test_probes_are_equal_to_mtebs(shared_data: Path, tmp_path: Path) -> None:
    import mteb
    from sentence_transformers import SentenceTransformer

    from pairforge.engines.encoders import load_encoder

    encoder, source = shared_data.parent / "models" / "potion-4m", shared_data / "banking77"
    options = EvaluateOptions(task=(f"classification:{source}",), bootstrap_samples=100)
    model = load_encoder(resolve(ModelRequest(name=str(encoder)), ModelKind.ENCODER))
    found = evaluate([model], options=options, context=StepContext(cache=tmp_path / "cache")).tasks[0].models[0].metrics
    names = sorted(pl.read_parquet(source / "train.parquet")["category"].unique())
    for split in ("train", "test"):
        rows = pl.read_parquet(source / f"{split}.parquet").rename({"category": "label_text"})
        label = pl.col("label_text").replace_strict(names, list(range(len(names))), return_dtype=pl.Int64)
        rows.with_columns(label=label).write_parquet(tmp_path / f"{split}.parquet")
    task = mteb.get_task("Banking77Classification")
    task.metadata.dataset["path"] = str(tmp_path)
    expected = mteb.evaluate(SentenceTransformer(str(encoder)), task, cache=None).task_results[0].scores["test"][0]
    assert found["accuracy"].value == pytest.approx(expected["accuracy"], abs=1e-6)
    assert found["f1_macro"].value == pytest.approx(expected["f1"], abs=1e-6)
