from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import OptionsError, StageError, Stopped
from pairforge.execution.manifest import manifest_path
from pairforge.files import read_json
from pairforge.pipeline.runner import Intent, plan, run
from pairforge.pipeline.schema import Recipe, RecipeStage, read_recipe
from tests.pipeline.recipe_steps import TEST_STEPS

RECIPE = """
[settings]
output = "out"
rows = 1
[stages.parts]
step = "split-pairs"
pairs = "pairs.parquet"
first_rows = "${rows}"
[stages.model]
step = "make-model"
pairs = "stage:parts.tail"
[stages.report]
step = "use-model"
model = "stage:model"
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_pairs(3)
    Path("r.toml").write_text(RECIPE)


def write_pairs(rows: int) -> None:
    texts = [str(row) for row in range(rows)]
    pl.DataFrame({"anchor": texts, "positive": texts}).write_parquet("pairs.parquet")


def recipe(*settings: str) -> Recipe:
    return read_recipe("r.toml", settings, steps=TEST_STEPS)


def statuses(*settings: str, **choice: str) -> dict[str, str]:
    return {report.name: report.outcome.status for report in run(recipe(*settings), **choice)}  # type: ignore[arg-type]


def intents(*settings: str, **choice: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    planned = plan(recipe(*settings), **choice)  # type: ignore[arg-type]
    return {stage.name: (stage.intent, stage.reasons) for stage in planned}


def test_a_run_makes_every_output_and_a_second_one_nothing() -> None:
    assert statuses() == {"parts": "done", "model": "done", "report": "done"}
    assert read_json(Path("out/model.model/config.json")) == {"rows": 2}
    before = Path("out/report.json").stat()
    assert set(statuses().values()) == {"up to date"}
    assert Path("out/report.json").stat().st_mtime_ns == before.st_mtime_ns


def test_a_changed_input_runs_what_depends_on_it() -> None:
    statuses()
    write_pairs(5)
    assert set(statuses().values()) == {"done"}
    assert read_json(Path("out/model.model/config.json")) == {"rows": 4}


def test_an_option_may_name_what_another_stage_makes() -> None:
    against = ["pairs:stage:parts.tail", "pairs:pairs.parquet"]
    earlier = RECIPE.replace("[stages.report]", f"[stages.report]\nagainst = {against}")
    Path("r.toml").write_text(earlier)
    assert intents()["report"] == (Intent.RUN, ("waits for model and parts",))
    assert recipe().stages[2].stage.options.model_dump()["against"] == ("pairs:out/parts.tail.parquet", against[1])
    statuses()
    assert read_json(Path("out/report.json"))["rows"] == [2, 3]
    assert statuses("rows=2") == {"parts": "done", "model": "done", "report": "done"}
    assert read_json(Path("out/report.json"))["rows"] == [1, 3]


def test_a_stage_whose_inputs_come_out_as_before_is_not_run_again() -> None:
    statuses()
    Path("r.toml").write_text(RECIPE.replace('pairs = "stage:parts.tail"', 'pairs = "stage:parts"'))
    assert statuses() == {"parts": "up to date", "model": "done", "report": "done"}
    pl.read_parquet("pairs.parquet").with_columns(positive=pl.col("anchor") + "!").write_parquet("other.parquet")
    Path("r.toml").write_text(RECIPE.replace('"${rows}"', '"${rows}"\nnames = ["changed"]'))
    assert statuses() == {"parts": "done", "model": "done", "report": "done"}
    assert statuses("parts.names=[]") == {"parts": "done", "model": "up to date", "report": "up to date"}


def test_the_plan_of_a_first_run_says_what_waits() -> None:
    assert intents() == {
        "parts": (Intent.RUN, ("output out/parts.parquet is missing", "output out/parts.tail.parquet is missing")),
        "model": (Intent.RUN, ("waits for parts",)),
        "report": (Intent.RUN, ("waits for model",)),
    }
    assert not Path("out").exists()


def test_the_plan_after_a_change_says_why() -> None:
    statuses()
    assert {intent for intent, _ in intents().values()} == {Intent.UP_TO_DATE}
    assert intents("rows=2") == {
        "parts": (Intent.RUN, ("option first_rows 1 → 2",)),
        "model": (Intent.MAY_RUN, ("if parts gives something else",)),
        "report": (Intent.MAY_RUN, ("if model gives something else",)),
    }


def test_an_output_that_vanished_is_made_again() -> None:
    statuses()
    Path("out/report.json").unlink()
    assert intents()["report"] == (Intent.RUN, ("output out/report.json is missing",))
    assert statuses() == {"parts": "up to date", "model": "up to date", "report": "done"}


def test_from_takes_what_comes_before_as_it_is() -> None:
    statuses()
    write_pairs(5)
    assert {name: intent for name, (intent, _) in intents(start="model").items()} == {
        "parts": Intent.USED,
        "model": Intent.UP_TO_DATE,
        "report": Intent.UP_TO_DATE,
    }
    assert statuses(start="model") == {"model": "up to date", "report": "up to date"}
    assert statuses(start="parts") == {"parts": "done", "model": "done", "report": "done"}


def test_only_looks_at_one_stage() -> None:
    statuses()
    assert statuses("rows=2", only="parts") == {"parts": "done"}
    assert {name: intent for name, (intent, _) in intents("rows=2", only="model").items()} == {
        "parts": Intent.USED,
        "model": Intent.RUN,
        "report": Intent.LEFT_OUT,
    }


def test_only_refuses_a_stage_whose_inputs_were_never_made() -> None:
    with pytest.raises(StageError, match=r"stage model uses out/parts\.tail\.parquet, which stage parts has not made"):
        statuses(only="model")


def test_unknown_and_contradicting_choices_are_refused() -> None:
    with pytest.raises(OptionsError, match=r"there is no stage 'modle'; did you mean model\."):
        statuses(only="modle")
    with pytest.raises(OptionsError, match="--from and --only are both given"):
        statuses(only="model", start="model")


def test_a_file_of_other_making_is_not_replaced_and_nothing_runs_before_that_is_said() -> None:
    Path("out").mkdir()
    Path("out/report.json").write_text("mine")
    with pytest.raises(StageError, match=r"stage report: out/report\.json exists, and no manifest"):
        statuses()
    assert [path.name for path in Path("out").iterdir()] == ["report.json"]
    run(recipe(), overwrite=True)
    assert Path("out/report.json").read_text() != "mine"


def test_an_edited_output_is_not_replaced_unasked() -> None:
    statuses()
    Path("out/report.json").write_text('{"model": "mine"}')
    with pytest.raises(StageError, match=r"^stage report: out/report\.json: was edited since it was made"):
        statuses()
    run(recipe(), overwrite=True)
    assert Path("out/report.json").read_text() != '{"model": "mine"}'


def test_callers_hear_of_each_stage_as_it_comes_and_goes() -> None:
    heard: list[str] = []
    run(recipe(), before=lambda stage: heard.append(f"+{stage.name}"), after=lambda r: heard.append(f"-{r.name}"))
    assert heard == ["+parts", "-parts", "+model", "-model", "+report", "-report"]


def test_a_stopped_run_goes_on_where_it_was() -> None:
    def stop(stage: RecipeStage) -> None:
        if stage.name == "model":
            raise Stopped("now")

    with pytest.raises(Stopped):
        run(recipe(), before=stop)
    assert manifest_path(Path("out/parts.parquet")).exists()
    assert statuses() == {"parts": "up to date", "model": "done", "report": "done"}


def test_the_report_of_a_stage_is_json() -> None:
    report = run(recipe())[0]
    assert report.to_json() | {"seconds": 0} == {
        "stage": "parts",
        "step": "split-pairs",
        "status": "done",
        "outputs": {"head": "out/parts.parquet", "tail": "out/parts.tail.parquet"},
        "rows_in": {"pairs": 3},
        "rows_out": {"head": 1, "tail": 2},
        "dropped": {},
        "counts": {},
        "quantiles": {},
        "seconds": 0,
        "notes": [],
        "models": {},
    }
    assert report.evaluation is None


def test_a_run_with_nothing_to_do_loads_no_model_library() -> None:
    code = (
        "import sys\n"
        "from pairforge.pipeline.runner import run\n"
        "from pairforge.pipeline.schema import read_recipe\n"
        "from tests.pipeline.recipe_steps import TEST_STEPS\n"
        "reports = run(read_recipe('r.toml', steps=TEST_STEPS))\n"
        "heavy = ('torch', 'sentence_transformers', 'transformers', 'datasets', 'faiss')\n"
        "print({r.outcome.status for r in reports}, [name for name in heavy if name in sys.modules])"
    )
    statuses()
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "{'up to date'} []"
