"""What a language model is to the rest of the house: what it is asked, what it answers, and who it is.

Steps see it through `TextGenerator` alone. Three engines stand behind it: vLLM in this process, any server that
speaks OpenAI's protocol, and small models in this process that turn one text into another (T5 and its like), which
follow no instructions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pairforge.errors import OptionsError
from pairforge.generator_engines import ENGINES, INSTRUCTED, Engine, engine_in, uses
from pairforge.models import ModelKind, ModelRequest, ModelSpec, Source

Schema = Mapping[str, Any]
"""A JSON schema that an answer has to fit."""

LONGEST_ANSWER = 200_000
"""Characters of an answer that are read; an engine cuts a longer one behind the next character."""

_IDENTIFYING = (
    "dtype", "quantization", "context_length", "lora", "thinking", "temperature", "top_p", "max_tokens",
    "trust_remote_code", "max_length",
)  # fmt: skip


class GeneratorRequest(BaseModel):
    """The language model that a user asks for, and how it is to be used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[
        str,
        Field(
            description="vllm:MODEL or seq2seq:MODEL (a folder or hub name), or openai:MODEL (as its server calls it)."
        ),
    ]
    base_url: Annotated[
        str | None,
        Field(min_length=1, description="Address of the server, as http://127.0.0.1:8000/v1; OPENAI_BASE_URL if not "
                                        "given."),
    ] = None  # fmt: skip
    temperature: Annotated[float, Field(ge=0, le=2, description="Randomness of answers; with 0 the likeliest.")] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1, description="Share of the likeliest tokens that are drawn from.")] = 1.0
    max_tokens: Annotated[int, Field(ge=1, description="Tokens of an answer at most.")] = 512
    thinking: Annotated[
        bool | None, Field(description="Let a model think first that can; its template's default if not given.")
    ] = None
    concurrency: Annotated[int, Field(ge=1, description="Requests that a server works on at a time.")] = 16
    max_retries: Annotated[
        int, Field(ge=0, description="Times a request is sent again after a timeout, a 429 or a 5xx of a server.")
    ] = 5
    timeout: Annotated[float, Field(gt=0, description="Seconds to wait for one answer of a server.")] = 120.0
    tensor_parallel: Annotated[int, Field(ge=1, description="GPUs that vLLM spreads the model over.")] = 1
    gpu_memory: Annotated[float, Field(gt=0, le=1, description="Share of a GPU's memory that vLLM takes.")] = 0.9
    quantization: Annotated[str | None, Field(min_length=1, description="vLLM's name of a quantisation.")] = None
    context_length: Annotated[
        int | None, Field(ge=16, description="Tokens of prompt and answer together; the model's own if not given.")
    ] = None
    lora: Annotated[str | None, Field(min_length=1, description="Folder of a LoRA adapter for vLLM.")] = None
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        Field(description="Precision of the weights; auto is vLLM's choice, and float32 for seq2seq."),
    ] = "auto"
    max_length: Annotated[
        int | None,
        Field(ge=1, description="Tokens that a seq2seq model reads of a text, which is cut there; if not given, one "
                                "that is longer than the model reads is not asked about."),
    ] = None  # fmt: skip
    device: Annotated[
        str | None,
        Field(min_length=1, description="cpu, cuda, cuda:1, mps …, for a seq2seq model; the best one if not given."),
    ] = None
    batch_size: Annotated[int, Field(ge=1, description="Texts that a seq2seq model writes at once.")] = 32
    revision: Annotated[str | None, Field(description="Hub revision (branch, tag or commit).")] = None
    trust_remote_code: Annotated[bool, Field(description="Run Python code that comes with the model.")] = False
    input_price: Annotated[
        float | None, Field(ge=0, description="Price of a million prompt tokens, for the estimate of the cost.")
    ] = None
    output_price: Annotated[
        float | None, Field(ge=0, description="Price of a million tokens of answers, for the estimate of the cost.")
    ] = None

    @field_validator("name")
    @classmethod
    def _names_an_engine(cls, name: str) -> str:
        if engine_in(name) is None or not name.partition(":")[2]:
            raise OptionsError(f"'{name}' names no generator. Write vllm:MODEL, openai:MODEL or seq2seq:MODEL.")
        return name

    @model_validator(mode="after")
    def _refuse_settings_of_other_engines(self) -> GeneratorRequest:
        fields = type(self).model_fields
        given = {name: value for name in sorted(self.model_fields_set) if (value := getattr(self, name)) is not None}
        unused = [name for name in given if not uses(self.engine, name) and given[name] != fields[name].default]
        if unused:
            shown = " and ".join(f"{name}='{given[name]}'" for name in unused)
            users = " or ".join(engine for engine in ENGINES if all(uses(engine, name) for name in unused))
            says, it = ("says", "it") if len(unused) == 1 else ("say", "them")
            of_others = f" but something to a generator of {users}" if users else ""
            raise OptionsError(f"{shown} {says} nothing to {self.name}{of_others}. Leave {it} out.")
        return self

    @property
    def engine(self) -> Engine:
        """Which engine answers."""
        return next(engine for engine in ENGINES if engine == engine_in(self.name))

    @property
    def follows_instructions(self) -> bool:
        """Whether it can be told what to do in a chat, and to answer in JSON; if not, it rewrites one text."""
        return self.engine in INSTRUCTED

    def refuse_without_instructions(self, task: str) -> None:
        """Refuse a model that follows none for a task that needs them.

        Raises:
            OptionsError: it is such a model.
        """
        if not self.follows_instructions:
            raise OptionsError(
                f"{task}: {self.name} follows no instructions: it turns one text into another, as generate-queries can "
                "use it. Name an instruct model, as vllm:MODEL or openai:MODEL."
            )

    @property
    def model(self) -> str:
        """The model, as its engine calls it."""
        return self.name.partition(":")[2]


NOT_IN_ANSWERS = tuple(name for name in GeneratorRequest.model_fields if name not in _IDENTIFYING)
"""The settings of a request that do not decide an answer, once the model is known."""


class GeneratorSpec(BaseModel):
    """A language model that was found.

    Args:
        request: What was asked for.
        digest: SHA-256 over the model's files; of its name and address where only a server knows it.
        path: The folder of its files; None for a server.
        source: Where it was found.
        base_url: The server's address; None for a model in this process.
    """

    model_config = ConfigDict(frozen=True)

    request: GeneratorRequest
    digest: str
    path: Path | None = None
    source: Source = "folder"
    base_url: str | None = None

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self.request.name

    @property
    def kind(self) -> ModelKind:
        """What it is used as."""
        return ModelKind.GENERATOR

    @property
    def identity(self) -> str:
        """Digest of everything that decides an answer but the question: model and sampling."""
        request = self.request
        deciding = {name for name in _IDENTIFYING if uses(request.engine, name)}
        return digest_of([self.digest, request.engine, request.model_dump(mode="json", include=deciding)])


@dataclass(frozen=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Ask:
    """One question to a language model.

    Args:
        messages: The chat so far; the one text, as the user's, for a model that follows no instructions.
        seed: Of the draws of its answer.
    """

    messages: tuple[Message, ...]
    seed: int

    def key(self, schema: Schema | None) -> str:
        """SHA-256 of all that a model is told."""
        chat = [[message.role, message.text] for message in self.messages]
        return digest_of([chat, self.seed, schema])


@dataclass(frozen=True)
class Reply:
    """What a model answered.

    Args:
        text: The answer.
        whole: Whether it came to its own end, not to the limit of tokens.
        prompt_tokens: Tokens of the question, whether or not all were read.
        output_tokens: Tokens of the answer.
    """

    text: str
    whole: bool = True
    prompt_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class NoReply:
    """A question that got no answer; it is asked anew by the next run.

    Args:
        reason: Why, as a reason for dropping a row ("the prompt does not fit the context").
    """

    reason: str


Answer = Reply | NoReply

DOES_NOT_FIT = NoReply("the prompt does not fit the context")
"""No answer, for a question that is longer than the model reads; it is never cut unasked."""

AnyRequest = ModelRequest | GeneratorRequest
"""What a user may ask for in the place of a model."""

FoundModel = ModelSpec | GeneratorSpec
"""What is found for it."""


def request_type(kind: ModelKind) -> type[AnyRequest]:
    """How a model of this kind is asked for."""
    return GeneratorRequest if kind is ModelKind.GENERATOR else ModelRequest


@runtime_checkable
class TextGenerator(Protocol):
    """Answers questions (a language model).

    What it may be asked stands in `spec.request.follows_instructions`: a chat and an answer in JSON, or one text and
    what it becomes.
    """

    @property
    def spec(self) -> GeneratorSpec:
        """The identity under which answers may be kept."""
        ...

    def prompt_tokens(self, asks: Sequence[Ask]) -> list[int]:
        """Tokens of each question; an estimate where only a server could count them."""
        ...

    def answers(self, asks: Sequence[Ask], schema: Schema | None) -> Iterator[tuple[int, Answer]]:
        """An answer to each question with its place, as they come, in any order; JSON if a schema is given.

        Raises:
            ModelError: nothing more can be asked: the server cannot be reached, refuses the key or has no such model.
        """
        ...


def digest_of(parts: Any) -> str:
    """SHA-256 of JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()
