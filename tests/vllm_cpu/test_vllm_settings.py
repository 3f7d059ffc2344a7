"""What a user asks of vLLM reaches it: an adapter, thinking, and the settings that only a GPU could use."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from pairforge.engines.loading import load_generator
from pairforge.engines.vllm_models import _settings
from pairforge.errors import ModelError
from pairforge.generator_files import find_generator
from pairforge.generators import Ask, GeneratorRequest, GeneratorSpec, Message, Reply, TextGenerator
from tests.tiny_models import save_adapter, save_language_model

pytestmark = pytest.mark.vllm

SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 30}},
    "required": ["text"],
    "additionalProperties": False,
}
ASKS = [Ask((Message("user", f"cat {number}"),), number) for number in range(16)]


def found(folder: Path, cache: Path, **settings: object) -> GeneratorSpec:
    asked = {"name": f"vllm:{folder}", "dtype": "float32", "max_tokens": 200, "temperature": 0, **settings}
    return find_generator(GeneratorRequest.model_validate(asked), cache=cache)


def replies(generator: TextGenerator) -> list[str]:
    answers = dict(generator.answers(ASKS, SCHEMA))
    given = [answer for _, answer in sorted(answers.items()) if isinstance(answer, Reply)]
    assert len(given) == len(ASKS)
    return [answer.text for answer in given]


def test_an_adapter_changes_the_answers_by_what_it_adds(model_folder: Path, tmp_path: Path) -> None:
    answers = {}
    for name, strength in (("none", None), ("idle", 0.0), ("strong", 1.0)):
        lora = None if strength is None else str(save_adapter(tmp_path / name, model_folder, strength=strength))
        answers[name] = replies(load_generator(found(model_folder, tmp_path, lora=lora)))
    assert answers["idle"] == answers["none"]
    assert all(one != other for one, other in zip(answers["strong"], answers["none"], strict=True))
    assert all(json.loads(text)["text"] for text in answers["strong"])


def test_a_model_thinks_before_its_schema_holds_it_and_not_when_it_is_not_to(tmp_path: Path) -> None:
    folder = save_language_model(tmp_path / "thinking", thinks=True)
    thoughtful = replies(load_generator(found(folder, tmp_path, thinking=True, max_tokens=1000, temperature=1)))
    # With random weights it may as well end its turn while it thinks.
    answered = [text.partition("</think>") for text in thoughtful if "</think>" in text]
    assert len(answered) >= len(ASKS) // 4
    assert any(thought for thought, _, _ in answered)
    assert all(json.loads(answer)["text"] for _, _, answer in answered)
    silent = load_generator(found(folder, tmp_path, thinking=False))
    assert all(json.loads(text)["text"] for text in replies(silent))
    assert not any("</think>" in text for text in replies(silent))


def test_a_model_that_cannot_mark_its_thoughts_is_refused_to_think(tmp_path: Path) -> None:
    folder = save_language_model(tmp_path / "plain", chat_template="{{ messages[0].content }}")
    with pytest.raises(ModelError, match="its tokenizer has no </think>"):
        load_generator(found(folder, tmp_path, thinking=True))


def test_every_setting_has_its_place_among_vllms_arguments(model_folder: Path, tmp_path: Path) -> None:
    from vllm import EngineArgs

    lora = save_adapter(tmp_path / "adapter", model_folder, strength=1.0, rank=9)
    spec = found(
        model_folder, tmp_path, dtype="bfloat16", quantization="fp8", context_length=512, tensor_parallel=2,
        gpu_memory=0.5, trust_remote_code=True, lora=str(lora),
    )  # fmt: skip
    told = _settings(spec)
    assert told | {
        "model": str(model_folder), "dtype": "bfloat16", "quantization": "fp8", "max_model_len": 512,
        "tensor_parallel_size": 2, "gpu_memory_utilization": 0.5, "trust_remote_code": True,
        "enable_lora": True, "max_lora_rank": 16,
    } == told  # fmt: skip
    assert set(told) <= {field.name for field in fields(EngineArgs)} | {"use_tqdm_on_load"}
    args = EngineArgs(**told)
    assert (args.tensor_parallel_size, args.quantization, args.enable_lora) == (2, "fp8", True)
