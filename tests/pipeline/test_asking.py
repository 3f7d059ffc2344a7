"""Stages that ask a language model, through a real server that fails in every way it can, killed on the way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from pairforge.files import read_json
from pairforge.generators import Ask
from tests.asking_step import PROMPT, SCHEMA
from tests.scripted_server import Call, Script, ScriptedServer, Turn, refusing, serve, share_of

ROOT = Path(__file__).resolve().parents[2]
CONCURRENCY, MAX_RETRIES, ATTEMPTS = 8, 6, 3
TRANSPORT = (Turn(stalls=True), refusing(429, "slow down"), refusing(500, "oops"))
CONTENT = ("cut", "other", "empty", "huge")


def answer(asked: Ask) -> str:
    return json.dumps({"opposite": f"not {asked.messages[-1].text.splitlines()[2]}, {asked.seed}"})


def faulty(asked: Ask, number: int) -> Turn:
    """Three calls in ten go wrong: a call by a fault that passes, or the answer itself, which is the same each time."""
    passing = share_of("passing", asked, number)
    if passing < 0.13:
        return TRANSPORT[int(passing / 0.13 * len(TRANSPORT))]
    content = share_of("content", asked)
    if content >= 0.2:
        return Turn(answer(asked))
    return unusable(CONTENT[int(content / 0.2 * len(CONTENT))], asked)


def unusable(kind: str, asked: Ask) -> Turn:
    texts = {"cut": answer(asked)[:-4], "other": '{"negative": 3}', "empty": "", "huge": answer(asked) + " " * 10**6}
    return Turn(texts[kind])


@dataclass
class Run:
    """One place in which `ask` runs as a process of its own.

    Args:
        folder: Where its files lie.
        server: The server that it asks.
        settings: Further words of the command.
        environment: Further variables of its environment.
    """

    folder: Path
    server: ScriptedServer
    settings: Sequence[object] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        return self.folder / "out.parquet"

    def start(self) -> subprocess.Popen[str]:
        words = [
            "ask", "texts.parquet", "-o", self.out, "--prompt", "prompt.md", "--generator", "openai:small",
            "--base-url", self.server.base_url, "--concurrency", CONCURRENCY, "--max-retries", MAX_RETRIES,
            "--generator-timeout", 2, *self.settings,
        ]  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "-m", "tests.asking_step", *map(str, words)],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PAIRFORGE_CACHE": str(self.folder / "cache"),
                **self.environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> tuple[int, str, str]:
        running = self.start()
        out, err = running.communicate(timeout=600)
        return running.returncode, out, err

    def kill_after(self, calls: int) -> None:
        running = self.start()
        until = len(self.server.calls) + calls
        while len(self.server.calls) < until:
            assert running.poll() is None, "the process ended before it was to be killed"
            time.sleep(0.002)
        running.kill()
        running.communicate()
        assert running.returncode == -signal.SIGKILL

    def kept(self) -> set[str]:
        """The keys of the answers that are kept."""
        [file] = (self.folder / "cache" / "answers").glob("*.sqlite")
        with closing(sqlite3.connect(file)) as connection:
            return {key for (key,) in connection.execute("select key from answers")}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Makes a place with so many texts and a server of its own."""
    with ExitStack() as stack:

        def made(script: Script, texts: Sequence[str], *settings: object) -> Run:
            server = stack.enter_context(serve(script))
            folder = tmp_path / str(server.port)
            folder.mkdir()
            pl.DataFrame({"text": texts, "row": range(len(texts))}).write_parquet(folder / "texts.parquet")
            (folder / "prompt.md").write_text(PROMPT)
            return Run(folder, server, settings)

        yield made


def transport_faults(asked: Ask) -> int:
    """Calls of a question that meet a passing fault before it is answered."""
    return next(number for number in range(100) if faulty(asked, number + 1).status == 200
                and not faulty(asked, number + 1).stalls)  # fmt: skip


def check_faulty_server(running: Callable[..., Run], rows: int, part_rows: int, kills: Sequence[int]) -> str:
    texts = [f"text {row}" for row in range(rows)]
    undisturbed = running(faulty, texts, "--part-rows", part_rows)
    code, _, err = undisturbed.finish()
    assert code == 0, err
    rows_out = pl.read_parquet(undisturbed.out)
    dropped = read_json(undisturbed.folder / "out.parquet.manifest.json")["counted"]["dropped"]
    assert rows_out.height + sum(dropped.values()) == rows
    assert rows_out["row"].is_unique().all()
    assert rows_out["row"].is_sorted()
    assert all(opposite.startswith(f"not {text}, ") for text, opposite in rows_out["text", "opposite"].iter_rows())
    calls = undisturbed.server.calls
    asks = Counter(call.asked for call in calls)
    assert all(transport_faults(asked) < number <= MAX_RETRIES + 1 for asked, number in asks.items())
    assert max(Counter(asked.messages for asked in asks).values()) <= ATTEMPTS
    assert undisturbed.server.most_at_once <= CONCURRENCY

    killed = running(faulty, texts, "--part-rows", part_rows)
    repeated = []
    for calls_before in kills:
        killed.kill_after(calls_before)
        kept, met = killed.kept(), len(killed.server.calls)
        wanted = [call.asked for call in killed.server.calls if call.asked.key(SCHEMA) not in kept]
        repeated.append((kept, met, len(set(wanted))))
    assert killed.finish()[0] == 0
    assert killed.out.read_bytes() == undisturbed.out.read_bytes()
    for kept, met, under_way in repeated:
        assert under_way <= CONCURRENCY
        assert not kept & {call.asked.key(SCHEMA) for call in killed.server.calls[met:]}
    again = Counter(call.asked for call in killed.server.calls)
    assert again.keys() == asks.keys()
    more = sum(again[asked] - asks[asked] for asked in asks)
    assert 0 <= more <= CONCURRENCY * len(kills)
    faults = sum(not _is_good(call) for call in calls)
    return (
        f"{rows} rows: {rows_out.height} kept, {sum(dropped.values())} dropped; {len(calls)} calls, {faults} faulty "
        f"({faults / len(calls):.0%}); {more} calls repeated after {len(kills)} kills"
    )


def _is_good(call: Call) -> bool:
    return call.turn.answers and call.turn.text == answer(call.asked)


def test_a_faulty_server_and_kills_lose_double_and_change_nothing(running: Callable[..., Run]) -> None:
    check_faulty_server(running, 100, 60, kills=(70,))


@pytest.mark.model
def test_a_faulty_server_and_kills_lose_double_and_change_nothing_of_many_rows(running: Callable[..., Run]) -> None:
    print(check_faulty_server(running, 5_000, 1_000, kills=(1_200, 2_300, 1_700)))  # noqa: T201


def test_the_debug_log_of_the_client_holds_no_request(running: Callable[..., Run]) -> None:
    asked = running(lambda asked, number: Turn(answer(asked)), ["a planted text"], "--debug")
    asked.environment = {"OPENAI_LOG": "debug", "OPENAI_API_KEY": "sk-planted"}
    code, out, err = asked.finish()
    assert (code, out) == (0, "")
    assert "planted" not in err.replace(str(asked.folder), "")
