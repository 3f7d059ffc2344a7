from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from scipy import stats

from pairforge.errors import FrameError, ModelError, OptionsError, StageError
from pairforge.evaluation.evaluate import STEP, evaluate
from pairforge.evaluation.leaderboard import read_leaderboard
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.results import Evaluation, read_results
from pairforge.execution.step import StepContext
from pairforge.models import Floats, ModelKind, ModelRequest, Side
from tests.fakes import LetterEncoder, OverlapScorer, TableEncoder

GOLD = [1.0, 0.8, 0.6, 0.4, 0.2, 0.0]
ANGLES = [0.1, 0.3, 0.2, 0.9, 1.2, 1.1]


def _file(folder: Path, name: str = "pairs.jsonl") -> str:
    path = folder / name
    pl.DataFrame(
        {"sentence1": ["here"] * 6, "sentence2": [f"there {row}" for row in range(6)], "score": GOLD}
    ).write_ndjson(path)
    return f"sts:{path}"


def _encoder(angles: Sequence[float], length: float = 1.0) -> TableEncoder:
    turned = {f"there {row}": (length * np.cos(a), length * np.sin(a)) for row, a in enumerate(angles)}
    return TableEncoder({"here": (1, 0)} | turned, raw=True)


def _options(*tasks: str, samples: int = 200, **settings: object) -> EvaluateOptions:
    return EvaluateOptions.model_validate({"task": tasks, "bootstrap_samples": samples, **settings})


def _metric(results: Evaluation, name: str, model: int = 0) -> float:
    return results.tasks[0].models[model].metrics[name].value


def test_every_metric_is_the_correlation_of_its_similarity_with_gold(tmp_path: Path) -> None:
    results = evaluate([_encoder(ANGLES, 2.0)], options=_options(_file(tmp_path)))
    cosine = np.cos(ANGLES)
    apart = np.stack([2 * np.cos(ANGLES) - 1, 2 * np.sin(ANGLES)])
    expected = {
        "cosine": cosine,
        "dot": 2 * cosine,
        "euclidean": -np.linalg.norm(apart, axis=0),
        "manhattan": -np.abs(apart).sum(axis=0),
    }
    assert set(results.tasks[0].models[0].metrics) == {f"{c}_{s}" for c in ("pearson", "spearman") for s in expected}
    for name, similarity in expected.items():
        assert _metric(results, f"pearson_{name}") == pytest.approx(stats.pearsonr(similarity, GOLD)[0], abs=1e-5)
        assert _metric(results, f"spearman_{name}") == pytest.approx(stats.spearmanr(similarity, GOLD)[0], abs=1e-5)


def test_intervals_hold_their_values_and_widen_with_the_confidence(tmp_path: Path) -> None:
    task = _file(tmp_path)
    sure = evaluate([_encoder(ANGLES)], options=_options(task, confidence=0.99)).tasks[0].models[0]
    unsure = evaluate([_encoder(ANGLES)], options=_options(task, confidence=0.5)).tasks[0].models[0]
    for metric, estimate in sure.metrics.items():
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.high - estimate.low >= unsure.metrics[metric].high - unsure.metrics[metric].low


def test_a_model_does_not_differ_from_itself(tmp_path: Path) -> None:
    results = evaluate([_encoder(ANGLES)] * 2, options=_options(_file(tmp_path)))
    for difference in results.tasks[0].differences:
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)
        assert not difference.excludes_zero


def test_every_model_is_compared_with_each_before_it(tmp_path: Path) -> None:
    perfect, reversed_order = np.linspace(0, 1.5, 6), np.linspace(1.5, 0, 6)
    models = [_encoder(ANGLES), _encoder(perfect), _encoder(reversed_order)]
    results = evaluate(models, options=_options(_file(tmp_path)))
    spearman = [found for found in results.tasks[0].differences if found.metric == "spearman_cosine"]
    values = [_metric(results, "spearman_cosine", place) for place in range(3)]
    expected = [values[1] - values[0], values[2] - values[0], values[2] - values[1]]
    assert [difference.value for difference in spearman] == pytest.approx(expected, abs=2e-6)
    assert spearman[0].value > 0 > spearman[1].value
    assert spearman[1].excludes_zero


def test_the_same_seed_gives_the_same_results(tmp_path: Path) -> None:
    task = _file(tmp_path)
    first, again, other = (
        evaluate([_encoder(ANGLES)], options=_options(task, seed=seed)).to_json() for seed in (1, 1, 2)
    )
    assert json.dumps(first) == json.dumps(again)
    assert first["tasks"] != other["tasks"]


def test_adding_a_model_leaves_the_others_results_as_they_were(tmp_path: Path) -> None:
    task = _file(tmp_path)
    alone = evaluate([_encoder(ANGLES)], options=_options(task)).tasks[0].models[0]
    first_of_two = evaluate([_encoder(ANGLES), LetterEncoder()], options=_options(task)).tasks[0].models[0]
    assert alone == first_of_two


def test_each_distinct_sentence_is_encoded_once_on_the_query_side(tmp_path: Path) -> None:
    sides: set[Side] = set()

    class Watched(TableEncoder):
        def encode(self, texts: Sequence[str], side: Side) -> Floats:
            sides.add(side)
            return super().encode(texts, side)

    encoder = Watched(_encoder(ANGLES).vectors)
    evaluate([encoder], options=_options(_file(tmp_path), samples=100))
    assert sorted(encoder.encoded) == sorted({"here", *(f"there {row}" for row in range(6))})
    assert sides == {Side.QUERY}


def test_several_tasks_keep_their_order_and_the_guesses_are_noted(tmp_path: Path) -> None:
    first, second = _file(tmp_path, "b.jsonl"), _file(tmp_path, "a.jsonl")
    rows = pl.read_ndjson(tmp_path / "a.jsonl")
    rows.with_columns(pl.col("score") * 5).write_ndjson(tmp_path / "a.jsonl")
    context = StepContext(cache=tmp_path / "cache")
    results = evaluate([_encoder(ANGLES)], options=_options(first, second), context=context)
    assert [task.task for task in results.tasks] == [first, second]
    assert results.tasks[0].models == results.tasks[1].models
    assert any("a.jsonl" in note and "by 5" in note for note in context.ledger.notes)


def _overlapping(folder: Path) -> str:
    """Each pair shares as many of three words as its gold score says."""
    seconds = {"x": 0.0, "a": 0.3, "a b": 0.7, "a b c": 1.0}
    pl.DataFrame(
        {"sentence1": ["a b c"] * 4, "sentence2": list(seconds), "score": list(seconds.values())}
    ).write_parquet(folder / "overlap.parquet")
    return f"sts:{folder / 'overlap.parquet'}"


def test_cross_encoders_are_judged_by_their_scores_beside_encoders(tmp_path: Path) -> None:
    context, scorer = StepContext(cache=tmp_path / "cache"), OverlapScorer()
    results = evaluate([LetterEncoder(), scorer], options=_options(_overlapping(tmp_path)), context=context)
    encoder_scores, scorer_scores = results.tasks[0].models
    assert set(scorer_scores.metrics) == {"pearson_score", "spearman_score"}
    assert scorer_scores.metrics["spearman_score"].value == pytest.approx(1)
    ahead = results.tasks[0].differences[0]
    assert (ahead.model, ahead.metric) == ("overlap", "spearman_score")
    assert ahead.value == pytest.approx(1 - encoder_scores.metrics["spearman_cosine"].value, abs=2e-6)
    assert any("the sigmoid of its one output" in note for note in context.ledger.notes)
    evaluate([scorer], options=_options(_overlapping(tmp_path)), context=context)
    assert len(scorer.scored) == 4


def test_a_head_can_be_named(tmp_path: Path) -> None:
    scorer = OverlapScorer(activation="Identity")
    with pytest.raises(ModelError, match="choose --head sigmoid"):
        evaluate([scorer], options=_options(_overlapping(tmp_path)))
    results = evaluate([scorer], options=_options(_overlapping(tmp_path), head="sigmoid"))
    assert results.tasks[0].models[0].metrics["spearman_score"].value == pytest.approx(1)


def test_labelled_pairs_judge_by_rank_and_by_class(tmp_path: Path) -> None:
    rows = pl.read_ndjson(Path(_file(tmp_path).removeprefix("sts:")))
    labelled = rows.select("sentence1", "sentence2", label=(pl.col("score") > 0.5).cast(pl.Int64))
    labelled.write_parquet(tmp_path / "labelled.parquet")
    models = [_encoder(ANGLES), _encoder([0.1, 1.5, 0.2, 0.9, 1.2, 1.1])]
    task = evaluate(models, options=_options(f"pairs:{tmp_path / 'labelled.parquet'}")).tasks[0]
    first, second = ({name: found.value for name, found in model.metrics.items()} for model in task.models)
    assert (first["average_precision_cosine"], first["auc_cosine"], first["accuracy_cosine"]) == (1, 1, 1)
    assert first["accuracy_at_half_cosine"] == pytest.approx(5 / 6, abs=1e-6)
    assert second["auc_cosine"] == pytest.approx(6 / 9, abs=1e-6)
    assert [difference.metric for difference in task.differences] == [
        "average_precision_cosine", "auc_cosine", "f1_cosine", "accuracy_cosine",
    ]  # fmt: skip
    assert first["f1_cosine"] == 1
    assert first["f1_threshold_cosine"] == pytest.approx((np.cos(0.3) + np.cos(0.9)) / 2, abs=1e-6)
    assert task.models[0].metrics["f1_threshold_cosine"].low is None


def test_no_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="name one or more"):
        evaluate([], options=_options(_file(tmp_path)))


def test_a_model_that_tells_no_pair_apart_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"table: gives every pair .* the same cosine"):
        evaluate([_encoder([0.0] * 6)], options=_options(_file(tmp_path)))


def test_a_constant_similarity_beside_the_cosine_is_left_out_and_noted(tmp_path: Path) -> None:
    one_away_from_here = [(2, 0), (2, 0), (1, 1), (2, 0), (1, 1), (1, -1)]
    vectors = {f"there {row}": vector for row, vector in enumerate(one_away_from_here)}
    encoder = TableEncoder({"here": (1, 0)} | vectors, raw=True)
    context = StepContext()
    results = evaluate([encoder], options=_options(_file(tmp_path)), context=context)
    assert "spearman_euclidean" not in results.tasks[0].models[0].metrics
    assert "spearman_cosine" in results.tasks[0].models[0].metrics
    assert any("the same euclidean similarity; left out" in note for note in context.ledger.notes)


def test_a_faulty_file_stops_before_any_text_is_encoded(tmp_path: Path) -> None:
    encoder = _encoder(ANGLES)
    (tmp_path / "bad.jsonl").write_text('{"sentence1": "a", "score": 1}\n')
    with pytest.raises(FrameError, match="sentence2"):
        evaluate([encoder], options=_options(_file(tmp_path), f"sts:{tmp_path / 'bad.jsonl'}"))
    assert not encoder.encoded


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"task": ()}, "at least 1"),
        ({"task": ("sick:x.csv",)}, "there is no task 'sick:x.csv'"),
        ({"task": ("sts:",)}, "there is no task 'sts:'; did you mean sts:FILE"),
        ({"task": ("stsbench",)}, "there is no task 'stsbench'; did you mean stsb"),
        ({"task": ("clasification:a",)}, "did you mean classification:DIR"),
        ({"task": ("quora",)}, "there are: sts:FILE, pairs:FILE, triplets:FILE"),
        ({"task": ("stsb", "STSB")}, "given twice"),
        ({"task": ("sts:a.csv",), "task_data": ("sts:a.csv=b.csv",)}, "no task 'sts:a.csv' that lies on the hub"),
        ({"task": ("sts12",), "task_data": ("sts12",)}, "should be NAME=PATH, as sts12=FILE, but it is 'sts12'"),
        ({"task": ("sts12",), "task_data": ("sts12=a", "STS12=b")}, "names two paths for STS12"),
        ({"task": ("sts12",), "task_data": ("sts13=a.csv",)}, "no task 'sts13' .* asked for; did you mean sts12"),
        ({"task": ("sts:a.csv", "sts:a.csv")}, "given twice"),
        ({"task": ("stsb",), "confidence": 1}, "confidence"),
        ({"task": ("stsb",), "bootstrap_samples": 5}, "bootstrap_samples"),
    ],
)
def test_wrong_options_are_refused(settings: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        EvaluateOptions.model_validate(settings)


def test_the_step_writes_a_results_file_that_reads_back(tmp_path: Path) -> None:
    context = StepContext(cache=tmp_path / "cache", workspace=tmp_path)
    options = _options(_file(tmp_path))
    written = STEP.run(models=(_encoder(ANGLES),), options=options, context=context)
    assert list(written) == ["results"]
    assert read_results(written["results"]) == evaluate([_encoder(ANGLES)], options=options)


def test_the_step_also_writes_a_table_and_scores_and_adds_to_the_leaderboard(tmp_path: Path) -> None:
    output = tmp_path / "out" / "scores.json"
    context = StepContext(cache=tmp_path / "cache", workspace=tmp_path, output=output)
    options = _options(_file(tmp_path), also=("markdown", "csv"))
    written = STEP.run(models=(_encoder(ANGLES),), options=options, context=context)
    assert list(written) == list(STEP.outputs(options)) == ["results", "table", "scores"]
    assert written["table"].read_text().startswith(f"**{options.task[0]}**, 6 pairs\n")
    assert len(written["scores"].read_text().splitlines()) == 1 + 8
    (entry,) = read_leaderboard([tmp_path / "out"])
    assert entry.scores == read_results(written["results"]).tasks[0].models[0]


def test_an_encoder_is_also_judged_by_fewer_numbers_and_bits(tmp_path: Path) -> None:
    task, encoder = _overlapping(tmp_path), LetterEncoder(dimension=32)
    results = evaluate([encoder], options=_options(task, dims=(32, 26), precision=("float32", "binary")))
    assert [facts.model for facts in results.models] == [
        "table", "table @32 binary", "table @26 float32", "table @26 binary",
    ]  # fmt: skip
    assert [(facts.dimension, facts.vector_bytes) for facts in results.models] == [
        (32, 128),
        (32, 4),
        (26, 104),
        (26, 4),
    ]
    assert len({facts.identity for facts in results.models}) == 4
    rows = pl.read_parquet(task.removeprefix("sts:"))
    first, second = (encoder.encode(rows[name].to_list(), Side.QUERY)[:, :26] for name in ("sentence1", "sentence2"))
    signs = [np.where(vectors > 0, 1, -1) for vectors in (first, second)]
    for place, (left, right) in ((2, (first, second)), (3, signs)):
        cosines = (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)
        assert _metric(results, "pearson_cosine", place) == pytest.approx(
            stats.pearsonr(cosines, rows["score"])[0], abs=2e-6
        )


def test_more_numbers_than_a_vector_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="dims=99 is given, but the vectors of table have 32 numbers"):
        evaluate([LetterEncoder()], options=_options(_file(tmp_path), dims=(99,)))


def test_several_sizes_and_ranks_may_stand_in_one_word(tmp_path: Path) -> None:
    options = EvaluateOptions.model_validate(
        {"task": [_file(tmp_path)], "dims": ["8,4", "16"], "precision": "int8,binary", "cutoff": "10,1"}
    )
    assert (options.dims, options.precision, options.cutoff) == ((8, 4, 16), ("int8", "binary"), (1, 10))


def test_models_are_timed_if_asked(tmp_path: Path) -> None:
    results = evaluate([LetterEncoder(), OverlapScorer()], options=_options(_overlapping(tmp_path), latency=True))
    for facts in results.models:
        assert facts.query_milliseconds is not None
        assert facts.query_milliseconds > 0
        assert facts.texts_per_second is not None
        assert facts.texts_per_second > 0
    untimed = evaluate([LetterEncoder()], options=_options(_overlapping(tmp_path)))
    assert untimed.models[0].query_milliseconds is None


def test_the_step_needs_a_workspace_to_write_in(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="workspace"):
        STEP.run(models=(_encoder(ANGLES),), options=_options(_file(tmp_path)), context=StepContext())


def test_the_tasks_files_count_for_being_up_to_date(tmp_path: Path) -> None:
    options = _options("sts:a.parquet", "stsb")
    assert STEP.files_in_options(options) == ["a.parquet", "hub:sentence-transformers/stsb:test"]


def test_data_of_a_named_task_takes_the_place_of_the_hub(tmp_path: Path) -> None:
    path = _file(tmp_path).removeprefix("sts:")
    options = _options("STS12", task_data=(f"sts12={path}",))
    assert STEP.files_in_options(options) == [path]
    given = evaluate([_encoder(ANGLES)], options=options).tasks[0]
    assert given.models == evaluate([_encoder(ANGLES)], options=_options(f"sts:{path}")).tasks[0].models
    assert (given.task, given.source) == ("STS12", path)


def test_the_steps_record_loads_no_heavy_library() -> None:
    heavy = "{'torch', 'transformers', 'sentence_transformers', 'faiss', 'datasets', 'sklearn', 'scipy'}"
    code = f"import sys, pairforge.evaluation.evaluate; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.model
@pytest.mark.parametrize(("split", "spearman"), [("dev", 0.8672), ("test", 0.8203)])
def test_minilm_scores_on_stsb_as_published(shared_data: Path, split: str, spearman: float) -> None:
    from pairforge.engines.encoders import load_encoder
    from pairforge.model_files import resolve

    encoder = load_encoder(resolve(ModelRequest(), ModelKind.ENCODER))
    results = evaluate([encoder], options=_options(f"sts:{shared_data}/stsb/{split}.parquet"))
    assert _metric(results, "spearman_cosine") == pytest.approx(spearman, abs=5e-4)
