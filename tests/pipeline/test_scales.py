from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pairforge.errors import RecipeError
from pairforge.pipeline.schema import Recipe, read_recipe
from tests.pipeline.recipe_steps import TEST_STEPS

RECIPE = """
[settings]
output = "out/${scale}"
pairs = "large.parquet"
rows = 2
[stages.parts]
step = "split-pairs"
pairs = "${pairs}"
first_rows = "${rows}"
names = ["a"]
[scales.small]
pairs = "stage:fewer"
rows = 1
parts.names = ["b"]
[scales.small.stages.fewer]
step = "split-pairs"
pairs = "small.parquet"
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = [str(row) for row in range(5)]
    for name in ("large", "small"):
        pl.DataFrame({"anchor": texts, "positive": texts}).write_parquet(f"{name}.parquet")


def read(*settings: str, text: str = RECIPE) -> Recipe:
    Path("r.toml").write_text(text)
    return read_recipe("r.toml", settings, steps=TEST_STEPS)


def options(recipe: Recipe, stage: str = "parts") -> dict[str, object]:
    return next(found for found in recipe.stages if found.name == stage).stage.options.model_dump()


def faults(*settings: str, text: str = RECIPE) -> str:
    with pytest.raises(RecipeError) as refused:
        read(*settings, text=text)
    return str(refused.value)


def test_a_recipe_runs_as_it_is_written_unless_a_scale_is_asked_for() -> None:
    recipe = read()
    assert (recipe.scale, recipe.names, recipe.output) == ("published", ["parts"], Path("out/published"))
    assert options(recipe) == {"first_rows": 2, "names": ("a",)}
    assert read("scale=published").names == ["parts"]


def test_a_scale_changes_settings_and_keys_and_brings_stages_of_its_own() -> None:
    recipe = read("scale=small")
    assert (recipe.scale, recipe.names, recipe.output) == ("small", ["fewer", "parts"], Path("out/small"))
    assert options(recipe) == {"first_rows": 1, "names": ("b",)}
    assert recipe.stages[1].stage.inputs["pairs"].sources == ("out/small/fewer.parquet",)


def test_a_single_value_wins_over_a_scale_wherever_it_stands() -> None:
    assert options(read("rows=4", "scale=small", 'parts.names=["c"]')) == {"first_rows": 4, "names": ("c",)}
    assert options(read("scale=small", "fewer.first_rows=3"), "fewer")["first_rows"] == 3
    assert read("scale=small", "scale=published").scale == "published"


def test_a_recipe_may_choose_its_scale_itself() -> None:
    assert read(text=RECIPE.replace("[settings]", '[settings]\nscale = "small"')).scale == "small"


def test_a_quoted_key_says_the_same_as_a_dotted_one() -> None:
    assert options(read("scale=small", text=RECIPE.replace("parts.names", '"parts.names"')))["names"] == ("b",)


def test_an_unknown_scale_is_refused_with_the_nearest_names() -> None:
    assert "--set scale=smal: there is no scale 'smal'; did you mean small." in faults("scale=smal")
    chosen = RECIPE.replace("[settings]", '[settings]\nscale = "tiny"')
    assert "settings.scale: there is no scale 'tiny'; there are: published, small." in faults(text=chosen)


def test_a_scale_is_no_setting_where_there_are_none() -> None:
    plain = RECIPE.partition("[scales.small]")[0].replace("out/${scale}", "out")
    assert read(text=plain).scale is None
    assert "there is no setting 'scale'" in faults("scale=small", text=plain)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ("rowz = 1", "scales.small: there is no setting and no stage 'rowz'; did you mean rows."),
        ("part.names = 1", "scales.small: there is no setting and no stage 'part'; did you mean parts or pairs."),
        ('"part.names" = 1', "scales.small: there is no stage 'part'; did you mean parts."),
        ("stages = 3", "scales.small: 'stages' should hold a table for each stage"),
    ],
)
def test_what_a_scale_cannot_change_is_a_fault_even_where_another_runs(changed: str, sentence: str) -> None:
    text = RECIPE.partition("[scales.small]")[0] + f"[scales.small]\n{changed}\n"
    assert sentence in faults(text=text)


def test_the_published_scale_is_the_recipe_itself() -> None:
    assert "give this scale another name" in faults(text=RECIPE + "[scales.published]\nrows = 3\n")


def test_the_first_source_that_is_there_is_taken() -> None:
    sources = 'pairs = { first = ["${folder}/none.parquet", "small.parquet", "large.parquet"] }'
    text = RECIPE.replace('pairs = "large.parquet"', f'folder = "far"\n{sources}')
    assert read(text=text).stages[0].stage.inputs["pairs"].sources == ("small.parquet",)
    Path("far").mkdir()
    Path("large.parquet").rename("far/none.parquet")
    assert read(text=text).stages[0].stage.inputs["pairs"].sources == ("far/none.parquet",)


def test_where_no_source_is_there_the_last_is_missing() -> None:
    text = RECIPE.replace('"large.parquet"', '{ first = ["a.parquet", "b.parquet"] }')
    assert "b.parquet: there is no such file" in faults(text=text)


def test_a_scales_own_stage_takes_the_place_of_the_recipes_of_that_name() -> None:
    text = RECIPE.replace("parts.names", "'parts.names'") + (
        "[scales.tiny]\n[scales.tiny.stages.parts]\nstep = 'split-pairs'\npairs = 'small.parquet'\nnames = ['c', 'd']\n"
    )
    tiny = read("scale=tiny", text=text)
    assert tiny.names == ["parts"]
    assert options(tiny)["names"] == ("c", "d")
