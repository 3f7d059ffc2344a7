"""`pairforge doctor`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pairforge.engines import machine
from pairforge.engines.machine import Extra


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def test_doctor_says_what_is_here(run: Callable, tmp_path: Path) -> None:
    told = run("doctor", "--cache-dir", tmp_path / "cache")
    assert (told.code, told.err) == (0, "")
    for said in (
        "Python 3.",
        "torch ",
        "server       none named",
        "switched off by HF_HUB_OFFLINE",
        f"{tmp_path}/cache, ",
    ):
        assert said in told.out


def test_doctor_for_machines_is_one_object(run: Callable) -> None:
    told = json.loads(run("doctor", "--json").out)
    assert told["hub_offline"] is True
    assert told["libraries"]["polars"]
    assert told["extras"]["vllm"]["purpose"]
    assert told["server"] is None


def test_a_missing_extra_comes_with_its_pip_line(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    extras = {"llm": Extra("servers", "no_such_module"), "vllm": Extra("here", "json")}
    monkeypatch.setattr(machine, "EXTRAS", {**machine.EXTRAS, **extras})
    told = run("doctor").out
    assert "llm: not installed; for servers: pip install 'pairforge[llm]'" in told
    assert "vllm: installed" in told
    assert json.loads(run("doctor", "--json").out)["extras"]["llm"]["install"] == "pip install 'pairforge[llm]'"


def test_a_server_that_is_not_there_is_no_failure(run: Callable) -> None:
    told = run("doctor", "--base-url", "http://127.0.0.1:9/v1")
    assert told.code == 0
    assert "http://127.0.0.1:9/v1 does not answer: " in told.out


def test_doctor_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'sentence_transformers', 'polars', 'faiss', 'vllm', 'openai', 'datasets'}"
    script = (
        f"import sys; from pairforge.cli.app import main; main(['doctor']); sys.exit(str({heavy} & {{*sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr.strip() == "set()"
