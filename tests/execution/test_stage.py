from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tiny_steps import PACK, SHOUT, SPLIT, PackOptions, ShoutOptions

from pairforge.cache import cache_folder
from pairforge.errors import FileError, FrameError, StageError, Stopped
from pairforge.execution.stage import FileInput, Outcome, Stage, check_stage, run_stage
from pairforge.execution.step import StepOptions


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.parquet"
    pl.DataFrame({"text": ["a", "bb", "ccc"], "colour": ["red", None, "blue"]}).write_parquet(path)
    return path


def shout(texts: Path, **changes: object) -> Stage:
    options = ShoutOptions.model_validate(changes.pop("options", {}))
    return replace(Stage(SHOUT, options, {"texts": FileInput((str(texts),))}), **changes)


def run(stage: Stage, **settings: object) -> Outcome:
    return run_stage(stage, cache=cache_folder(), **settings)


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_output_holds_the_step_s_rows_and_the_columns_that_travel(texts: Path) -> None:
    outcome = run(shout(texts))
    assert outcome.status == "done"
    frame = pl.read_parquet(outcome.outputs["texts"])
    assert frame["text"].to_list() == ["A!", "BB!", "CCC!"]
    assert frame["colour"].to_list() == ["red", None, "blue"]
    assert frame["ordinal"].to_list() == [0, 1, 2]


def test_default_output_and_manifest_lie_beside_the_input_and_nothing_else_does(texts: Path) -> None:
    run(shout(texts))
    assert left_in(texts.parent) == {
        "texts.parquet", "texts.shouted.parquet", "texts.shouted.parquet.manifest.json",
    }  # fmt: skip


def test_outcome_says_rows_in_rows_out_and_dropped_by_reason(texts: Path) -> None:
    outcome = run(shout(texts, options={"longest": 1}))
    assert (outcome.rows_in, outcome.rows_out) == ({"texts": 3}, {"texts": 1})
    assert outcome.ledger.dropped == {"too_long": 2}
    assert outcome.ledger.counts == {"texts seen": 3}


def test_second_run_is_up_to_date_and_tells_the_same(texts: Path) -> None:
    first = run(shout(texts, options={"longest": 1}))
    written = first.outputs["texts"].stat().st_mtime_ns
    second = run(shout(texts, options={"longest": 1}))
    assert second.status == "up to date"
    assert {**second.to_json(), "status": "done"} == first.to_json()
    assert second.outputs["texts"].stat().st_mtime_ns == written


def test_outcome_is_json(texts: Path) -> None:
    told = json.loads(json.dumps(run(shout(texts)).to_json()))
    assert told["quantiles"]["lengths"]["0.5"] == pytest.approx(0.1, abs=1e-3)
    assert told["rows_out"] == {"texts": 3}


def test_up_to_date_run_imports_no_heavy_library(texts: Path) -> None:
    run(shout(texts))
    script = (
        "import sys; from pathlib import Path; from tiny_steps import SHOUT, ShoutOptions;"
        "from pairforge.execution.stage import *;"
        "stage = Stage(SHOUT, ShoutOptions(), {'texts': FileInput((sys.argv[1],))});"
        "print(run_stage(stage, cache=Path(sys.argv[2])).status);"
        "print(sorted({'torch', 'sentence_transformers', 'transformers', 'datasets', 'faiss'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, texts, cache_folder()],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.split("\n")[:2] == ["up to date", "[]"]


def test_changed_option_is_a_reason_and_is_not_written_over_unasked(texts: Path) -> None:
    made = run(shout(texts)).outputs["texts"]
    before = made.read_bytes()
    changed = shout(texts, options={"mark": "?", "longest": 2})
    assert check_stage(changed).reasons == ("option mark ! → ?", "option longest 1000 → 2")
    with pytest.raises(StageError, match=r"was made otherwise \(option mark ! → \?; option longest .*--overwrite"):
        run(changed)
    assert made.read_bytes() == before
    assert run(changed, overwrite=True).rows_out == {"texts": 2}
    assert check_stage(changed).up_to_date


def test_changed_input_is_a_reason(texts: Path) -> None:
    run(shout(texts))
    pl.DataFrame({"text": ["other"]}).write_parquet(texts)
    assert check_stage(shout(texts)).reasons == ("input texts changed",)
    with pytest.raises(StageError, match="input texts changed"):
        run(shout(texts))


def test_renamed_input_of_the_same_content_is_no_reason(texts: Path) -> None:
    outputs = {"texts": texts.with_name("out.parquet")}
    run(shout(texts, outputs=outputs))
    moved = texts.rename(texts.with_name("moved.parquet"))
    assert check_stage(shout(moved, outputs=outputs)).up_to_date


def test_added_input_column_names_and_scale_are_reasons(texts: Path) -> None:
    run(shout(texts))
    told = FileInput((str(texts),), columns={"text": "colour"}, score_scale=5)
    reasons = check_stage(shout(texts, inputs={"texts": told, "others": FileInput((str(texts),))})).reasons
    assert reasons == (
        "input texts: column text none → colour", "input texts: score scale none → 5.0", "input others is new",
    )  # fmt: skip


def test_raised_step_version_is_a_reason(texts: Path) -> None:
    run(shout(texts))
    assert check_stage(shout(texts, step=replace(SHOUT, version=2))).reasons == ("step version 1 → 2",)


def test_output_of_another_step_is_a_reason(texts: Path) -> None:
    out = {"texts": texts.with_name("out.parquet")}
    run(shout(texts, outputs=out))
    assert check_stage(shout(texts, outputs=out, step=replace(SHOUT, name="yell"))).reasons == ("step shout → yell",)


def test_edited_output_is_noticed_and_not_written_over_unasked(texts: Path) -> None:
    made = run(shout(texts)).outputs["texts"]
    pl.DataFrame({"text": ["mine"]}).write_parquet(made)
    freshness = check_stage(shout(texts))
    assert freshness.reasons == (f"output {made} was edited",)
    assert freshness.unaccounted == (made,)
    with pytest.raises(StageError, match="was edited since it was made"):
        run(shout(texts))
    run(shout(texts), overwrite=True)
    assert pl.read_parquet(made).height == 3


def test_missing_output_is_made_again_unasked(texts: Path) -> None:
    made = run(shout(texts)).outputs["texts"]
    made.unlink()
    assert check_stage(shout(texts)).reasons == (f"output {made} is missing",)
    assert run(shout(texts)).status == "done"


def test_file_without_a_manifest_is_not_written_over_unasked(texts: Path) -> None:
    mine = texts.with_name("texts.shouted.parquet")
    mine.write_bytes(b"mine")
    assert check_stage(shout(texts)).unaccounted == (mine,)
    with pytest.raises(StageError, match="no manifest says"):
        run(shout(texts))
    assert mine.read_bytes() == b"mine"
    run(shout(texts), overwrite=True)
    assert pl.read_parquet(mine).height == 3


def test_folder_without_a_manifest_is_never_replaced(texts: Path) -> None:
    mine = texts.with_name("texts.model")
    mine.mkdir()
    (mine / "thesis.txt").write_text("ten years")
    with pytest.raises(StageError, match="Remove it yourself"):
        run(Stage(PACK, PackOptions(), {"texts": FileInput((str(texts),))}), overwrite=True)
    assert left_in(mine) == {"thesis.txt"}


def test_damaged_manifest_counts_as_none(texts: Path) -> None:
    made = run(shout(texts)).outputs["texts"]
    manifest = made.with_name(made.name + ".manifest.json")
    whole = manifest.read_text()
    for damaged in ("{}", whole.replace("2200:1", "2200"), whole[:-50]):
        manifest.write_text(damaged)
        assert check_stage(shout(texts)).reasons == (f"output {made} has no manifest that says what made it",)


def test_empty_result_says_why_and_writes_nothing(texts: Path) -> None:
    with pytest.raises(StageError, match=r"kept none of 3 rows \(too long: 3\)"):
        run(shout(texts, options={"longest": 0}))
    assert left_in(texts.parent) == {"texts.parquet"}


def test_what_a_step_says_of_a_role_names_its_file(texts: Path) -> None:
    def refuse(texts: pl.DataFrame, **lent: object) -> pl.DataFrame:
        raise FrameError("texts: has no verbs. Give others.")

    step = replace(SPLIT, run=refuse)
    with pytest.raises(FrameError, match=rf"^{re.escape(str(texts))}: has no verbs. Give others.$"):
        run_stage(Stage(step, StepOptions(), {"texts": FileInput((str(texts),))}), cache=cache_folder())


def test_crash_in_the_step_leaves_no_output(texts: Path) -> None:
    def crash(**given: object) -> pl.DataFrame:
        raise RuntimeError("crash")

    with pytest.raises(RuntimeError):
        run(shout(texts, step=replace(SHOUT, row_wise=None, run=crash)))
    new = texts.parent / "new" / "deep" / "out.parquet"
    with pytest.raises(RuntimeError):
        run(shout(texts, step=replace(SHOUT, row_wise=None, run=crash), outputs={"texts": new}))
    assert left_in(texts.parent) == {"texts.parquet"}


def test_result_that_breaks_its_contract_leaves_no_output(texts: Path) -> None:
    def forget(texts: pl.DataFrame, **given: object) -> pl.DataFrame:
        return texts.drop("text")

    with pytest.raises(FrameError, match="the output texts: column 'text' is missing"):
        run(shout(texts, step=replace(SHOUT, row_wise=None, run=forget)))
    assert left_in(texts.parent) == {"texts.parquet"}


def test_columns_that_the_format_cannot_hold_leave_no_output(texts: Path) -> None:
    pl.DataFrame({"text": ["a"], "tags": [["x"]]}).write_parquet(texts)
    with pytest.raises(StageError, match=rf"^{texts.with_name('out.csv')}: csv cannot hold column 'tags' of type List"):
        run(shout(texts, outputs={"texts": texts.with_name("out.csv")}))
    assert left_in(texts.parent) == {"texts.parquet"}


def test_wrong_input_leaves_nothing_not_even_the_output_s_folder(texts: Path) -> None:
    pl.DataFrame({"number": [1]}).write_parquet(texts)
    with pytest.raises(FrameError, match=r"texts\.parquet: column 'text' is missing"):
        run(shout(texts, outputs={"texts": texts.parent / "new" / "out.parquet"}))
    assert left_in(texts.parent) == {"texts.parquet"}


def test_missing_input_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no such file"):
        run(shout(tmp_path / "none.parquet"))
    with pytest.raises(StageError, match="needs a file for its input 'texts'"):
        run(Stage(SHOUT, ShoutOptions()))


def test_guessed_columns_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "raw.csv"
    path.write_text("sentence\nHello\n")
    assert run(shout(path)).notes == (f"{path}: reads column 'sentence' as 'text'",)


def test_ctrl_c_says_how_to_go_on(texts: Path) -> None:
    def interrupt(**given: object) -> pl.DataFrame:
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match="Stopped in stage shout; finished parts are kept: run the same command again"):
        run(shout(texts, step=replace(SHOUT, row_wise=None, run=interrupt)))


def test_two_outputs_lie_side_by_side_or_where_they_are_told(texts: Path) -> None:
    stage = Stage(SPLIT, StepOptions(), {"texts": FileInput((str(texts),))})
    outcome = run(stage)
    assert [path.name for path in outcome.outputs.values()] == ["texts.split.parquet", "texts.split.rest.parquet"]
    elsewhere = replace(stage, outputs={"rest": texts.parent / "deep" / "rest.jsonl"})
    assert check_stage(elsewhere).reasons == (f"output {texts.parent}/deep/rest.jsonl is missing",)
    assert pl.read_ndjson(run(elsewhere).outputs["rest"]).height == 2


def test_artifacts_are_moved_into_place_and_replaced_whole(texts: Path) -> None:
    stage = Stage(PACK, PackOptions(), {"texts": FileInput((str(texts),))})
    outcome = run(stage)
    assert [path.name for path in outcome.outputs.values()] == ["texts.model", "texts.report.json"]
    assert left_in(outcome.outputs["model"]) == {"0.txt", "1.txt", "2.txt"}
    assert run(stage).status == "up to date"
    pl.DataFrame({"text": ["one"]}).write_parquet(texts)
    assert left_in(run(stage, overwrite=True).outputs["model"]) == {"0.txt"}
    assert left_in(texts.parent) == {"texts.parquet", "texts.model", "texts.model.manifest.json", "texts.report.json"}


def test_file_that_an_option_names_counts_by_content(texts: Path) -> None:
    listed = texts.with_name("list.txt")
    listed.write_text("1")
    stage = Stage(PACK, PackOptions(listed_in=str(listed)), {"texts": FileInput((str(texts),))})
    run(stage)
    listed.write_text("2")
    assert check_stage(stage).reasons == (f"file {listed} changed",)


def test_moved_folder_is_still_up_to_date(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    run(shout(texts))
    moved = texts.parent.rename(tmp_path_factory.mktemp("elsewhere") / "moved")
    assert check_stage(shout(moved / "texts.parquet")).up_to_date
