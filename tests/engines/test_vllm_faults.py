"""What is said of a model that vLLM did not load, and of vLLM where it is not installed."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path
from types import SimpleNamespace

import pytest

from pairforge.engines.loading import load_generator
from pairforge.engines.vllm_faults import vllm_fault
from pairforge.engines.vllm_models import VllmModel
from pairforge.errors import MissingExtraError, ModelError
from pairforge.generators import Ask, GeneratorRequest, GeneratorSpec, Message

SPEC = GeneratorSpec(request=GeneratorRequest(name="vllm:big"), digest="b1" * 32, path=Path("big"))


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_the_pip_line_is_told() -> None:
    with pytest.raises(MissingExtraError, match=r"^vLLM needs: pip install 'pairforge\[vllm\]'$"):
        load_generator(SPEC)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("CUDA out of memory. Tried to allocate 20 GiB.", "has too little memory for it"),
        ("No available memory for the cache blocks.", "has too little memory for it"),
        ("Unknown quantization method: fine.", "cannot use that quantisation"),
        ("User-specified max_model_len (9) is greater than 8", "cannot use that context"),
        ("Model architectures ['Odd'] are not supported", "does not know such a model"),
        ("something else\n  happened", "cannot load it (something else happened)"),
    ],
)
def test_a_fault_is_one_sentence_with_a_mend(said: str, told: str) -> None:
    sentence = str(vllm_fault(SPEC, "cannot load it", ValueError(said), ""))
    assert sentence.startswith(f"vllm:big: vLLM {told}")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_the_words_of_vllms_own_process_say_why_it_failed() -> None:
    error = RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}")
    words = (
        "(EngineCore pid=7) ERROR 11-21 15:00:00 [core.py:99] EngineCore failed to start.\n"
        "(EngineCore pid=7) ERROR 11-21 15:00:00 [core.py:99] ValueError: Available memory 3 GiB is less than wanted.\n"
        "RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    fault = vllm_fault(SPEC, "cannot load it", error, words)
    assert "has too little memory for it (Available memory 3 GiB is less than wanted)." in str(fault)
    assert any("core.py:99" in note for note in error.__notes__)
    assert "Engine core" in str(vllm_fault(SPEC, "cannot load it", error, "nothing of use"))


class _Engine:
    """As much of vLLM as is asked before any question."""

    def __init__(self, context_length: int, *, template: bool = True) -> None:
        self.model_config = SimpleNamespace(max_model_len=context_length)
        self.chat_template = "{{ messages }}" if template else None

    def get_tokenizer(self) -> _Engine:
        return self

    def apply_chat_template(self, chat: list[dict[str, str]], **settings: object) -> list[int]:
        if self.chat_template is None:
            raise ValueError("no template here")
        if any("refuse" in message["content"] for message in chat):
            raise TypeError("not\nso")
        return [0] * sum(len(message["content"]) + 4 for message in chat)


def test_a_context_without_room_for_an_answer_is_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"a context of 517 tokens has no room .* an answer of 512\."):
        VllmModel(SPEC, _Engine(517))
    assert VllmModel(SPEC, _Engine(518)).prompt_tokens([Ask((Message("user", "cat"),), 1)]) == [7]


def test_a_model_without_a_chat_template_or_with_a_strict_one_is_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"^vllm:big: has no chat template\. Name an instruct or chat model\.$"):
        VllmModel(SPEC, _Engine(4096, template=False))
    with pytest.raises(ModelError, match=r"its chat template refuses the prompt \(not so\)\.$"):
        VllmModel(SPEC, _Engine(4096)).prompt_tokens([Ask((Message("user", "refuse"),), 1)])


def test_a_fault_of_answering_shows_no_text_in_its_sentence_or_its_traceback() -> None:
    text = "a zebra runs along the road"
    engine = SimpleNamespace(
        model_config=SimpleNamespace(max_model_len=4096),
        get_tokenizer=lambda: _Engine(4096),
    )
    for said, shown in ((f"cannot serve {text!r}", "ValueError"), ("out of paper", "out of paper")):
        engine.chat = lambda *asked, said=said, **settings: _raise(ValueError(said))
        model = VllmModel(SPEC, engine)
        model._sampling = lambda seed, schema: None  # type: ignore[method-assign]
        with pytest.raises(ModelError) as refused:
            list(model.answers([Ask((Message("user", text),), 1)], None))
        assert str(refused.value) == f"vllm:big: vLLM cannot answer ({shown}). --debug shows more."
        trace = "".join(traceback.format_exception(refused.value))
        assert "zebra" not in trace
        assert ("out of paper" in trace) == (said == "out of paper")


def _raise(error: Exception) -> None:
    raise error
