"""The engines that answer for language models, and which settings say something to each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Engine = Literal["vllm", "openai", "seq2seq"]
ENGINES: tuple[Engine, ...] = ("vllm", "openai", "seq2seq")
INSTRUCTED: tuple[Engine, ...] = ("vllm", "openai")
"""The engines whose models follow instructions: they are chatted with, and answer in JSON."""

_IN_PROCESS: tuple[Engine, ...] = ("vllm", "seq2seq")
_OF_SOME_ENGINES: Mapping[str, tuple[Engine, ...]] = {
    "thinking": INSTRUCTED,
    **dict.fromkeys(("base_url", "concurrency", "max_retries", "timeout"), ("openai",)),
    **dict.fromkeys(("tensor_parallel", "gpu_memory", "quantization", "context_length", "lora"), ("vllm",)),
    **dict.fromkeys(("dtype", "revision", "trust_remote_code"), _IN_PROCESS),
    **dict.fromkeys(("max_length", "device", "batch_size"), ("seq2seq",)),
}
"""The engines that use a setting of a request; all use one that is not named here."""


def engine_in(name: str) -> Engine | None:
    """The engine that a generator's name begins with; None where it names none."""
    prefix = name.partition(":")[0] if ":" in name else ""
    return next((engine for engine in ENGINES if engine == prefix), None)


def uses(engine: Engine, setting: str) -> bool:
    """Whether a setting of a request says anything to an engine."""
    return engine in _OF_SOME_ENGINES.get(setting, ENGINES)
