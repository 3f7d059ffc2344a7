from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
import tiny_steps
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_steps import PACK, SHOUT, PackOptions, ShoutOptions

from pairforge.cache import cache_folder
from pairforge.errors import StageError
from pairforge.execution.stage import FileInput, Stage, check_stage, run_stage

FOLDER = Path(__file__).parent


def stage_over(source: Path, **options: object) -> Stage:
    return Stage(SHOUT, ShoutOptions.model_validate(options), {"texts": FileInput((str(source),))})


def pack_over(source: Path) -> Stage:
    return Stage(PACK, PackOptions(), {"texts": FileInput((str(source),))})


def start(step: str, source: Path, *place: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, FOLDER / "killed.py", step, source, cache_folder(), *place],
        env={**os.environ, **environment},
    )


def wait_for_parts(running: subprocess.Popen[bytes], workspace: Path, number: int) -> list[Path]:
    while len(parts := sorted(workspace.glob("*/part-*.json"))) < number:
        assert running.poll() is None, "the process ended before it was to be killed"
        time.sleep(0.02)
    return parts


def kill(running: subprocess.Popen[bytes]) -> None:
    running.kill()
    assert running.wait() == -signal.SIGKILL


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.parquet"
    pl.DataFrame({"text": [f"text {row}" for row in range(11)]}).write_parquet(path)
    return path


@pytest.fixture
def wanted(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("wanted") / "out.parquet"
    run_stage(replace(stage_over(texts), outputs={"texts": out}), cache=cache_folder())
    return out.read_bytes()


texts_of_any_kind = st.lists(st.text(st.characters(codec="utf-8"), max_size=4), min_size=1, max_size=8)


@settings(max_examples=15)
@given(texts=texts_of_any_kind, part_rows=st.integers(1, 9), longest=st.integers(0, 4), data=st.data())
def test_part_size_never_changes_a_byte(texts: list[str], part_rows: int, longest: int, data: st.DataObject) -> None:
    rows = len(texts)
    frame = pl.DataFrame({
        "text": texts,
        "kind": pl.Series(data.draw(st.lists(st.sampled_from(["b", "a", None]), min_size=rows, max_size=rows)),
                          dtype=pl.Categorical),
        "list": pl.Series([[row] * (row % 3) or None for row in range(rows)], dtype=pl.List(pl.Int32)),
        "nothing": pl.Series([None] * rows, dtype=pl.Null),
    })  # fmt: skip
    with TemporaryDirectory() as folder:
        frame.write_parquet(source := Path(folder, "texts.parquet"))
        made = []
        for size in (part_rows, 100):
            outputs = {"texts": Path(folder, f"out{size}.parquet")}
            try:
                stage = replace(stage_over(source, longest=longest), outputs=outputs)
                outcome = run_stage(stage, cache=Path(folder), part_rows=size)
            except StageError as error:
                assert all(len(text) > longest for text in texts)
                made.append(str(error))
            else:
                made.append((outputs["texts"].read_bytes(), outcome.ledger.to_json()))
        assert made[0] == made[1]


@pytest.mark.parametrize("step", ["SHOUT", "STREAMED"])
def test_killed_run_goes_on_to_the_same_bytes_and_makes_no_part_twice(texts: Path, step: str) -> None:
    out = texts.with_name("wanted.parquet")
    run_stage(replace(stage_over(texts), step=getattr(tiny_steps, step), outputs={"texts": out}), cache=cache_folder())
    log = texts.with_name("log")
    running = start(step, texts, SHOUT_LOG=str(log), SHOUT_SECONDS="0.3")
    workspace = texts.with_name("texts.shouted.parquet.parts")
    wait_for_parts(running, workspace, 2)
    kill(running)
    assert not texts.with_name("texts.shouted.parquet").exists()
    finished = len(list(workspace.glob("*/part-*.json")))
    started = log.read_text().split()
    assert len(started) < 6

    again = start(step, texts, SHOUT_LOG=str(log))
    assert again.wait() == 0
    met_again = log.read_text().split()[len(started) :]
    assert met_again == [str(2 * part) for part in range(finished, 6)]
    assert texts.with_name("texts.shouted.parquet").read_bytes() == out.read_bytes()
    assert not workspace.exists()


@pytest.mark.parametrize("place", ["before placing", "before the manifest"])
def test_run_killed_after_its_work_only_puts_it_in_place(
    texts: Path, wanted: bytes, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert start("SHOUT", texts, place).wait() == -signal.SIGKILL
    assert not check_stage(stage_over(texts)).up_to_date
    log = texts.with_name("log")
    monkeypatch.setenv("SHOUT_LOG", str(log))
    assert run_stage(stage_over(texts), cache=cache_folder()).status == "done"
    assert not log.exists()
    assert texts.with_name("texts.shouted.parquet").read_bytes() == wanted
    assert check_stage(stage_over(texts)).up_to_date


def test_run_killed_when_all_was_in_place_leaves_nothing_to_do_but_to_tidy_up(texts: Path, wanted: bytes) -> None:
    assert start("SHOUT", texts, "after the manifest").wait() == -signal.SIGKILL
    kept = texts.with_name("texts.shouted.parquet.parts")
    assert kept.exists()
    assert run_stage(stage_over(texts), cache=cache_folder()).status == "up to date"
    assert texts.with_name("texts.shouted.parquet").read_bytes() == wanted
    assert not kept.exists()


def test_file_put_there_after_the_kill_is_not_written_over(texts: Path) -> None:
    start("SHOUT", texts, "before placing").wait()
    mine = texts.with_name("texts.shouted.parquet")
    mine.write_bytes(b"mine")
    with pytest.raises(StageError, match="no manifest says"):
        run_stage(stage_over(texts), cache=cache_folder())
    assert mine.read_bytes() == b"mine"


def test_folder_that_was_absent_for_a_moment_when_killed_is_put_in_place(texts: Path) -> None:
    run_stage(pack_over(texts), cache=cache_folder())
    pl.DataFrame({"text": ["one"]}).write_parquet(texts)
    assert start("PACK", texts, "while a folder is absent").wait() == -signal.SIGKILL
    run_stage(pack_over(texts), cache=cache_folder(), overwrite=True)
    assert [path.name for path in texts.with_name("texts.model").iterdir()] == ["0.txt"]
    assert sorted(path.name for path in texts.parent.iterdir()) == [
        "texts.model", "texts.model.manifest.json", "texts.parquet", "texts.report.json",
    ]  # fmt: skip


@pytest.mark.parametrize("part_rows", [2, 3])
def test_parts_cut_otherwise_or_damaged_are_made_again(texts: Path, wanted: bytes, part_rows: int) -> None:
    running = start("SHOUT", texts, SHOUT_SECONDS="0.2")
    workspace = texts.with_name("texts.shouted.parquet.parts")
    parts = wait_for_parts(running, workspace, 2)
    kill(running)
    parts[0].with_suffix(".parquet").write_bytes(b"damaged")
    parts[1].write_bytes(b"{")
    run_stage(stage_over(texts), cache=cache_folder(), part_rows=part_rows)
    assert texts.with_name("texts.shouted.parquet").read_bytes() == wanted


def test_parts_of_other_options_are_not_taken_and_go_when_the_stage_is_done(texts: Path, wanted: bytes) -> None:
    running = start("SHOUT", texts, SHOUT_SECONDS="0.2")
    workspace = texts.with_name("texts.shouted.parquet.parts")
    wait_for_parts(running, workspace, 1)
    kill(running)
    outcome = run_stage(stage_over(texts, mark="?"), cache=cache_folder())
    assert pl.read_parquet(outcome.outputs["texts"])["text"][0] == "TEXT 0?"
    assert not workspace.exists()


def test_models_are_not_loaded_when_only_the_merge_is_left(texts: Path) -> None:
    def crash(*given: object) -> Iterator[object]:
        raise AssertionError

    class UndoneError(Exception):
        pass

    class AllButTheMerge:
        def run_parts(self, parts, work):  # type: ignore[no-untyped-def]
            for part in parts:
                work(part)
            raise UndoneError

    with pytest.raises(UndoneError):
        run_stage(stage_over(texts), cache=cache_folder(), part_rows=2, executor=AllButTheMerge())
    assert SHOUT.row_wise is not None
    unprepared = replace(SHOUT, row_wise=replace(SHOUT.row_wise, prepare=crash, run=crash))
    outcome = run_stage(replace(stage_over(texts), step=unprepared), cache=cache_folder(), part_rows=2)
    assert outcome.rows_out == {"texts": 11}
    assert outcome.ledger.counts == {"texts seen": 11}


def test_two_processes_at_one_output_get_one_clear_sentence(texts: Path) -> None:
    running = start("SHOUT", texts, SHOUT_SECONDS="0.5")
    wait_for_parts(running, texts.with_name("texts.shouted.parquet.parts"), 1)
    with pytest.raises(StageError, match=rf"is being made by another process \(pid {running.pid}\)"):
        run_stage(stage_over(texts, mark="?"), cache=cache_folder())
    kill(running)
    assert run_stage(stage_over(texts, mark="?"), cache=cache_folder()).status == "done"


def test_without_resume_every_part_is_made_anew(texts: Path, wanted: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    running = start("SHOUT", texts, SHOUT_SECONDS="0.3")
    wait_for_parts(running, texts.with_name("texts.shouted.parquet.parts"), 2)
    kill(running)
    log = texts.with_name("log")
    monkeypatch.setenv("SHOUT_LOG", str(log))
    run_stage(stage_over(texts), cache=cache_folder(), part_rows=2, resume=False)
    assert log.read_text().split() == ["0", "2", "4", "6", "8", "10"]
    assert texts.with_name("texts.shouted.parquet").read_bytes() == wanted
