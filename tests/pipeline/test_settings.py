from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.errors import OptionsError
from pairforge.pipeline.faults import Faults
from pairforge.pipeline.recipe_file import RecipeTables
from pairforge.pipeline.settings import filled_in, override, toml_value


def tables(settings: dict[str, Any], **stages: dict[str, Any]) -> RecipeTables:
    return RecipeTables(Path("r.toml"), "", settings, stages)


def changed(written: RecipeTables, *assignments: str) -> tuple[RecipeTables, list[str]]:
    faults = Faults(written.path)
    return override(written, assignments, faults), faults.lines


def filled(written: RecipeTables) -> tuple[RecipeTables, list[str]]:
    faults = Faults(written.path)
    return filled_in(written, faults), faults.lines


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.1", 0.1),
        ("true", True),
        ('["a", "b"]', ["a", "b"]),
        ('{name = "m"}', {"name": "m"}),
        ('"3"', "3"),
        ("runs/x", "runs/x"),
        ("", ""),
        ("2024-01-01", "2024-01-01"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_value_is_read_as_toml_and_else_as_text(text: str, value: object) -> None:
    assert toml_value(text) == value


@given(st.text())
def test_every_text_has_a_value(text: str) -> None:
    assert isinstance(toml_value(text), str | int | float | list | dict)


def test_set_changes_a_setting_and_a_key_of_a_stage() -> None:
    written = tables({"nli": "a"}, mined={"num_negatives": 3})
    new, faults = changed(written, "nli=b=c", "mined.num_negatives=5", "mined.seed=1")
    assert (new.settings, new.stages, faults) == ({"nli": "b=c"}, {"mined": {"num_negatives": 5, "seed": 1}}, [])
    assert written.settings == {"nli": "a"}
    assert written.stages == {"mined": {"num_negatives": 3}}


def test_the_last_of_two_assignments_counts() -> None:
    assert changed(tables({"n": 1}), "n=2", "n=3")[0].settings == {"n": 3}


def test_unknown_settings_and_stages_are_faults_with_the_nearest_names() -> None:
    _, faults = changed(tables({"nli": "a"}, mined={}), "nlii=3", "mine.seed=1")
    assert faults == [
        "--set nlii=3: there is no setting 'nlii'; did you mean nli.",
        "--set mine.seed=1: there is no stage 'mine'; did you mean mined.",
    ]


@pytest.mark.parametrize("assignment", ["nli", "=3", "mined.=3", ".seed=3"])
def test_assignment_of_another_form_is_refused(assignment: str) -> None:
    with pytest.raises(OptionsError, match=r"name=value or stage\.key=value was wanted"):
        changed(tables({"nli": "a"}, mined={}), assignment)


def test_a_setting_keeps_its_type_where_it_is_the_whole_text() -> None:
    new, faults = filled(tables({"n": 3, "nli": ["a", "b"]}, mined={"num": "${n}", "nli": "${nli}"}))
    assert (new.stages["mined"], faults) == ({"num": 3, "nli": ["a", "b"]}, [])


def test_a_setting_is_text_within_a_text() -> None:
    new, _ = filled(tables({"test": "s.parquet", "yes": True}, e={"task": ["sts:${test}"], "note": "${yes}: ${test}"}))
    assert new.stages["e"] == {"task": ["sts:s.parquet"], "note": "true: s.parquet"}


def test_the_items_of_a_list_take_a_place_in_a_list() -> None:
    new, _ = filled(tables({"nli": ["a", "b"]}, rows={"nli": ["${nli}", "c"], "deep": {"source": "${nli}"}}))
    assert new.stages["rows"] == {"nli": ["a", "b", "c"], "deep": {"source": ["a", "b"]}}


def test_a_setting_may_use_those_above_it() -> None:
    new, faults = filled(tables({"folder": "x", "dev": "${folder}/dev", "early": "${late}", "late": 1}))
    assert new.settings["dev"] == "x/dev"
    assert faults == ["settings.early: there is no setting 'late' for ${late}; there are: folder, dev."]


def test_an_unknown_setting_and_a_list_within_a_text_are_faults() -> None:
    _, faults = filled(tables({"nli": ["a"]}, rows={"nli": "${nl}", "note": "x ${nli}"}))
    assert faults == [
        "stages.rows: there is no setting 'nl' for ${nl}; did you mean nli.",
        "stages.rows: setting 'nli' is no single value, so ${nli} cannot stand within a text.",
    ]
