from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pairforge.errors import FrameError, ModelError
from pairforge.evaluation.clustering import EXPERIMENTS, TEXTS_DRAWN, Clustering, drawn_texts, read_clustering
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.judged_models import JudgedEncoder
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.pair_tasks import Reading
from pairforge.evaluation.task import Means
from pairforge.execution.step import StepContext
from tests.evaluation.labelled import labelled
from tests.fakes import LetterEncoder, TableEncoder

PLAIN = Reading({}, None)


def _task(folder: Path, texts: pl.DataFrame) -> Clustering:
    texts.rename({"text": "sentences", "label": "labels"}).write_parquet(folder / "texts.parquet")
    return read_clustering("letters", str(folder / "texts.parquet"), PLAIN)


def _means(folder: Path) -> Means:
    return Means(200, 42, StepContext(cache=folder / "cache"))


def test_clusters_that_are_the_labels_have_a_v_measure_of_one(tmp_path: Path) -> None:
    task, means = _task(tmp_path, labelled(8)), _means(tmp_path)
    vectors = {text: np.eye(3)[row % 3].tolist() for row, text in enumerate(task.texts["text"])}
    told = task.predict(JudgedEncoder(TableEncoder(vectors)), means)
    assert told.shape == (24, EXPERIMENTS)
    (found,) = task.measure([told], means)
    assert found.measured["v_measure"].value == pytest.approx(1)
    assert found.measured["v_measure"].draws == pytest.approx(1)
    assert any("'sentences' as 'text'" in guess for guess in task.guesses)


def test_the_interval_lies_about_the_value(tmp_path: Path) -> None:
    task, means = _task(tmp_path, labelled(20)), _means(tmp_path)
    shifting = [(row % 3 + (row % 5 == 0)) % 3 for row in range(task.rows)]
    told = pl.DataFrame({f"experiment_{number}": shifting for number in range(1, EXPERIMENTS + 1)})
    (found,) = task.measure([told], means)
    measured = found.measured["v_measure"]
    assert measured.draws is not None
    low, high = np.quantile(measured.draws, [0.025, 0.975])
    assert low < measured.value < high < 1


def test_draws_are_made_anew_from_the_seed() -> None:
    draws = drawn_texts(10, 42)
    assert [len(drawn) for drawn in draws] == [TEXTS_DRAWN] * EXPERIMENTS
    assert draws == drawn_texts(10, 42) != drawn_texts(10, 1)
    assert draws[0] != draws[1]


def test_a_text_that_no_experiment_drew_has_no_cluster_and_counts_nothing(tmp_path: Path) -> None:
    rows = 20_000
    texts = pl.DataFrame({"text": [f"t{row}" for row in range(rows)], "label": [str(row % 2) for row in range(rows)]})
    task, means = _task(tmp_path, texts), Means(100, 42, StepContext(cache=tmp_path / "cache"))
    drawn = [set(one) for one in drawn_texts(rows, 42)]
    assert all(len(one) < TEXTS_DRAWN for one in drawn)
    told = pl.DataFrame(
        {
            f"experiment_{place}": [row % 2 if row in one else None for row in range(rows)]
            for place, one in enumerate(drawn)
        }
    )
    (found,) = task.measure([told], means)
    assert found.measured["v_measure"].value == pytest.approx(1)


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        (labelled(1).head(1), "needs two rows or more"),
        (labelled(3).filter(pl.col("label") == "cats"), r"all 3 labels are equal \('cats'\)"),
        (labelled(1), "3 labels for 3 texts are no clusters"),
        (labelled(3).with_columns(label=pl.lit(0.5)), "should hold identifiers"),
    ],
)
def test_texts_that_judge_nothing_get_one_sentence(tmp_path: Path, texts: pl.DataFrame, fault: str) -> None:
    with pytest.raises(FrameError, match=fault) as error:
        _task(tmp_path, texts)
    assert str(tmp_path) in str(error.value)


def test_a_model_that_makes_one_cluster_is_refused(tmp_path: Path) -> None:
    task = _task(tmp_path, labelled(3))
    model = JudgedEncoder(TableEncoder(dict.fromkeys(task.texts["text"], (1.0, 0.0))))
    with pytest.raises(ModelError, match=r"puts all texts .* into one cluster"):
        task.predict(model, _means(tmp_path))


def test_clusters_are_equal_to_mtebs(tmp_path: Path) -> None:
    import random

    from mteb.abstasks.clustering import _evaluate_clustering_bootstrapped

    texts = pl.concat([labelled(30), labelled(10, first=40).with_columns(label=pl.lit("mixed"))])
    texts.write_parquet(tmp_path / "texts.parquet")
    options = EvaluateOptions(task=(f"clustering:{tmp_path / 'texts.parquet'}",), bootstrap_samples=100)
    found = evaluate([LetterEncoder(8)], options=options, context=StepContext(cache=tmp_path / "cache")).tasks[0]
    vectors = JudgedEncoder(LetterEncoder(8)).features(texts["text"].to_list(), StepContext(cache=tmp_path / "cache"))
    scores, _ = _evaluate_clustering_bootstrapped(
        vectors,
        [[label] for label in texts["label"]],
        n_clusters=EXPERIMENTS,
        cluster_size=TEXTS_DRAWN,
        kmean_batch_size=512,
        max_depth=None,
        rng_state=random.Random(42),
        seed=42,
    )
    expected = np.mean(scores["v_measure"]["Level 0"])
    assert 0.1 < expected < 0.95
    assert found.models[0].metrics["v_measure"].value == pytest.approx(expected, abs=1e-6)
