from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import RecipeError
from pairforge.execution.stage import FileInput
from pairforge.pipeline.schema import Recipe, read_recipe
from tests.pipeline.recipe_steps import TEST_STEPS

PAIRS = pl.DataFrame({"anchor": ["a", "b", "c"], "positive": ["aa", "bb", "cc"]})
NLI = pl.DataFrame({"premise": ["p", "p"], "hypothesis": ["h", "i"], "label": ["entailment", "contradiction"]})


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    PAIRS.write_parquet("pairs.parquet")
    NLI.write_ndjson("nli.jsonl")


def read(text: str, *settings: str) -> Recipe:
    Path("r.toml").write_text(text)
    return read_recipe("r.toml", settings, steps=TEST_STEPS)


def faults(text: str, *settings: str) -> list[str]:
    with pytest.raises(RecipeError) as refused:
        read(text, *settings)
    lines = str(refused.value).split("\n  ")
    return lines[1:] if len(lines) > 1 else [lines[0].removeprefix("r.toml: ")]


def test_a_recipe_becomes_stages_with_their_paths() -> None:
    recipe = read(
        """
        description = "Two."
        [settings]
        output = "out"
        rows = 2
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
    )
    parts, model, report = recipe.stages
    assert (recipe.description, recipe.output, recipe.names) == ("Two.", Path("out"), ["parts", "model", "report"])
    assert parts.stage.outputs == {"head": Path("out/parts.parquet"), "tail": Path("out/parts.tail.parquet")}
    assert parts.stage.options.model_dump() == {"first_rows": 2, "names": ()}
    assert model.stage.inputs == {"pairs": FileInput(("out/parts.tail.parquet",))}
    assert model.needs == {"parts": (Path("out/parts.tail.parquet"),)}
    assert [request.name for request in report.stage.models["model"]] == ["out/model.model"]
    assert report.main == Path("out/report.json")


def test_an_input_may_be_a_table_and_an_option_one_of_many() -> None:
    Path("raw.csv").write_text("q,a\nx,y\n")
    recipe = read(
        """
        [stages.parts]
        step = "split-pairs"
        pairs = { source = "raw.csv", columns = { anchor = "q", positive = "a" } }
        names = "one"
        """
    )
    stage = recipe.stages[0].stage
    assert stage.inputs["pairs"] == FileInput(("raw.csv",), {"anchor": "q", "positive": "a"})
    assert stage.options.model_dump()["names"] == ("one",)


def test_a_model_may_be_a_table() -> None:
    Path("m").mkdir()
    Path("m/config.json").write_text("{}")
    recipe = read('[stages.u]\nstep = "use-model"\nmodel = { name = "./m", max_length = 9 }')
    assert recipe.stages[0].stage.models["model"][0].max_length == 9


def test_stages_stand_in_the_order_of_the_file_unless_a_reference_demands_another() -> None:
    made = '[stages.{0}]\nstep = "split-pairs"\npairs = "{1}"\n'
    text = made.format("z", "pairs.parquet") + made.format("a", "stage:m") + made.format("m", "pairs.parquet")
    assert read(text + made.format("b", "stage:z")).names == ["z", "m", "a", "b"]


def test_all_faults_are_listed_in_one_error() -> None:
    found = faults(
        """
        [stages.one]
        step = "convert-nil"
        [stages.two]
        step = "convert-nli"
        nli = "${nope}"
        bidirectionel = true
        to = "triple"
        [stages.three]
        step = "split-pairs"
        pairs = "missing.parquet"
        first_rows = 0
        [stages.four]
        step = "split-pairs"
        """,
        "seed=3",
    )
    assert [line.split(": ")[0] for line in found] == [
        "--set seed=3",
        "stages.two",
        "stages.one",
        "stages.two",
        "stages.two",
        "stages.three",
        "stages.four",
        "stages.three",
    ]
    assert all(line.endswith(".") for line in found)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('step = "split"', "there is no step 'split'; "),
        ('pairs = "pairs.parquet"', "stages.s: 'step' is missing; there are: convert-nli"),
        ('step = "split-pairs"', "stages.s: input 'pairs' is missing (pairs)."),
        ('step = "use-model"', "stages.s: 'model' is missing (looked at)."),
        ('step = "use-model"\nidle = true\nmodel = "m"', "stages.s: 'model' is given, but with these options use-mo"),
        ('step = "init-model"', "stages.s: 'kind' is missing (static: a table of word-piece vectors"),
        (
            'step = "split-pairs"\npairs = "pairs.parquet"\nfirst_row = 1',
            "stages.s: split-pairs has no 'first_row'; did you mean first_rows.",
        ),
        (
            'step = "split-pairs"\npairs = "pairs.parquet"\nfirst_rows = 0',
            "stages.s: first_rows should be greater than or equal to 1, but it is 0.",
        ),
        (
            'step = "split-pairs"\npairs = "pairs.parquet"\nfirst_rows = "many"',
            "stages.s: first_rows should be a whole number, unable to parse string as an integer, but it is 'many'.",
        ),
        (
            'step = "convert-nli"\nnli = "nli.jsonl"\nbidirectional = true\nto = "scored"',
            "stages.s: bidirectional=True turns pairs and triplets round;",
        ),
        ('step = "split-pairs"\npairs = 3', "stages.s: pairs: source should be a list, but it is 3."),
        ('step = "split-pairs"\npairs = []', "stages.s: pairs: source: List should have at least 1 item"),
        ('step = "split-pairs"\npairs = ["a", "b"]', "stages.s: pairs: takes one source, but 2 are given."),
        (
            'step = "split-pairs"\npairs = {source = "pairs.parquet", column = {}}',
            "stages.s: pairs: there is no 'column'; did you mean columns.",
        ),
        (
            'step = "split-pairs"\npairs = {source = "pairs.parquet", columns = {ancor = "q"}}',
            "stages.s: pairs: has no column 'ancor'; did you mean anchor.",
        ),
        (
            'step = "split-pairs"\npairs = {source = "pairs.parquet", columns = {anchor = "q"}}',
            "stages.s: pairs: pairs.parquet: column 'q', named as 'anchor', is missing",
        ),
        ('step = "split-pairs"\npairs = "nope.parquet"', "stages.s: pairs: nope.parquet: there is no such file"),
        (
            'step = "convert-nli"\nnli = "pairs.parquet"',
            "stages.s: nli: pairs.parquet: column 'premise' is missing (found: anchor, positive). "
            'Name it with columns = { premise = "…" }.',
        ),
        ('step = "use-model"\nmodel = "./nope"', "stages.s: model: nope: no such model folder."),
        ('step = "use-model"\nmodel = ["a", "b"]', "stages.s: model: takes one model, but 2 are given."),
        ('step = "use-model"\nmodel = {name = "m", dtpe = 1}', "model: there is no 'dtpe'; did you mean dtype."),
        ('step = "use-model"\nmodel = "stage:m"', "stages.s: there is no stage 'm'; there is none."),
        ('step = "split-pairs"\npairs = "stage:s"', "stages: s → s wait for each other;"),
        ('step = "split-pairs"\npairs = "runs/r/s.parquet"', "is what stage 's' writes; say \"stage:s\"."),
        ('step = "evaluate"\nmodels = "stage:x"\ntask = "sts:no.csv"', "stages.s: no.csv: there is no such file"),
        ('step = "evaluate"\nmodels = "stage:x"\ntask = "sts12"', "name that file: task_data sts12=FILE."),
        (
            'step = "evaluate"\nmodels = "stage:x"\ntask = "sts12"\ntask_data = "sts12=no.csv"',
            "stages.s: no.csv: there is no such file",
        ),
    ],
)  # fmt: skip
def test_a_wrong_stage_is_one_clear_fault(table: str, fault: str) -> None:
    assert any(fault in line for line in faults(f"[stages.s]\n{table}"))


def test_a_folder_that_an_option_names_may_hold_files_of_several_formats(tmp_path: Path) -> None:
    Path("task").mkdir()
    PAIRS.write_ndjson("task/corpus.jsonl")
    PAIRS.write_csv("task/qrels.tsv")
    found = faults('[stages.s]\nstep = "evaluate"\nmodels = "stage:x"\ntask = "retrieval:task"')
    assert found == ["stages.s: there is no stage 'x'; there is none."]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ('step = "split-pairs"\npairs = "stage:part"', "there is no stage 'part'; did you mean parts."),
        ('step = "split-pairs"\npairs = "stage:parts.tial"', "stage 'parts' has no output 'tial'; did you mean tail."),
        ('step = "split-pairs"\npairs = "stage:model"', "pairs: stage:model is a model, but a corpus was wanted."),
        ('step = "use-model"\nmodel = "stage:parts"', "model: stage:parts is a pair corpus, but a model was wanted."),
        (
            'step = "convert-nli"\nnli = "stage:parts"',
            "nli: stage:parts (pair): column 'premise' is missing (found: anchor, positive).",
        ),
        (
            'step = "use-model"\nidle = true\nagainst = "sts:stage:part"',
            "there is no stage 'part'; did you mean parts.",
        ),
        (
            'step = "use-model"\nidle = true\nagainst = "sts:stage:model"',
            "stage:model is a model, but a file was wanted.",
        ),
        (
            'step = "label-margins"\ntriplets = "stage:parts"\nmodel = "m"',
            "triplets: stage:parts (pair): its columns (anchor, positive) fit no wanted shape",
        ),
    ],
)
def test_a_reference_to_the_wrong_thing_is_one_clear_fault(table: str, fault: str) -> None:
    earlier = (
        '[stages.parts]\nstep = "split-pairs"\npairs = "pairs.parquet"\n'
        '[stages.model]\nstep = "make-model"\npairs = "stage:parts"\n'
    )
    assert fault in faults(f"{earlier}[stages.s]\n{table}")[0]


def test_one_shape_is_read_as_another_where_its_columns_are_known_by_both_names() -> None:
    text = '[stages.rows]\nstep = "convert-nli"\nnli = "nli.jsonl"\nto = "scored"\n[stages.s]\nstep = "split-pairs"\n'
    assert read(text + 'pairs = "stage:rows"').names == ["rows", "s"]


def test_columns_that_travel_along_may_be_named() -> None:
    text = '[stages.p]\nstep = "split-pairs"\npairs = "pairs.parquet"\n[stages.s]\nstep = "split-pairs"\n'
    assert read(text + 'pairs = { source = "stage:p", columns = { anchor = "title" } }').names == ["p", "s"]


def test_the_data_of_a_task_may_be_what_another_stage_makes() -> None:
    text = """
        [stages.scored]
        step = "convert-nli"
        nli = "nli.jsonl"
        to = "scored"
        [stages.model]
        step = "init-model"
        kind = "static"
        [stages.s]
        step = "evaluate"
        models = "stage:model"
        task = ["sick", "sts:stage:scored"]
        task_data = "sick=stage:scored"
        """
    options = read(text).stages[2].stage.options.model_dump()
    made = options["task"][1].removeprefix("sts:")
    assert made.endswith("scored.parquet")
    assert options["task_data"] == (f"sick={made}",)


def test_a_corpus_of_any_shape_is_taken_on_trust() -> None:
    text = """
        [stages.clean]
        step = "decontaminate"
        corpus = "pairs.parquet"
        against = "pairs.parquet"
        [stages.s]
        step = "split-pairs"
        pairs = "stage:clean"
        """
    assert read(text).names == ["clean", "s"]


def test_a_longer_cycle_is_named_and_the_others_are_still_checked() -> None:
    made = '[stages.{0}]\nstep = "split-pairs"\npairs = "{1}"\n'
    stages = [("x", "stage:c"), ("a", "stage:c"), ("b", "stage:a"), ("c", "stage:b"), ("d", "nope.parquet")]
    found = faults("".join(made.format(*stage) for stage in stages))
    assert found[0] == "stages: c → b → a → c wait for each other; let one of them read something else."
    assert found[1].startswith("stages.d: pairs: nope.parquet: there is no such file")


def test_a_wrong_option_hides_no_other_fault() -> None:
    found = faults('[stages.s]\nstep = "split-pairs"\npairs = "nope.parquet"\nfirst_rows = 0')
    assert len(found) == 2


def test_a_truncated_file_is_said_to_be_one() -> None:
    Path("cut.parquet").write_bytes(Path("pairs.parquet").read_bytes()[:-20])
    found = faults('[stages.s]\nstep = "split-pairs"\npairs = "cut.parquet"')
    assert "cut.parquet" in found[0]
    assert found[0].startswith("stages.s: pairs: ")


def test_output_must_be_a_folder() -> None:
    assert faults("[settings]\noutput = 3\n[stages.s]\nstep = 'split-pairs'\npairs = 'pairs.parquet'") == [
        "settings.output: a folder was wanted, as text, but it is 3."
    ]


def test_settings_change_what_is_read() -> None:
    text = '[settings]\nn = 1\n[stages.s]\nstep = "split-pairs"\npairs = "pairs.parquet"\nfirst_rows = "${n}"'
    recipe = read(text, "n=2", 's.names=["x"]', "output=elsewhere")
    assert recipe.stages[0].stage.options.model_dump() == {"first_rows": 2, "names": ("x",)}
    assert recipe.stages[0].main == Path("elsewhere/s.parquet")


def test_options_decide_what_a_stage_reads() -> None:
    pl.DataFrame({"title": ["t"], "body": ["b"]}).write_parquet("rows.parquet")
    stage = '[stages.pairs]\nstep = "pair-texts"\n'
    assert read(stage + 'by = "fields"\ntexts = "rows.parquet"').names == ["pairs"]
    [missing] = faults(stage + 'by = "crops"\ntexts = "rows.parquet"')
    assert "column 'text' is missing" in missing
    [column] = faults(
        stage + 'by = "crops"\ntexts = {source = "rows.parquet", columns = {text = "body", anchor = "title"}}'
    )
    assert "no column 'anchor'" in column
    [way] = faults(stage + 'texts = {source = "rows.parquet", columns = {text = "body"}}')
    assert "by" in way
