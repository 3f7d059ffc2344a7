from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pairforge.engines.encoders import load_encoder
from pairforge.errors import FileError, FrameError, MissingExtraError, ModelError, OptionsError
from pairforge.evaluation.evaluate import evaluate
from pairforge.evaluation.mteb_tasks import library
from pairforge.evaluation.mteb_tasks.files import as_dataset
from pairforge.evaluation.mteb_tasks.library import load_mteb, quiet_mteb
from pairforge.evaluation.options import EvaluateOptions
from pairforge.evaluation.results import Evaluation, TaskResults
from pairforge.execution.step import StepContext
from pairforge.model_files import resolve
from pairforge.models import Encoder, Floats, ModelKind, ModelRequest, Side
from tests.fakes import LetterEncoder, OverlapScorer

Direct = Callable[[Any], dict[str, float]]


def _options(*tasks: str, folders: dict[str, Path] | None = None, **settings: object) -> EvaluateOptions:
    data = [f"{name}={folder}" for name, folder in (folders or {}).items()]
    return EvaluateOptions.model_validate({"task": tasks, "task_data": data, "bootstrap_samples": 200, **settings})


def _judged(model: Any, name: str, folder: Path, context: StepContext | None = None) -> TaskResults:
    options = _options(f"mteb:{name}", folders={name: folder})
    return evaluate([model], options=options, context=context).tasks[0]


def _task(name: str) -> Any:
    with quiet_mteb():
        return load_mteb().get_task(name)


def _agrees(found: TaskResults, direct: dict[str, float], *, compared: int) -> None:
    """Every number of mteb's that both have is the same, to the six decimals that are kept."""
    ours = {name: score.value for name, score in found.models[0].metrics.items()}
    theirs = {name: value for name, value in direct.items() if name in ours}
    assert len(theirs) >= compared
    assert ours == pytest.approx(theirs, abs=2e-6)
    assert ours[found.measures[0]] == pytest.approx(direct["main_score"], abs=2e-6)


def _has_an_interval(found: TaskResults, measure: str) -> bool:
    score = found.models[0].metrics[measure]
    return score.low is not None and score.high is not None and score.low <= score.value <= score.high


def test_classification_is_as_mteb_has_it_with_columns_under_other_names(
    encoder: Encoder, labelled: Path, directly: Direct
) -> None:
    task = _task("Banking77Classification")
    splits = {split: pl.read_parquet(labelled / f"{split}.parquet") for split in ("train", "test")}
    codes = {name: code for code, name in enumerate(sorted(splits["train"]["intent"].unique()))}
    task.dataset = {
        split: as_dataset(rows.select(text="sentence", label=pl.col("intent").replace_strict(codes)))
        for split, rows in splits.items()
    }
    context = StepContext()
    found = _judged(encoder, "Banking77Classification", labelled, context)
    _agrees(found, directly(task), compared=7)
    assert (found.rows, found.items, found.measures) == (45, "texts", ("accuracy", "f1"))
    assert all(_has_an_interval(found, measure) for measure in found.measures)
    assert any("'intent' as 'label'" in note for note in context.ledger.notes)


def test_sts_is_as_mteb_has_it(encoder: Encoder, scored: Path, directly: Direct) -> None:
    task = _task("STSBenchmark")
    task.dataset = {"test": as_dataset(pl.read_ndjson(scored / "test.jsonl"))}
    found = _judged(encoder, "STSBenchmark", scored)
    _agrees(found, directly(task), compared=8)
    assert (found.rows, found.items) == (40, "pairs")
    assert found.measures == ("cosine_spearman", "cosine_pearson")
    assert all(_has_an_interval(found, measure) for measure in found.models[0].metrics)


def test_pair_classification_is_as_mteb_has_it(encoder: Encoder, true_or_not: Path, directly: Direct) -> None:
    task = _task("SprintDuplicateQuestions")
    task.dataset = {"test": as_dataset(pl.read_csv(true_or_not / "test.csv").rename({"is_duplicate": "labels"}))}
    found = _judged(encoder, "SprintDuplicateQuestions", true_or_not)
    _agrees(found, directly(task), compared=20)
    assert found.measures == ("max_ap", "cosine_ap")
    assert all(_has_an_interval(found, measure) for measure in found.measures)
    assert found.models[0].metrics["cosine_accuracy"].low is None


@pytest.mark.parametrize("name", ["BuiltBenchClusteringS2S", "TwentyNewsgroupsClustering.v2"])
def test_clustering_is_as_mteb_has_it_without_an_interval(
    encoder: Encoder, labelled: Path, directly: Direct, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = _task(name)
    rows = pl.read_parquet(labelled / "test.parquet")
    codes = {theme: code for code, theme in enumerate(sorted(rows["intent"].unique()))}
    rows = rows.select(sentences="sentence", labels=pl.col("intent").replace_strict(codes))
    if name.startswith("Built"):
        rows = rows.select(pl.all().implode())
    else:
        monkeypatch.setattr(type(task), "max_fraction_of_documents_to_embed", None)
        monkeypatch.setattr(type(task), "max_documents_per_cluster", 40)
    task.dataset = {"test": as_dataset(rows)}
    found = _judged(encoder, name, labelled)
    _agrees(found, directly(task), compared=1)
    assert 0 < found.models[0].metrics["v_measure"].value < 1
    assert found.measures == ("v_measure",)
    assert not _has_an_interval(found, "v_measure")
    assert found.differences == ()


def _beir(folder: Path, *, ranked: bool) -> dict[str, Any]:
    relevant: dict[str, dict[str, int]] = {}
    qrels = pl.read_csv(folder / "qrels" / "test.tsv", separator="\t")
    for query, document, score in qrels.iter_rows():
        relevant.setdefault(query, {})[document] = score
    candidates = dict(pl.read_ndjson(folder / "top_ranked.jsonl").iter_rows())
    return {
        "corpus": as_dataset(pl.read_ndjson(folder / "corpus.jsonl").rename({"_id": "id"})),
        "queries": as_dataset(pl.read_ndjson(folder / "queries.jsonl").rename({"_id": "id"})),
        "relevant_docs": relevant,
        "top_ranked": candidates if ranked else None,
    }


@pytest.mark.parametrize(("name", "main"), [("SciFact", "ndcg_at_10"), ("AskUbuntuDupQuestions", "map_at_1000")])
def test_retrieval_and_reranking_are_as_mteb_has_them(
    encoder: Encoder, searched: Path, directly: Direct, name: str, main: str
) -> None:
    task = _task(name)
    task.dataset = {"default": {"test": _beir(searched, ranked=name != "SciFact")}}
    found = _judged(encoder, name, searched)
    _agrees(found, directly(task), compared=35)
    assert (found.rows, found.items, found.measures[0]) == (12, "queries", main)
    assert all(_has_an_interval(found, measure) for measure in found.measures)


def test_without_candidates_the_judged_documents_are_reranked(encoder: Encoder, searched: Path) -> None:
    (searched / "top_ranked.jsonl").unlink()
    context = StepContext()
    found = _judged(encoder, "AskUbuntuDupQuestions", searched, context)
    assert found.models[0].metrics["map_at_1000"].value == 1  # All that are judged are relevant.
    assert any("top_ranked" in note for note in context.ledger.notes)


def test_qrels_of_one_file_are_read_by_their_split(encoder: Encoder, searched: Path, tmp_path: Path) -> None:
    whole = _judged(encoder, "SciFact", searched)
    other = Path(shutil.copytree(searched, tmp_path / "other"))
    rows = pl.read_csv(other / "qrels" / "test.tsv", separator="\t")
    shutil.rmtree(other / "qrels")
    marked = rows.with_columns(split=pl.lit("test"))
    pl.concat([marked, marked.tail(3).with_columns(split=pl.lit("train"))]).write_csv(other / "qrels.csv")
    assert _judged(encoder, "SciFact", other).models == whole.models


def test_a_cross_encoder_reranks_and_searches_but_does_nothing_that_needs_vectors(
    searched: Path, labelled: Path
) -> None:
    reranked = _judged(OverlapScorer(), "AskUbuntuDupQuestions", searched)
    assert 0.3 < reranked.models[0].metrics["map_at_1000"].value < 1
    assert 0.3 < _judged(OverlapScorer(), "SciFact", searched).models[0].metrics["ndcg_at_10"].value < 1
    with pytest.raises(ModelError, match=r"is a cross-encoder, .* reranking and retrieval"):
        _judged(OverlapScorer(), "Banking77Classification", labelled)


def test_documents_and_queries_stand_on_their_own_sides(searched: Path) -> None:
    seen: dict[Side, set[str]] = {Side.QUERY: set(), Side.DOCUMENT: set()}

    class Watched(LetterEncoder):
        def side_key(self, side: Side) -> str:
            return side.value

        def encode(self, texts: Sequence[str], side: Side) -> Floats:
            seen[side].update(texts)
            return super().encode(texts, side)

    _judged(Watched(), "SciFact", searched)
    assert seen[Side.QUERY] == set(pl.read_ndjson(searched / "queries.jsonl")["text"])
    documents = pl.read_ndjson(searched / "corpus.jsonl")
    assert seen[Side.DOCUMENT] == {f"{title} {text}" for title, text in documents.select("title", "text").iter_rows()}


def _runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that mteb runs from here on."""
    mteb, ran = load_mteb(), []
    run = mteb.evaluate

    def told(model: Any, task: Any, **settings: Any) -> Any:
        ran.append(task.metadata.name)
        return run(model, task, **settings)

    monkeypatch.setattr(mteb, "evaluate", told)
    return ran


def test_a_second_evaluation_runs_nothing_and_says_the_same(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = _runs(monkeypatch)
    context = StepContext(cache=tmp_path / "cache")
    first = _judged(LetterEncoder(), "STSBenchmark", scored, context)
    moved = Path(shutil.copytree(scored, tmp_path / "moved"))
    again = _judged(LetterEncoder(), "STSBenchmark", moved, context)
    assert ran == ["STSBenchmark"]
    assert again.models == first.models


def test_other_rows_and_other_models_are_run_anew(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = _runs(monkeypatch)
    context = StepContext(cache=tmp_path / "cache")
    first = _judged(LetterEncoder(), "STSBenchmark", scored, context)
    other_model = _judged(LetterEncoder(8), "STSBenchmark", scored, context)
    pl.read_ndjson(scored / "test.jsonl").head(20).write_ndjson(scored / "test.jsonl")
    other_rows = _judged(LetterEncoder(), "STSBenchmark", scored, context)
    assert len(ran) == 3
    values = {found.models[0].metrics["cosine_spearman"].value for found in (first, other_model, other_rows)}
    assert len(values) == 3
    assert other_rows.rows == 20


def test_results_whose_items_are_lost_are_made_anew(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = _runs(monkeypatch)
    context = StepContext(cache=tmp_path / "cache")
    first = _judged(LetterEncoder(), "STSBenchmark", scored, context)
    for kept in (tmp_path / "cache" / "mteb").rglob("*.parquet"):
        kept.unlink()
    assert _judged(LetterEncoder(), "STSBenchmark", scored, context) == first
    assert len(ran) == 2


def test_models_are_compared_on_the_same_items(encoder: Encoder, labelled: Path) -> None:
    options = _options("mteb:Banking77Classification", folders={"Banking77Classification": labelled})
    found = evaluate([encoder, LetterEncoder(), encoder], options=options).tasks[0]
    own = [difference for difference in found.differences if difference.model == difference.baseline]
    assert [(one.value, one.low, one.high) for one in own] == [(0, 0, 0)] * 2
    apart = next(one for one in found.differences if one.metric == "accuracy")
    values = [scores.metrics["accuracy"].value for scores in found.models]
    assert apart.value == pytest.approx(values[1] - values[0], abs=2e-6)


BENCHMARK = ("BuiltBenchClusteringP2P", "BuiltBenchClusteringS2S", "BuiltBenchRetrieval", "BuiltBenchReranking")


def _benchmark(encoder: Encoder, labelled: Path, searched: Path) -> Evaluation:
    folders = dict(zip(BENCHMARK, (labelled, labelled, searched, searched), strict=True))
    return evaluate([encoder], options=_options("mteb:BuiltBench(eng)", folders=folders))


def test_a_benchmark_is_a_line_for_each_of_its_tasks_and_their_mean_as_mteb_has_it(
    encoder: Encoder, labelled: Path, searched: Path
) -> None:
    found = _benchmark(encoder, labelled, searched).tasks
    assert [task.task for task in found] == [*(f"mteb:{name}" for name in BENCHMARK), "mteb:BuiltBench(eng)"]
    *tasks, mean = found
    main = [task.models[0].metrics[task.measures[0]].value for task in tasks]
    measured = {name: score.value for name, score in mean.models[0].metrics.items()}
    assert measured["mean_task"] == pytest.approx(np.mean(main), abs=2e-6)
    assert measured["mean_task_type"] == pytest.approx(np.mean([np.mean(main[:2]), main[2], main[3]]), abs=2e-6)
    assert (mean.rows, mean.items) == (4, "tasks")
    assert not _has_an_interval(mean, "mean_task")  # Clustering knows no predictions of single items.


def test_a_mean_of_tasks_with_items_has_an_interval(encoder: Encoder, searched: Path) -> None:
    with quiet_mteb():
        members = [task.metadata.name for task in load_mteb().get_task("CQADupstackRetrieval").metadata.tasks]
    options = _options("mteb:CQADupstackRetrieval", folders=dict.fromkeys(members, searched))
    *tasks, mean = evaluate([encoder], options=options).tasks
    assert len(tasks) == len(members)
    assert _has_an_interval(mean, "mean_task")
    # The same items in each, resampled apart: the mean of many is surer than one.
    one, many = (found.models[0].metrics[found.measures[0]] for found in (tasks[0], mean))
    assert many.value == pytest.approx(one.value, abs=2e-6)
    assert None not in (one.low, one.high, many.low, many.high)
    assert many.high - many.low < 0.6 * (one.high - one.low)  # type: ignore[operator]


def test_several_subsets_lie_in_folders_of_their_names(encoder: Encoder, labelled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "subsets"
    for language in ("en", "de"):
        shutil.copytree(labelled, folder / language)
        shutil.copy(folder / language / "test.parquet", folder / language / "validation.parquet")
    context = StepContext()
    found = _judged(encoder, "MTOPDomainClassification", folder, context)
    alone = _judged(encoder, "Banking77Classification", labelled)
    assert found.models[0].metrics["accuracy"].value == alone.models[0].metrics["accuracy"].value
    assert found.rows % alone.rows == 0
    assert found.rows >= 2 * alone.rows
    assert any("left out of the mean" in note for note in context.ledger.notes)


@pytest.mark.parametrize(
    ("task", "folders", "message"),
    [
        ("Banking77Clasification", {}, r"no such task or benchmark \(nearest names: .*Banking77Classification"),
        ("CIFAR10Clustering", {}, r"holds more than texts \(image\)"),
        ("BornholmBitextMining", {"BornholmBitextMining": "."}, "one of BitextMining; leave the option out"),
        ("SciFact", {"STSBenchmark": "."}, "no task 'stsbenchmark|no task 'STSBenchmark' is asked for"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(task: str, folders: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionsError, match=message):
        evaluate([LetterEncoder()], options=_options(f"mteb:{task}", folders=folders))


def test_local_data_is_named_by_task_and_folder() -> None:
    for wrong in ("Banking77Classification", "=banking77", "Banking77Classification="):
        with pytest.raises(OptionsError, match="should be NAME=PATH"):
            EvaluateOptions(task=("mteb:Banking77Classification",), task_data=(wrong,))
    with pytest.raises(OptionsError, match="two paths for STSBenchmark"):
        EvaluateOptions(task=("mteb:STSBenchmark",), task_data=("STSBenchmark=a", "STSBenchmark=b"))


def test_without_a_network_an_error_says_what_to_put_where() -> None:
    with pytest.raises(FileError, match=r"split \(train, test\) with columns text and label .*--task-data Banking77"):
        evaluate([LetterEncoder()], options=_options("mteb:Banking77Classification"))
    with pytest.raises(FileError, match="run it once where there is a network"):
        evaluate([LetterEncoder()], options=_options("mteb:BornholmBitextMining"))


def test_a_folder_that_lacks_something_is_refused_by_name(labelled: Path, searched: Path, scored: Path) -> None:
    (labelled / "train.parquet").unlink()
    with pytest.raises(FileError, match=r"'train' is missing \(found: test.parquet\)"):
        _judged(LetterEncoder(), "Banking77Classification", labelled)
    with pytest.raises(FileError, match="there is no such folder"):
        _judged(LetterEncoder(), "Banking77Classification", labelled / "nowhere")
    with pytest.raises(FileError, match="'qrels' is missing"):
        _judged(LetterEncoder(), "SciFact", scored)
    pl.DataFrame({"sentence1": ["a"], "sentence2": ["b"]}).write_ndjson(scored / "test.jsonl")
    with pytest.raises(FrameError, match="column 'score' is missing"):
        _judged(LetterEncoder(), "STSBenchmark", scored)
    with pytest.raises(FileError, match="no folder of such a name"):
        _judged(LetterEncoder(), "MTOPDomainClassification", labelled)
    pl.read_ndjson(searched / "queries.jsonl").with_columns(_id=pl.lit("x") + pl.col("_id")).write_ndjson(
        searched / "queries.jsonl"
    )
    with pytest.raises(FrameError, match="names a query and a document that are there"):
        _judged(LetterEncoder(), "SciFact", searched)


def test_a_model_that_tells_nothing_apart_is_refused(scored: Path) -> None:
    class Constant(LetterEncoder):
        def encode(self, texts: Sequence[str], side: Side) -> Floats:
            return np.ones((len(texts), self.dimension), dtype=np.float32)

    with pytest.raises(ModelError, match="finds no cosine_spearman"):
        _judged(Constant(), "STSBenchmark", scored)


def test_without_the_extra_an_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pairforge\[mteb\]'"):
        evaluate([LetterEncoder()], options=_options("mteb:STSBenchmark"))


def test_the_terminal_hears_nothing_of_mteb(model_folder: Path, searched: Path, tmp_path: Path) -> None:
    command = ["evaluate", str(model_folder), "--task", "mteb:SciFact", "--task-data", f"SciFact={searched}"]
    command += ["-o", str(tmp_path / "results.json"), "--bootstrap-samples", "100"]
    ran = subprocess.run([sys.executable, "-m", "pairforge", *command], capture_output=True, text=True, check=True)
    assert "nDCG at 10" in ran.stdout + ran.stderr
    assert not [word for word in ("Warning", "superseded", "Standardizing", "it/s", "INFO") if word in ran.stderr]


@pytest.mark.model
def test_minilm_classifies_banking77_as_a_direct_call_does(shared_data: Path) -> None:
    encoder = load_encoder(resolve(ModelRequest(), ModelKind.ENCODER))
    found = _judged(encoder, "Banking77Classification", shared_data / "banking77")
    assert found.rows == 3080
    assert found.models[0].metrics["accuracy"].value == pytest.approx(0.8004, abs=0.003)
    assert _has_an_interval(found, "accuracy")
