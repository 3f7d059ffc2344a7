"""Every generating step on real rows through real vLLM: in this process, and behind a server on 127.0.0.1."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pairforge.cache import cache_folder
from pairforge.engines.loading import load
from pairforge.execution.stage import FileInput, Outcome, Stage, run_stage
from pairforge.files import read_frame
from pairforge.generators import FoundModel, GeneratorRequest, TextGenerator
from pairforge.models import ModelKind
from pairforge.pipeline.registry import STEPS, load_step
from tests.vllm_cpu.trials import ROWS, TOO_LONG, TRIALS

pytestmark = pytest.mark.vllm

_GENERATING = [
    name for name in STEPS if any(role.kind is ModelKind.GENERATOR for role in load_step(name).models.values())
]

Run = Callable[[GeneratorRequest], Outcome]


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path, shared_data: Path, generator: TextGenerator) -> Run:
    """Runs the step that the test is about, with the model that is in this process already where that one is asked."""
    name = request.node.callspec.params["name"]
    step, trial = load_step(name), TRIALS[name](shared_data)
    for role, frame in trial.frames.items():
        frame.write_parquet(tmp_path / f"{role}.parquet")
    inputs = {role: FileInput((str(tmp_path / f"{role}.parquet"),)) for role in trial.frames}
    options = step.options.model_validate(trial.options)
    main = next(iter(step.outputs(options)))
    role = next(role for role, wanted in step.models.items() if wanted.kind is ModelKind.GENERATOR)

    def loaded(spec: FoundModel) -> object:
        return generator if spec.name == generator.spec.name else load(spec)

    def outcome(asked: GeneratorRequest) -> Outcome:
        outputs = {main: tmp_path / f"{asked.engine}.parquet"}
        stage = Stage(step, options, inputs, {role: (asked,)}, outputs)
        return run_stage(stage, cache=cache_folder(), load=loaded, part_rows=64)

    return outcome


def test_every_generating_step_has_a_trial() -> None:
    assert set(TRIALS) == set(_GENERATING)


@pytest.mark.parametrize("name", TRIALS)
def test_a_step_gets_answers_inside_the_schema_and_accounts_for_each_row_in_process(
    name: str, run: Run, shared_data: Path, generator: TextGenerator
) -> None:
    _check(name, run(generator.spec.request), shared_data)


@pytest.mark.parametrize("name", ["generate-negatives", "generate-queries", "judge"])
def test_a_step_gets_answers_inside_the_schema_and_accounts_for_each_row_from_a_server(
    name: str, run: Run, shared_data: Path, served: GeneratorRequest
) -> None:
    _check(name, run(served), shared_data)


def _check(name: str, outcome: Outcome, shared_data: Path) -> None:
    trial = TRIALS[name](shared_data)
    main = next(iter(trial.frames))
    made = read_frame(next(iter(outcome.outputs.values())))
    dropped = outcome.ledger.dropped
    assert outcome.rows_in[main] == ROWS
    assert trial.rows_of(made) + sum(dropped.values()) == ROWS
    assert trial.rows_of(made) > 0
    unfit = [rows for why, rows in [*dropped.items(), *outcome.ledger.counts.items()] if "does not fit the" in why]
    assert unfit
    assert min(unfit) >= TOO_LONG
    unread = ("empty answer", "answer is not of the wanted form", "answer cut at --max-tokens", "too long to be read")
    assert not [told for told in outcome.ledger.counts if any(fault in told for fault in unread)]
    answers, validator = _kept_answers(), Draft202012Validator(trial.answer.model_json_schema())
    assert len(answers) >= ROWS - TOO_LONG
    assert all(validator.is_valid(json.loads(answer)) for answer in answers)


def _kept_answers() -> list[str]:
    answers = []
    for file in (cache_folder() / "answers").glob("*.sqlite"):
        with sqlite3.connect(file) as connection:
            answers += [text for (text,) in connection.execute("select text from answers")]
    return answers
