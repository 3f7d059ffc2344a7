"""No key, prompt or answer gets into anything but the output and the kept answers, whatever a server does."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from pairforge.engines import server_faults
from pairforge.models import ModelKind
from pairforge.pipeline.registry import load_step
from tests.asking_step import ASKING_STEPS, PROMPT, register
from tests.cli.conftest import Ran
from tests.scripted_server import Script, Turn, refusing, serve

KEY, ROW, ANSWER = "sk-planted-0123456789", "planted-row-zebra", "planted-answer-zebra"
FOREIGN = "Zäbra längs der Straße – зебра"
OUT = "out.jsonl"


def listing(field: str, *kinds: str) -> str:
    texts = [{"kind": kind, "text": f"{ANSWER} {number} runs about"} for number, kind in enumerate(kinds)]
    return json.dumps({field: texts})


STEPS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "ask": ("--prompt prompt.md", ("text",), json.dumps({"opposite": ANSWER})),
    "generate-negatives": ("--num-negatives 1", ("anchor", "positive"), listing("negatives", "contradiction")),
    "generate-queries": ("--num-queries 1 --round-trip none", ("text",), listing("queries", "question")),
    "generate-paraphrases": ("--num-paraphrases 1", ("text",), listing("paraphrases", "")),
    "generate-nli": ("", ("text",), listing("hypotheses", "entailed", "neutral", "contradicted")),
    "generate-sts": ("--grade 5", ("text",), listing("sentences", "5")),
    "judge": ("", ("anchor", "positive"), json.dumps({"reason": ANSWER, "grade": 3, "sure": True})),
}
"""Step → options, the columns of its input, and an answer that it can use."""


@pytest.fixture(autouse=True)
def _planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch.setattr)
    monkeypatch.setattr(server_faults, "_FIRST_WAIT", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PAIRFORGE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "prompt.md").write_text(PROMPT)


def run_planted(run: Callable[..., Ran], folder: Path, name: str, script: Script) -> Ran:
    options, columns, _ = STEPS[name]
    rows = {column: [f"{ROW} {column} number {row} {FOREIGN}" for row in range(6)] for column in columns}
    pl.DataFrame(rows).write_parquet(folder / "rows.parquet")
    with serve(script) as server:
        done = run(
            name, "rows.parquet", *options.split(), "--generator", "openai:small", "--base-url", server.base_url,
            "--debug", "--json", "--max-retries", 1, "-o", OUT,
        )  # fmt: skip
    assert {call.key for call in server.calls} == {KEY}
    assert ROW in server.calls[0].asked.messages[-1].text
    return done


def check_nothing_leaked(done: Ran, folder: Path) -> None:
    written_out = [ascii(FOREIGN)[1:40], FOREIGN[:9], FOREIGN[-5:], "\\u0437"]
    assert not [word for word in (KEY, ROW, ANSWER, *written_out) if word in done.out + done.err]
    for path in folder.rglob("*"):
        if path.is_file() and path != folder / "rows.parquet":
            allowed = {ROW, ANSWER} if path == folder / OUT else {ANSWER} if "answers" in path.parts else set()
            assert {word for word in (KEY, ROW, ANSWER) if word.encode() in path.read_bytes()} <= allowed, path


def test_every_step_that_asks_is_tried() -> None:
    steps = [load_step(name, ASKING_STEPS) for name in ASKING_STEPS]
    asking = {step.name for step in steps if ModelKind.GENERATOR in {role.kind for role in step.models.values()}}
    assert asking == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_writes_texts_and_answers_into_its_output_alone(
    run: Callable[..., Ran], tmp_path: Path, name: str
) -> None:
    done = run_planted(run, tmp_path, name, lambda asked, number: Turn(STEPS[name][2]))
    assert done.code == 0, done.err
    assert ROW in (tmp_path / OUT).read_text()
    assert ANSWER.encode() in next((tmp_path / "cache" / "answers").glob("*.sqlite*")).read_bytes()
    check_nothing_leaked(done, tmp_path)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_tells_nothing_of_answers_that_it_cannot_use(run: Callable[..., Ran], tmp_path: Path, name: str) -> None:
    done = run_planted(run, tmp_path, name, lambda asked, number: Turn(f'{{"{ANSWER}": "{ANSWER}'))
    check_nothing_leaked(done, tmp_path)


@pytest.mark.parametrize(
    "script",
    [
        lambda asked, number: refusing(400, f"cannot take {KEY} with {asked.messages[-1].text}"),
        lambda asked, number: refusing(400, f"cannot read {asked.messages[-1].text[-60:]!a}"),
        lambda asked, number: refusing(400, f"bad request: {json.dumps(json.dumps(asked.messages[-1].text[-60:]))}"),
        lambda asked, number: refusing(400, f"cannot read {html.escape(FOREIGN)[:17]}"),
        lambda asked, number: refusing(400, f"no JSON in the answer '{ANSWER}, as it was asked for in the question'"),
        lambda asked, number: refusing(401, f"{KEY} is wrong"),
        lambda asked, number: refusing(500, f"crash on {KEY}, {ROW}"),
        lambda asked, number: Turn(body=ANSWER.encode()),
        lambda asked, number: refusing(404, f"no model for {ROW}"),
    ],
    ids=[
        "echo",
        "escaped echo",
        "twice escaped echo",
        "short echo",
        "answer",
        "key",
        "crash",
        "no completion",
        "no model",
    ],
)
def test_an_error_of_the_server_is_told_without_what_it_repeats(
    run: Callable[..., Ran], tmp_path: Path, script: Script
) -> None:
    done = run_planted(run, tmp_path, "ask", script)
    assert done.code == 1
    assert "Traceback" in done.err
    check_nothing_leaked(done, tmp_path)
