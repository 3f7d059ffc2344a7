from __future__ import annotations

import pytest

from pairforge.errors import OptionsError
from pairforge.generator_engines import ENGINES, engine_in, uses
from pairforge.generators import GeneratorRequest, GeneratorSpec

OTHER_VALUES = {
    "base_url": "http://127.0.0.1:1/v1", "temperature": 0.1, "top_p": 0.5, "max_tokens": 9, "thinking": False,
    "concurrency": 2, "max_retries": 2, "timeout": 3.0, "tensor_parallel": 2, "gpu_memory": 0.5, "quantization": "fp8",
    "context_length": 99, "lora": "adapter", "dtype": "float32", "max_length": 7, "device": "cpu", "batch_size": 4,
    "revision": "main", "trust_remote_code": True, "input_price": 1.0, "output_price": 1.0,
}  # fmt: skip


def test_every_setting_is_tried() -> None:
    assert {"name", *OTHER_VALUES} == set(GeneratorRequest.model_fields)


@pytest.mark.parametrize("setting", OTHER_VALUES)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_setting_that_an_engine_does_not_use_is_refused(engine: str, setting: str) -> None:
    given = {"name": f"{engine}:m", setting: OTHER_VALUES[setting]}
    if uses(GeneratorRequest(name=f"{engine}:m").engine, setting):
        assert getattr(GeneratorRequest.model_validate(given), setting) == OTHER_VALUES[setting]
        return
    with pytest.raises(OptionsError) as refused:
        GeneratorRequest.model_validate(given)
    sentence = f"{setting}='{OTHER_VALUES[setting]}' says nothing to {engine}:m but something to a generator of "
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith(". Leave it out.")


def test_all_unused_settings_are_told_at_once() -> None:
    with pytest.raises(OptionsError) as refused:
        GeneratorRequest(name="seq2seq:m", concurrency=3, lora="a")
    assert str(refused.value) == "concurrency='3' and lora='a' say nothing to seq2seq:m. Leave them out."


def test_a_setting_at_its_default_is_no_wish() -> None:
    assert GeneratorRequest(name="seq2seq:m", concurrency=16, base_url=None).engine == "seq2seq"


@pytest.mark.parametrize("name", ["small", "seq2seq:", ":m", "t5:m", "seq2seq"])
def test_a_name_begins_with_an_engine(name: str) -> None:
    with pytest.raises(OptionsError, match=r"names no generator. Write vllm:MODEL, openai:MODEL or seq2seq:MODEL"):
        GeneratorRequest(name=name)


def test_only_what_an_engine_uses_and_what_decides_answers_is_in_its_identity() -> None:
    def identity(**settings: object) -> str:
        request = GeneratorRequest.model_validate({"name": "seq2seq:m", **settings})
        return GeneratorSpec(request=request, digest="d").identity

    assert identity() == identity(device="cpu", batch_size=3, revision="main")
    others = [identity(**{name: OTHER_VALUES[name]}) for name in ("max_length", "dtype", "temperature", "top_p")]
    assert len({identity(), *others}) == 5


def test_engines_are_told_by_their_prefix() -> None:
    assert [engine_in(f"{engine}:a:b") for engine in ENGINES] == list(ENGINES)
    assert engine_in("openai") is None
    assert [GeneratorRequest(name=f"{engine}:m").follows_instructions for engine in ENGINES] == [True, True, False]
