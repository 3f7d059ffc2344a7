"""One tiny real language model, loaded into vLLM once for all tests of this tier."""

from __future__ import annotations

import os
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
    request = GeneratorRequest(name=f"vllm:{model_folder}", dtype="float32", max_tokens=128)
    return load_generator(find_generator(request, cache=tmp_path_factory.mktemp("digests")))
