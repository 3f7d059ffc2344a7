from __future__ import annotations

from pathlib import Path

import pytest

from pairforge.errors import RecipeError
from pairforge.pipeline.faults import Faults
from pairforge.pipeline.recipe_file import RecipeTables, find_recipe, read_tables
from pairforge.pipeline.registry import shipped_folder


def read(path: Path) -> tuple[RecipeTables, list[str]]:
    faults = Faults(path)
    return read_tables(path, faults), faults.lines


def written(folder: Path, text: str) -> Path:
    path = folder / "r.toml"
    path.write_text(text)
    return path


def test_output_has_a_default_named_after_the_file(tmp_path: Path) -> None:
    tables, _ = read(written(tmp_path, '[stages.a]\nstep = "x"'))
    assert tables.settings == {"output": "runs/r"}


def test_stages_keep_the_order_of_the_file(tmp_path: Path) -> None:
    tables, _ = read(written(tmp_path, "[stages.z]\n[stages.a]\n[stages.m]\n"))
    assert list(tables.stages) == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('description = "x', "r.toml: is no TOML: illegal character '\\n' at line 1, column 17. Mend that line."),
        ("a = 1\na = 2", "is no TOML: cannot overwrite a value"),
        ("", "a recipe needs at least one stage"),
        ("[settings]\nn = 1", "a recipe needs at least one stage"),
        ("[stage.a]", "stage: a recipe has no such table; did you mean stages."),
        ("[stages]\nmined = 3", "stages.mined should be a table, but it is 3."),
        ("description = 3\n[stages.a]", "description should be text, but it is 3."),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(RecipeError) as refused:
        read(written(tmp_path, text + "\n"))
    assert sentence in str(refused.value)


def test_a_stage_name_with_a_dot_is_a_fault(tmp_path: Path) -> None:
    _, faults = read(written(tmp_path, '[stages."a.b"]'))
    assert faults == ["stages.a.b: a stage's name is made of letters, digits, - and _; rename it."]


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(b'description = "\xff"')
    with pytest.raises(RecipeError, match="is not UTF-8 text"):
        read(path)


def test_a_missing_recipe_is_refused_with_the_nearest_shipped_one() -> None:
    with pytest.raises(RecipeError, match=r"quickstar: there is no such file.*did you mean quickstart\."):
        find_recipe("quickstar")


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is a folder"):
        find_recipe(tmp_path)


@pytest.mark.parametrize("name", ["quickstart", "quickstart.toml"])
def test_a_shipped_recipe_is_found_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_recipe(name) == shipped_folder("recipes") / "quickstart.toml"


def test_a_shipped_recipe_of_a_folder_is_found_by_both_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_recipe("book/softmax") == shipped_folder("recipes") / "book" / "softmax.toml"
    tables, _ = read(find_recipe("book/softmax"))
    assert tables.settings["data"] == str(shipped_folder("examples"))


def test_a_file_here_comes_before_a_shipped_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart.toml").write_text("")
    assert find_recipe("quickstart.toml") == Path("quickstart.toml")


def test_a_shipped_recipe_finds_the_shipped_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables, _ = read(find_recipe("quickstart"))
    assert tables.settings["nli"] == str(shipped_folder("examples") / "nli.jsonl")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/nli.jsonl").write_text("{}")
    tables, _ = read(find_recipe("quickstart"))
    assert tables.settings["nli"] == "examples/nli.jsonl"


def test_another_recipe_means_the_examples_that_lie_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tables, _ = read(written(tmp_path, '[settings]\nnli = "examples/nli.jsonl"\n[stages.a]'))
    assert tables.settings["nli"] == "examples/nli.jsonl"
