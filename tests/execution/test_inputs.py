from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tiny_steps import SHOUT

from pairforge.errors import StageError
from pairforge.execution.inputs import FileInput, given_inputs, read_inputs, refuse_output_among_sources
from pairforge.execution.step import Input
from pairforge.frames import PAIR, TEXT


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in range(2):
        pl.DataFrame({"text": [f"{number}"]}).write_parquet(folder / f"{number}.parquet")
    return folder


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("shards/0.parquet", "shards/0.parquet"),
        ("shards/../shards/0.parquet", "shards/0.parquet"),
        ("shards", "shards/new.parquet"),
        ("shards/*.parquet", "shards/new.parquet"),
        ("shards/0.parquet", "shards"),
    ],
)
def test_output_where_a_source_is_read_is_refused(shards: Path, source: str, output: str) -> None:
    root = shards.parent
    with pytest.raises(StageError, match="would be written where"):
        refuse_output_among_sources([f"{root}/{source}"], [], [root / output])


def test_output_elsewhere_is_not_refused(shards: Path) -> None:
    sources = [str(shards), f"{shards}/*.parquet", "hub:glue/mnli:train"]
    refuse_output_among_sources(sources, [], [shards.parent / "out.parquet", shards / "deep" / "out.parquet"])


@pytest.mark.parametrize("output", [".", "0.parquet", "deep/out.json"])
def test_output_over_or_in_a_model_that_is_read_is_refused(shards: Path, output: str) -> None:
    with pytest.raises(StageError, match="would be written where"):
        refuse_output_among_sources([], [shards], [shards / output])


def test_output_that_links_to_a_source_is_refused(shards: Path) -> None:
    link = shards.parent / "link.parquet"
    link.symlink_to(shards / "0.parquet")
    with pytest.raises(StageError, match="would be written where"):
        refuse_output_among_sources([str(shards / "0.parquet")], [], [link])


def test_several_sources_are_read_as_one_and_optional_roles_are_none(shards: Path) -> None:
    sources = (str(shards / "1.parquet"), str(shards / "0.parquet"))
    given = given_inputs(SHOUT, {"texts": FileInput(sources), "others": FileInput(())})
    read = read_inputs(SHOUT, SHOUT.options(), given)
    assert isinstance(read.by_role["texts"], pl.DataFrame)
    assert read.by_role["texts"]["text"].to_list() == ["1", "0"]
    assert read.by_role["others"] is None
    assert (read.rows, read.main_rows) == ({"texts": 2}, 2)


def test_options_decide_which_shape_is_read(tmp_path: Path) -> None:
    wanted = Input("Texts.", (TEXT, PAIR), shapes_for=lambda options: (PAIR,) if options.mark == "?" else (TEXT,))
    step, source = replace(SHOUT, inputs={"texts": wanted}), tmp_path / "both.parquet"
    pl.DataFrame({"text": ["one"], "question": ["two"], "answer": ["three"]}).write_parquet(source)
    given = {"texts": FileInput((str(source),))}
    as_texts = read_inputs(step, step.options(), given)
    as_pairs = read_inputs(step, step.options(mark="?"), given)
    assert as_texts.by_role["texts"].columns == ["text", "question", "answer"]
    assert as_pairs.by_role["texts"].columns == ["text", "anchor", "positive"]


def test_unknown_role_is_refused() -> None:
    with pytest.raises(StageError, match=r"has no input 'pairs' \(it has: texts, others\)"):
        given_inputs(SHOUT, {"pairs": FileInput(("a",))})
