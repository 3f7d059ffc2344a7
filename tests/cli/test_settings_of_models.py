"""Settings of a command's models: one flag for all that share it, and one that sets the second model apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pairforge.cli.model_settings import own_settings
from pairforge.cli.stages import stage_of
from pairforge.cli.step_commands import parameters, step_command
from pairforge.errors import OptionsError
from pairforge.execution.stage import Stage
from pairforge.pipeline.registry import STEPS, load_step
from pairforge.pipeline.runner import run as run_recipe
from pairforge.pipeline.schema import read_recipe
from tests.cli.conftest import Ran
from tests.scripted_server import ScriptedServer, Turn, serve

JUDGE = "judge pairs.parquet --generator openai:small --second-generator openai:small"


def _grades(grade: int) -> Turn:
    return Turn(json.dumps({"reason": "it is so", "grade": grade, "sure": True}))


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    """One that gives a grade to be doubted, and one that gives another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    pl.DataFrame({"anchor": ["a"], "positive": ["b"]}).write_parquet("pairs.parquet")
    with ExitStack() as stack:
        first, second = (stack.enter_context(serve(lambda asked, number, g=grade: _grades(g))) for grade in (1, 3))
        yield first, second


def stage(command: str) -> Stage:
    """The stage of a command line, not run."""
    name, *words = command.split()
    context = step_command(name).make_context(name, words)
    typed = {key for key in context.params if context.get_parameter_source(key).name == "COMMANDLINE"}  # type: ignore[union-attr]
    return stage_of(load_step(name), context.params, typed)


def settings_of(command: str) -> dict[str, Any]:
    return {role: requests[0] for role, requests in stage(command).models.items()}


def test_the_second_judge_has_an_address_and_a_temperature_of_its_own(
    run: Callable[..., Ran], servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    first, second = servers
    done = run(
        *JUDGE.split(), "--base-url", first.base_url, "--second-generator-base-url", second.base_url,
        "--temperature", 0.25, "--second-generator-temperature", 0, "--top-p", 0.5,
    )  # fmt: skip
    assert done.code == 0, done.err
    made = pl.read_parquet("pairs.judged.parquet")
    assert made.select("grade", "second_grade").rows() == [(1, 3)]
    asked = [(call.body["temperature"], call.body["top_p"]) for server in servers for call in server.calls]
    assert asked == [(0.25, 0.5), (0, 0.5)]


def test_one_model_at_two_temperatures_is_asked_twice(
    run: Callable[..., Ran], servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    first, _ = servers
    assert run(*JUDGE.split(), "--base-url", first.base_url, "--second-generator-temperature", 0).code == 0
    assert [call.body["temperature"] for call in first.calls] == [0.7, 0]


def test_a_recipe_gives_each_judge_its_own_table(servers: tuple[ScriptedServer, ScriptedServer]) -> None:
    first, second = servers
    Path("r.toml").write_text(
        f"""
        [settings]
        output = "out"
        [stages.judged]
        step = "judge"
        corpus = "pairs.parquet"
        generator = {{ name = "openai:small", base_url = "{first.base_url}", temperature = 1.5 }}
        second-generator = {{ name = "openai:small", base_url = "{second.base_url}", max_tokens = 99 }}
        """
    )
    [report] = run_recipe(read_recipe("r.toml"))
    assert pl.read_parquet(report.outcome.outputs["corpus"]).select("grade", "second_grade").rows() == [(1, 3)]
    asked = [(call.body["temperature"], call.body["max_tokens"]) for server in servers for call in server.calls]
    assert asked == [(1.5, 512), (0.7, 99)]


def test_a_shared_flag_is_for_both_and_the_scorers_own_wins() -> None:
    command = "mine-negatives pairs.parquet --model e --scorer s --max-score 0.9 --batch-size 64 --dtype bfloat16"
    both = settings_of(command)
    assert {(model.batch_size, model.dtype) for model in both.values()} == {(64, "bfloat16")}
    apart = settings_of(f"{command} --scorer-batch-size 8 --scorer-dtype float32 --trust-remote-code "
                        "--no-scorer-trust-remote-code")  # fmt: skip
    assert {role: (model.batch_size, model.dtype, model.trust_remote_code) for role, model in apart.items()} == {
        "encoder": (64, "bfloat16", True), "scorer": (8, "float32", False),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("judge pairs.parquet --generator openai:small --second-generator-temperature 1",
         "--second-generator-temperature is given, but --second-generator, which it is about, is not used. Name a "
         "model with --second-generator, or leave it out."),
        (f"{JUDGE} --second-generator-temperature 3",
         "--second-generator-temperature should be a number, at least 0, at most 2, but it is '3'."),
        (f"{JUDGE} --temperature 3", "--temperature should be a number, at least 0, at most 2, but it is '3'."),
        ("mine-negatives pairs.parquet --scorer-batch-size 4",
         "--scorer-batch-size is given, but --scorer, which it is about, is not used. Name a model with --scorer, or "
         "leave it out."),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_by_the_flag_that_was_typed(words: str, sentence: str) -> None:
    with pytest.raises(OptionsError) as refused:
        stage(words)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("name", STEPS)
def test_no_two_parameters_of_a_command_have_one_name(name: str) -> None:
    names = [parameter.name for parameter in parameters(load_step(name))]
    assert len(names) == len(set(names))


def test_a_model_that_shares_no_setting_needs_no_flags_of_its_own() -> None:
    step = load_step("judge")
    assert [own_settings(step, step.models[role]) for role in ("generator", "scorer")] == [[], []]
