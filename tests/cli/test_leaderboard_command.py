"""`pairforge leaderboard`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def judged(run: Callable, tmp_path: Path) -> Path:
    """A folder in which two models were judged, one after the other."""
    for name in ("one", "two"):
        seed = str(len(name) + ord(name[0]))
        made = run("init-model", "static", "--dimension", "16", "--seed", seed, "-o", f"{name}.model")
        assert made.code == 0, made.err
        told = run("evaluate", f"{name}.model", "--task", f"sts:{EXAMPLES}/sts.jsonl", "--bootstrap-samples", "100")
        assert told.code == 0, told.err
    return tmp_path


def test_results_of_several_evaluations_stand_side_by_side(run: Callable, judged: Path) -> None:
    told = run("leaderboard")
    assert (told.code, told.err) == (0, "")
    assert {"one.model", "two.model"} <= set(told.out.split())
    assert told.out.count(" pairs") == 1


def test_the_table_is_also_markdown_or_json(run: Callable, judged: Path) -> None:
    assert "| Task | Items | Model |" in run("leaderboard", judged, "--format", "markdown").out
    entries = json.loads(run("leaderboard", "--json").out)["entries"]
    assert sorted(entry["scores"]["model"] for entry in entries) == ["one.model", "two.model"]


def test_a_task_that_was_never_judged_is_refused_with_the_nearest(run: Callable, judged: Path) -> None:
    told = run("leaderboard", "--task", "stsb")
    assert told.code != 0
    assert "there is no result of task 'stsb'" in told.err
    assert "sts.jsonl" in told.err
