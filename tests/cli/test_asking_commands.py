from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pytest

from pairforge.engines import server_faults
from pairforge.pipeline.runner import run as run_recipe
from pairforge.pipeline.schema import read_recipe
from tests.asking_step import ASKING_STEPS, PROMPT, register
from tests.cli.conftest import Ran
from tests.scripted_server import ScriptedServer, Turn, refusing, serve

GOOD = Turn('{"opposite": "cold"}')
KEY = "sk-planted-0123456789"


@pytest.fixture(autouse=True)
def _registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch.setattr)
    monkeypatch.setattr(server_faults, "_FIRST_WAIT", 0.01)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    pl.DataFrame({"text": ["hot", "warm"]}).write_parquet(tmp_path / "texts.parquet")
    (tmp_path / "prompt.md").write_text(PROMPT)


@pytest.fixture
def served() -> Iterator[Callable[..., ScriptedServer]]:
    with ExitStack() as stack:
        yield lambda script, **given: stack.enter_context(serve(script, **given))


def command(server: ScriptedServer, *more: object) -> list[object]:
    return [
        "ask", "texts.parquet", "--prompt", "prompt.md", "--generator", "openai:small", "--base-url", server.base_url,
        *more,
    ]  # fmt: skip


def test_settings_of_the_command_reach_the_request(
    run: Callable[..., Ran], served: Callable[..., ScriptedServer]
) -> None:
    server = served(lambda asked, number: GOOD)
    done = run(*command(
        server, "--temperature", 0.25, "--top-p", 0.5, "--max-tokens", 33, "--thinking", "--seed", 7, "--limit", 1,
        "--concurrency", 2, "--max-retries", 1, "--generator-timeout", 9,
    ))  # fmt: skip
    assert done.code == 0, done.err
    [call] = server.calls
    asked = {name: call.body[name] for name in ("model", "temperature", "top_p", "max_tokens", "chat_template_kwargs")}
    assert asked == {
        "model": "small", "temperature": 0.25, "top_p": 0.5, "max_tokens": 33,
        "chat_template_kwargs": {"enable_thinking": True},
    }  # fmt: skip
    manifest = json.loads(Path("texts.asked.parquet.manifest.json").read_text())
    [settings] = [model["settings"] for model in manifest["origin"]["models"]["generator"]]
    assert (settings["concurrency"], settings["max_retries"], settings["timeout"]) == (2, 1, 9)
    assert manifest["origin"]["options"]["timeout"] == 0
    assert "1 beyond the limit" in done.err


def test_the_address_may_come_from_the_environment(
    run: Callable[..., Ran], served: Callable[..., ScriptedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = served(lambda asked, number: GOOD)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.base_url}/")
    assert run("ask", "texts.parquet", "--prompt", "prompt.md", "--generator", "openai:small").code == 0
    assert len(server.calls) == 2


def test_a_setting_that_the_step_has_too_gets_a_name_of_its_own(run: Callable[..., Ran]) -> None:
    shown = run("ask", "--help").out
    assert "--timeout " in shown
    assert "--generator-timeout " in shown
    assert "--temperature " in shown
    assert "--generator-temperature" not in shown


def test_settings_of_a_recipe_reach_the_request(run: Callable[..., Ran], served: Callable[..., ScriptedServer]) -> None:
    server = served(lambda asked, number: GOOD)
    Path("r.toml").write_text(
        f"""
        [settings]
        output = "out"
        [stages.asked]
        step = "ask"
        texts = "texts.parquet"
        prompt = "prompt.md"
        generator = {{name = "openai:small", base_url = "{server.base_url}", temperature = 1.5, timeout = 30}}
        """
    )
    [report] = run_recipe(read_recipe("r.toml", (), steps=ASKING_STEPS))
    assert pl.read_parquet(report.outcome.outputs["texts"])["opposite"].to_list() == ["cold", "cold"]
    assert {call.body["temperature"] for call in server.calls} == {1.5}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--generator", "small"], "'small' names no generator. Write vllm:MODEL, openai:MODEL or seq2seq:MODEL."),
        (["--temperature", "3"], "--temperature should be a number, at least 0, at most 2, but it is '3'."),
        (["--base-url", "127.0.0.1/v1"],
         "--base-url: '127.0.0.1/v1' is no address of a server. Write it as http://127.0.0.1:8000/v1."),
        (["--base-url", "http://127.0.0.1:9/v1"],
         "http://127.0.0.1:9/v1: no server answers there (no connection). Start it, or name its address with "
         "--base-url."),
    ],
)  # fmt: skip
def test_a_wrong_generator_is_told_in_one_sentence(
    run: Callable[..., Ran], served: Callable[..., ScriptedServer], words: list[str], sentence: str
) -> None:
    server = served(lambda asked, number: GOOD)
    check_refused(run(*command(server, "--max-retries", 1), *words), sentence, server)


@pytest.mark.parametrize(
    ("script", "models", "sentence"),
    [
        (refusing(401, "wrong"), ["small"], "refuses the key in OPENAI_API_KEY (401). Set one that it takes."),
        (GOOD, ["smaller"], "has no model 'small'. Name one that it has, as openai:smaller."),
        (refusing(404, "no such model"), None, "has no model 'small', or speaks no OpenAI protocol there (404)."),
        (refusing(400, "Invalid schema for response_format: minimum > maximum"), ["small"],
         "cannot hold the answers of small to the JSON schema of this step (400: Invalid schema for response_format: "
         "minimum > maximum)."),
    ],
)  # fmt: skip
def test_what_the_server_refuses_is_told_in_one_sentence(
    run: Callable[..., Ran],
    served: Callable[..., ScriptedServer],
    monkeypatch: pytest.MonkeyPatch,
    script: Turn,
    models: list[str] | None,
    sentence: str,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = served(lambda asked, number: script, models=models)
    check_refused(run(*command(server)), f"{server.base_url}: {sentence}", server)


def check_refused(ran: Ran, sentence: str, server: ScriptedServer) -> None:
    assert ran.code in (1, 2)
    [line] = ran.err.splitlines()
    assert line.startswith(f"error: {sentence}")
    assert ran.out == ""
    assert not Path("texts.asked.parquet").exists()
    assert len(server.calls) <= 1


def test_rows_that_do_not_fit_the_context_are_counted(
    run: Callable[..., Ran], served: Callable[..., ScriptedServer]
) -> None:
    too_long = refusing(400, "This model's maximum context length is 16 tokens.")
    server = served(lambda asked, number: too_long if "warm" in asked.messages[-1].text else GOOD)
    done = run(*command(server, "--attempts", 1))
    assert done.code == 0
    assert "dropped      1: 1 the prompt does not fit the context" in done.err
    assert pl.read_parquet("texts.asked.parquet")["text"].to_list() == ["hot"]


def test_openai_is_named_where_it_is_missing(
    run: Callable[..., Ran], served: Callable[..., ScriptedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    server = served(lambda asked, number: GOOD)
    check_refused(run(*command(server)), "The generator openai:small needs: pip install 'pairforge[llm]'", server)
