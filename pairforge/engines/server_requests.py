"""What is sent to a server of OpenAI's protocol, and how its answer is read."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from pairforge.engines.schemas import strict
from pairforge.engines.server_faults import PassingFault, Refusal
from pairforge.generators import LONGEST_ANSWER, Ask, GeneratorRequest, Reply, Schema

MOST_BYTES = 12 * LONGEST_ANSWER + 2**16
"""Of a body that is read: a character takes twelve at most, as two JSON escapes."""

_IN_WORDS = "Answer with JSON alone, without any other word. It has to fit this JSON schema:"


@dataclass(frozen=True)
class Manner:
    """How a server wants to be asked.

    Args:
        form: How an answer is held to a schema: by the schema itself, by asking for any JSON, or by words alone; None
            where there is no schema.
        limit: What it calls the limit of an answer's tokens.
    """

    form: Literal["json_schema", "json_object", "words"] | None
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"

    def milder(self, refusal: Refusal) -> Manner | None:
        """What to try after a refusal; None if nothing is left."""
        if refusal.wants_other_limit and self.limit == "max_tokens":
            return replace(self, limit="max_completion_tokens")
        if self.form == "json_schema":
            return replace(self, form="json_object")
        return replace(self, form="words") if self.form == "json_object" else None


def request_body(request: GeneratorRequest, ask: Ask, schema: Schema | None, manner: Manner) -> dict[str, Any]:
    """A request for a chat completion, as arguments of the client.

    Args:
        request: The model and its sampling.
        ask: The question.
        schema: The JSON schema of an answer.
        manner: How the server wants to be asked.
    """
    messages = [{"role": message.role, "content": message.text} for message in ask.messages]
    body: dict[str, Any] = {
        "model": request.model,
        "messages": messages,
        "seed": ask.seed,
        "temperature": request.temperature,
        "top_p": request.top_p,
        manner.limit: request.max_tokens,
    }
    if manner.form == "json_schema":
        told = {"name": "answer", "schema": strict(schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": told}
    elif manner.form is not None:
        messages[-1]["content"] += f"\n\n{_IN_WORDS}\n{json.dumps(schema, ensure_ascii=False)}"
        if manner.form == "json_object":
            body["response_format"] = {"type": "json_object"}
    if request.thinking is not None:
        body["extra_body"] = {"chat_template_kwargs": {"enable_thinking": request.thinking}}
    return body


def read_reply(content: bytes) -> Reply:
    """The answer in the body of a chat completion; of one that is too long, so much that it shows.

    Raises:
        PassingFault: it is no chat completion.
    """
    if len(content) > MOST_BYTES:
        return Reply(content.decode("utf-8", "replace")[: LONGEST_ANSWER + 1], whole=False)
    try:
        told = json.loads(content)
        choice, usage = told["choices"][0], told.get("usage") or {}
        text = choice["message"].get("content") or ""
        return Reply(
            # Half a surrogate pair stands in some answers; no file takes it.
            text.encode("utf-8", "replace").decode()[: LONGEST_ANSWER + 1],
            whole=choice.get("finish_reason") != "length",
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            output_tokens=int(usage.get("completion_tokens") or 0),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise PassingFault("no chat completion") from None


def listed_models(content: bytes) -> list[str]:
    """The models in the body of a list of them; none if it is no such list."""
    try:
        return [str(model["id"]) for model in json.loads(content)["data"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
