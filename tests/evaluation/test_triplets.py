from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import FrameError, ModelError
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.judged_models import JudgedEncoder
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.pair_tasks import Reading
from pairforge.evaluation.task import Means
from pairforge.evaluation.triplets import Triplets, read_triplets
from pairforge.execution.step import StepContext
from tests.fakes import OverlapScorer, TableEncoder

PLAIN = Reading({}, None)
VECTORS = {"here": (1, 0), "near": (0.9, 0.1), "near too": (0.9, 0.1), "far": (0.1, 0.9), "long": (5.0, 5.0)}
ROWS = pl.DataFrame(
    {
        "anchor": ["here", "here", "here", "here"],
        "positive": ["near", "far", "near", "near"],
        "negative": ["far", "near", "near too", "long"],
    }
)


def _task(folder: Path, rows: pl.DataFrame, columns: dict[str, str] | None = None) -> Triplets:
    rows.write_parquet(folder / "triplets.parquet")
    return read_triplets("triplets", str(folder / "triplets.parquet"), Reading(columns or {}, None))


def _means(folder: Path) -> Means:
    return Means(300, 42, StepContext(cache=folder / "cache"))


def _model() -> JudgedEncoder:
    return JudgedEncoder(TableEncoder(VECTORS, raw=True))


def test_a_positive_counts_where_it_is_closer_and_a_tie_does_not(tmp_path: Path) -> None:
    task, means = _task(tmp_path, ROWS), _means(tmp_path)
    told = task.predict(_model(), means)
    assert (task.items, task.rows) == ("triplets", 4)
    assert told["cosine"].to_list() == [1, 0, 0, 1]
    assert told["dot"].to_list() == [1, 0, 0, 0]
    (found,) = task.measure([told], means)
    assert found.closeness == "cosine"
    assert found.measured["accuracy_cosine"].value == 0.5
    assert found.measured["accuracy_dot"].value == 0.25
    drawn = found.measured["accuracy_cosine"].draws
    assert drawn is not None
    assert set(drawn.tolist()) <= {0, 0.25, 0.5, 0.75, 1}
    assert drawn.mean() == pytest.approx(0.5, abs=0.05)


def test_of_n_tuples_every_negative_counts(tmp_path: Path) -> None:
    rows = ROWS.rename({"negative": "negative_1"}).with_columns(negative_2=pl.lit("far"))
    task, means = _task(tmp_path, rows), _means(tmp_path)
    assert task.items == "n-tuples"
    assert task.predict(_model(), means)["cosine"].to_list() == [1, 0, 0.5, 1]


def test_columns_are_guessed_or_named(tmp_path: Path) -> None:
    raw = ROWS.rename({"anchor": "query", "positive": "pos", "negative": "wrong"})
    assert _task(tmp_path, raw, {"negative": "wrong"}).triplets.equals(ROWS)


def test_triplets_are_judged_as_sentence_transformers_does(tmp_path: Path) -> None:
    import numpy as np
    from sentence_transformers.util import pairwise_cos_sim

    generator = np.random.default_rng(0)
    vectors = {f"t{row}": generator.normal(size=4).tolist() for row in range(90)}
    names = list(vectors)
    rows = pl.DataFrame({"anchor": names[:30], "positive": names[30:60], "negative": names[60:]})
    anchors, positives, negatives = (np.array([vectors[name] for name in rows[column]]) for column in rows.columns)
    expected = (pairwise_cos_sim(anchors, positives) > pairwise_cos_sim(anchors, negatives)).float().mean().item()
    task, means = _task(tmp_path, rows), _means(tmp_path)
    found = task.measure([task.predict(JudgedEncoder(TableEncoder(vectors, raw=True)), means)], means)[0]
    assert found.measured["accuracy_cosine"].value == pytest.approx(expected)


def test_cross_encoders_stand_beside_encoders(tmp_path: Path) -> None:
    rows = pl.DataFrame({"anchor": ["a b", "a b"], "positive": ["a b", "c"], "negative": ["c", "a"]})
    rows.write_parquet(tmp_path / "triplets.parquet")
    vectors = {"a b": (1, 0), "a": (0.9, 0.1), "c": (0, 1)}
    options = EvaluateOptions(task=(f"triplets:{tmp_path / 'triplets.parquet'}",), bootstrap_samples=100)
    task = evaluate([TableEncoder(vectors), OverlapScorer()], options=options).tasks[0]
    assert [model.metrics[model.metric("accuracy")].value for model in task.models] == [0.5, 0.5]
    assert task.differences[0].value == 0


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (ROWS.head(1), "needs two rows or more"),
        (ROWS.drop("negative"), r"fit no wanted shape .*triplet: anchor, positive, negative"),
        (ROWS.with_columns(negative=pl.lit(None, pl.String)), "nothing but nulls"),
    ],
)
def test_rows_that_judge_nothing_get_one_sentence(tmp_path: Path, rows: pl.DataFrame, fault: str) -> None:
    with pytest.raises(FrameError, match=fault):
        _task(tmp_path, rows)


def test_a_model_that_tells_no_texts_apart_is_refused(tmp_path: Path) -> None:
    model = JudgedEncoder(TableEncoder(dict.fromkeys(VECTORS, (1.0, 0.0))))
    with pytest.raises(ModelError, match="the same cosine"):
        _task(tmp_path, ROWS).predict(model, _means(tmp_path))
