"""One tiny real language model, loaded into vLLM once for all tests of this tier."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pairforge.engines.loading import load_generator
from pairforge.generator_files import find_generator
from pairforge.generators import GeneratorRequest, TextGenerator
from tests.tiny_models import save_language_model

# vLLM's processes inherit these; without the first it reserves most of the memory.
os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
os.environ["VLLM_NO_USAGE_STATS"] = "1"


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_language_model(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def generator(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TextGenerator:
    request = GeneratorRequest(name=f"vllm:{model_folder}", dtype="float32", max_tokens=1024)
    return load_generator(find_generator(request, cache=tmp_path_factory.mktemp("digests")))


@pytest.fixture(scope="session")
def served(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GeneratorRequest]:
    """The same model behind vLLM's server on 127.0.0.1, which ends with the tests.

    Begun as `vllm serve` begins it, by its module: the command asks for the version of a package named vllm, and here
    it is named vllm-cpu.
    """
    log = tmp_path_factory.mktemp("server") / "log"
    port = _free_port()
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model_folder),
        "--host", "127.0.0.1", "--port", str(port),
        "--served-model-name", "tiny", "--dtype", "float32", "--enforce-eager", "--no-enable-chunked-prefill",
        "--structured-outputs-config", '{"backend": "guidance", "disable_any_whitespace": true}',
    ]  # fmt: skip
    with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as server:
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", server, log)
            yield GeneratorRequest(name="openai:tiny", base_url=f"http://127.0.0.1:{port}/v1", max_tokens=1024)
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 400.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(1)
    pytest.fail(f"vllm serve did not start:\n{log.read_text()[-3000:]}")
