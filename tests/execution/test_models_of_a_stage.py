from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tiny_steps import PACK, PackOptions

from pairforge.cache import cache_folder
from pairforge.errors import ModelError, StageError
from pairforge.execution.stage import FileInput, Outcome, Stage, check_stage, run_stage
from pairforge.execution.step import ModelRole, Step
from pairforge.models import ModelKind, ModelRequest, ModelSpec


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.parquet"
    pl.DataFrame({"text": ["a"]}).write_parquet(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "small")


def model_folder(path: Path, weights: bytes = b"1") -> Path:
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_bytes(weights)
    return path


def stage_with(texts: Path, *folders: Path, step: Step = PACK, use_model: bool = True, **settings: object) -> Stage:
    requests = tuple(ModelRequest.model_validate({"name": str(folder), **settings}) for folder in folders)
    return Stage(step, PackOptions(use_model=use_model), {"texts": FileInput((str(texts),))}, {"model": requests})


def step_with(role: ModelRole) -> Step:
    return replace(PACK, models={"model": role})


def run(stage: Stage, loaded: list[ModelSpec] | None = None) -> Outcome:
    def load(spec: ModelSpec) -> str:
        assert loaded is not None, "no model was to be loaded"
        loaded.append(spec)
        return f"loaded {Path(spec.name).name}"

    return run_stage(stage, cache=cache_folder(), load=load)


def seen_by_step(outcome: Outcome) -> str:
    return (outcome.outputs["model"] / "0.txt").read_text()


def test_model_is_loaded_for_the_step_and_told_in_the_outcome(texts: Path, folder: Path) -> None:
    loaded: list[ModelSpec] = []
    outcome = run(stage_with(texts, folder), loaded)
    assert seen_by_step(outcome) == "a loaded small"
    assert outcome.models == {"model": tuple(loaded)}
    assert outcome.to_json()["models"]["model"][0]["source"] == "folder"


def test_up_to_date_run_loads_no_model(texts: Path, folder: Path) -> None:
    run(stage_with(texts, folder), [])
    assert run(stage_with(texts, folder)).status == "up to date"


def test_role_that_is_not_needed_is_neither_found_nor_loaded(texts: Path) -> None:
    outcome = run(stage_with(texts, Path("/no/such/model"), use_model=False))
    assert seen_by_step(outcome) == "a None"
    assert outcome.models == {}


def test_several_models_come_as_a_list(texts: Path, folder: Path) -> None:
    other = model_folder(folder.with_name("large"), b"2")
    step = step_with(ModelRole("Several.", ModelKind.ENCODER, many=True))
    assert seen_by_step(run(stage_with(texts, folder, other, step=step), [])) == "a ['loaded small', 'loaded large']"


def test_weights_come_as_they_were_found(texts: Path, folder: Path) -> None:
    step = step_with(ModelRole("A start.", ModelKind.WEIGHTS))
    outcome = run(stage_with(texts, folder, step=step))
    assert str(folder) in seen_by_step(outcome)


def test_changed_weights_are_a_reason(texts: Path, folder: Path) -> None:
    run(stage_with(texts, folder), [])
    (folder / "model.safetensors").write_bytes(b"other")
    assert check_stage(stage_with(texts, folder)).reasons == (f"model model changed ({folder})",)


def test_settings_that_change_the_output_are_a_reason_and_others_are_not(texts: Path, folder: Path) -> None:
    run(stage_with(texts, folder), [])
    assert check_stage(stage_with(texts, folder, batch_size=7, device="cuda")).up_to_date
    assert check_stage(stage_with(texts, folder, dtype="bfloat16", batch_size=7)).reasons == (
        "model model: dtype float32 → bfloat16",
    )


def test_same_model_elsewhere_is_no_reason(texts: Path, folder: Path) -> None:
    run(stage_with(texts, folder), [])
    assert check_stage(stage_with(texts, folder.rename(folder.with_name("moved")))).up_to_date


def test_missing_model_is_said_before_anything_is_made(texts: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        run(stage_with(texts, texts.parent / "none"))
    step = step_with(ModelRole("Reads texts.", ModelKind.ENCODER, flag="reader", default=None))
    with pytest.raises(StageError, match=r"pack: needs a model \(Reads texts\)\. Name it with --reader\."):
        run(stage_with(texts, step=step))
    assert [path.name for path in texts.parent.iterdir()] == ["texts.parquet"]


def test_output_over_the_model_that_is_read_is_refused(texts: Path, folder: Path) -> None:
    stage = replace(stage_with(texts, folder), outputs={"model": folder})
    with pytest.raises(StageError, match="would be written where"):
        run_stage(stage, cache=cache_folder(), overwrite=True)
