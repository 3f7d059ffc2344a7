"""Language models in vLLM, in this process; the only home of vllm.

Whole chunks of questions are handed to `LLM.chat`, which batches them itself. A question's own seed makes its draws,
but as with every batched model the last bits of a probability depend on what stands beside it: answers that were kept
are the same for ever, those that a GPU gives anew may differ in near ties.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pairforge.engines.printed import Printed
from pairforge.engines.schemas import strict
from pairforge.engines.vllm_faults import one_line, vllm_fault
from pairforge.errors import MissingExtraError, ModelError
from pairforge.generators import DOES_NOT_FIT, Answer, Ask, GeneratorRequest, GeneratorSpec, Reply, Schema
from pairforge.quoting import quotable

_FIRST_CHUNK = 512
_CHUNKS = (64, 8192)
_SECONDS_A_CHUNK = (30.0, 120.0)
"""A chunk grows while it takes less, and shrinks when it takes more: the engine drains at the end of each, and a kill
loses the one that is under way."""

_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
_END_OF_THOUGHT = "</think>"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "added_tokens.json")


class VllmModel:
    """A language model in vLLM.

    Args:
        spec: What it is.
        llm: The loaded `vllm.LLM`.
        printed: What its processes print.

    Raises:
        ModelError: it has no chat template, or its context has no room for an answer.
    """

    def __init__(self, spec: GeneratorSpec, llm: Any, printed: Printed | None = None) -> None:
        self.spec = spec
        self._printed = printed or Printed()
        self._llm = llm
        self._tokenizer = llm.get_tokenizer()
        self._template = {} if spec.request.thinking is None else {"enable_thinking": spec.request.thinking}
        self._room: int = llm.model_config.max_model_len - spec.request.max_tokens
        self._frames: dict[tuple[str, ...], int] = {}
        if self._frame(("user",)) >= self._room:
            raise ModelError(
                f"{spec.name}: a context of {llm.model_config.max_model_len:,} tokens has no room for a question and "
                f"an answer of {spec.request.max_tokens:,}. Lower --max-tokens or raise --context-length."
            )

    def prompt_tokens(self, asks: Sequence[Ask]) -> list[int]:
        """Tokens of each question, by the model's own tokenizer and chat template.

        Raises:
            ModelError: it has no chat template, or one that refuses these messages.
        """
        return [self._tokens(_chat(ask)) for ask in asks]

    def answers(self, asks: Sequence[Ask], schema: Schema | None) -> Iterator[tuple[int, Answer]]:
        """An answer to each question, chunk by chunk; one whose answer would not fit the context is not sent.

        Raises:
            ModelError: vLLM has stopped, cannot hold answers to the schema, or the model has no chat template.
        """
        fitting = []
        for place, ask in enumerate(asks):
            if self._fits(ask):
                fitting.append(place)
            else:
                yield place, DOES_NOT_FIT
        size = _FIRST_CHUNK
        while fitting:
            chunk, fitting = fitting[:size], fitting[size:]
            started = time.monotonic()
            replies = self._replies([asks[place] for place in chunk], schema)
            size = _next_size(size, time.monotonic() - started)
            yield from zip(chunk, replies, strict=True)

    def _replies(self, asks: Sequence[Ask], schema: Schema | None) -> list[Reply]:
        try:
            outputs = self._llm.chat(
                [_chat(ask) for ask in asks],
                [self._sampling(ask.seed, schema) for ask in asks],
                use_tqdm=False,
                lora_request=_adapter(self.spec.request),
                chat_template_kwargs=self._template,
            )
        except Exception as error:  # noqa: BLE001 - each version has classes of its own
            texts = [message.text for ask in asks for message in ask.messages]
            fault = vllm_fault(self.spec, "cannot answer", error, self._printed.text(), texts)
            raise fault from fault.__cause__
        return [_reply(output) for output in outputs]

    def _sampling(self, seed: int, schema: Schema | None) -> Any:
        from vllm import SamplingParams  # noqa: PLC0415 - loaded with the model
        from vllm.sampling_params import StructuredOutputsParams  # noqa: PLC0415 - loaded with the model

        request = self.spec.request
        return SamplingParams(
            seed=seed,
            temperature=request.temperature,
            top_p=request.top_p,
            max_tokens=request.max_tokens,
            structured_outputs=None if schema is None else StructuredOutputsParams(json=strict(schema)),
        )

    def _fits(self, ask: Ask) -> bool:
        # A token is a byte at least, so that most questions need not be tokenised twice. Twice the bytes leave room for
        # a tokenizer that writes some characters out.
        most = 2 * sum(len(message.text.encode("utf-8", "replace")) for message in ask.messages)
        frame = self._frame(tuple(message.role for message in ask.messages))
        return frame + most <= self._room or self._tokens(_chat(ask)) <= self._room

    def _frame(self, roles: tuple[str, ...]) -> int:
        """Tokens that the chat template puts about messages of these roles."""
        if roles not in self._frames:
            self._frames[roles] = self._tokens([{"role": role, "content": "a"} for role in roles])
        return self._frames[roles]

    def _tokens(self, chat: list[dict[str, str]]) -> int:
        try:
            given = self._tokenizer.apply_chat_template(chat, add_generation_prompt=True, **self._template)
        except Exception as error:  # Jinja's errors and the tokenizer's own
            if getattr(self._tokenizer, "chat_template", True) is None:
                raise _no_template(self.spec) from error
            told = quotable(one_line(error), [message["content"] for message in chat]) or type(error).__name__
            raise ModelError(f"{self.spec.name}: its chat template refuses the prompt ({told}).") from None
        return len(given["input_ids"] if isinstance(given, Mapping) else given)


def load_vllm_model(spec: GeneratorSpec) -> VllmModel:
    """Load a language model into vLLM.

    Raises:
        ModelError: vLLM cannot load it, has too little memory for it, or it has no chat template.
        MissingExtraError: vLLM is not installed.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtraError("vLLM", "vllm")
    printed = Printed()
    with printed.gathered():
        from vllm import LLM  # noqa: PLC0415 - ten seconds

        _refuse_without_template(spec)
        settings = _settings(spec)
        try:
            llm = LLM(**settings)
        except Exception as error:  # each version has classes of its own
            raise vllm_fault(spec, "cannot load it", error, printed.text()) from error
    atexit.register(_shut_down, weakref.ref(llm))
    return VllmModel(spec, llm, printed)


def _shut_down(llm: weakref.ref[Any]) -> None:
    """End vLLM's processes first of all at exit.

    vLLM does so by a finaliser; where any finaliser was made before multiprocessing was imported, multiprocessing's own
    handler comes first, and waits for these processes for ever.
    """
    still_there = llm()
    if still_there is not None:
        still_there.llm_engine.engine_core.shutdown()


def _refuse_without_template(spec: GeneratorSpec) -> None:
    """Say so before the weights are loaded, which can take minutes."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - loaded with vLLM

    try:
        tokenizer = AutoTokenizer.from_pretrained(spec.path, trust_remote_code=spec.request.trust_remote_code)
    except Exception:  # noqa: BLE001 - vLLM has ways of its own to read a tokenizer, and says what is wrong with it
        return
    if tokenizer.chat_template is None:
        raise _no_template(spec)


def _no_template(spec: GeneratorSpec) -> ModelError:
    return ModelError(f"{spec.name}: has no chat template. Name an instruct or chat model.")


def _settings(spec: GeneratorSpec) -> dict[str, Any]:
    from vllm.platforms import current_platform  # noqa: PLC0415 - ten seconds

    request = spec.request
    settings = {
        "model": str(spec.path),
        "dtype": request.dtype,
        "quantization": request.quantization,
        "max_model_len": request.context_length,
        "tensor_parallel_size": request.tensor_parallel,
        "gpu_memory_utilization": request.gpu_memory,
        "trust_remote_code": request.trust_remote_code,
        "enable_prefix_caching": True,
        "use_tqdm_on_load": False,
        # Not xgrammar, vLLM's first choice: where a schema bounds a text's length, it lets control characters into it
        # that JSON forbids, and forbids the escapes that stand for them.
        "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True} | _thoughts(spec),
    }
    if current_platform.is_cpu():
        # Compiling pays where kernels are launched from afar; and a prompt that is read in pieces stops vLLM there when
        # its draws have a seed ("CPU Generator does not use offset").
        settings |= {"enforce_eager": True, "enable_chunked_prefill": False}
    if request.lora is not None:
        settings |= {"enable_lora": True, "max_lora_rank": _lora_rank(request)}
    return settings


def _thoughts(spec: GeneratorSpec) -> dict[str, str]:
    """What lets a model think before the schema holds its answer."""
    if not spec.request.thinking:
        return {}
    files = [spec.path / name for name in _TOKENIZER_FILES] if spec.path else []
    if not any(_END_OF_THOUGHT in file.read_text(encoding="utf-8") for file in files if file.is_file()):
        raise ModelError(
            f"{spec.name}: its tokenizer has no {_END_OF_THOUGHT}, so that its thoughts could not be told from its "
            "answer. Leave out --thinking."
        )
    return {"reasoning_parser": "deepseek_r1"}


def _lora_rank(request: GeneratorRequest) -> int:
    try:
        rank = int(json.loads((_lora_folder(request) / "adapter_config.json").read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{request.lora}: adapter_config.json gives no rank r. Save the adapter anew.") from error
    return next((allowed for allowed in _LORA_RANKS if allowed >= rank), rank)


def _adapter(request: GeneratorRequest) -> Any:
    if request.lora is None:
        return None
    from vllm.lora.request import LoRARequest  # noqa: PLC0415 - loaded with the model

    return LoRARequest("adapter", 1, str(_lora_folder(request)))


def _lora_folder(request: GeneratorRequest) -> Path:
    return Path(str(request.lora)).expanduser().resolve()


def _chat(ask: Ask) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.text} for message in ask.messages]


def _reply(output: Any) -> Reply:
    answer = output.outputs[0]
    return Reply(
        answer.text, answer.finish_reason != "length", len(output.prompt_token_ids or ()), len(answer.token_ids)
    )


def _next_size(size: int, seconds: float) -> int:
    smallest, largest = _CHUNKS
    short, long = _SECONDS_A_CHUNK
    if seconds < short:
        return min(size * 2, largest)
    return max(size // 2, smallest) if seconds > long else size
