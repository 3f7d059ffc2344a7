"""The connection to a server that speaks OpenAI's protocol; the only home of openai.

A request that meets a passing fault is sent again, so many times at most. The key comes from the environment, and goes
to the server alone.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pairforge.engines.served_models import ServedModel
from pairforge.engines.server_faults import PassingFault, Sent, fault_of
from pairforge.engines.server_requests import MOST_BYTES, listed_models, read_reply
from pairforge.errors import MissingExtraError, ModelError
from pairforge.generators import GeneratorRequest, GeneratorSpec, Reply, TextGenerator

if TYPE_CHECKING:
    from openai import OpenAI

Made = TypeVar("Made")

_KEY = "OPENAI_API_KEY"
_NO_KEY = "none"
_HOSTED = "api.openai.com"
_SECONDS_TO_CONNECT = 10.0


def load_served_model(spec: GeneratorSpec) -> TextGenerator:
    """The language model at a server; nothing is sent before the first question.

    Raises:
        ModelError: the address is none, or the key cannot be sent or is missing where there has to be one.
        MissingExtraError: openai is not installed.
    """
    address = spec.base_url or ""
    check_address(address)
    key = key_for(address)
    client = _client(spec, address, key)
    model = ServedModel(spec, Connection(client, spec.request, key or _NO_KEY), has_key=bool(key))
    weakref.finalize(model, client.close)
    return model


@dataclass
class Connection:
    """Sends requests to one server, again after a passing fault, and reads what comes back.

    Args:
        client: The client, which sends nothing again by itself.
        request: How often a request is sent again, and how long one is waited for.
        key: The key that the client sends.
    """

    client: OpenAI = field(repr=False)
    request: GeneratorRequest
    key: str = field(repr=False)

    def chat(self, body: Mapping[str, Any], texts: Sequence[str], abandoned: Event) -> Reply:
        """What the server answers.

        Args:
            body: The request.
            texts: The texts in it, with which a refusal is not quoted.
            abandoned: Set once nobody waits for the answer.

        Raises:
            PassingFault: so it was each time.
            Refusal: the server will not answer.
        """

        def send() -> Reply:
            create = self.client.chat.completions.with_streaming_response.create
            with _faults_read(Sent(texts, self.key)):
                deadline = time.monotonic() + self.request.timeout
                with create(**body) as response:
                    content = _read(response.iter_bytes(), deadline)
            return read_reply(content)

        return self._sent(send, abandoned)

    def models(self) -> list[str]:
        """The models that the server lists; none if it lists nothing.

        Raises:
            PassingFault, Refusal: as in `chat`.
        """
        import httpx2  # noqa: PLC0415 - comes with openai

        def send() -> list[str]:
            with _faults_read(Sent((), self.key)):
                return listed_models(self.client.get("/models", cast_to=httpx2.Response).content)

        return self._sent(send, Event())

    def _sent(self, send: Callable[[], Made], abandoned: Event) -> Made:
        resend = 0
        while True:
            try:
                return send()
            except PassingFault as fault:
                if resend == self.request.max_retries or abandoned.wait(fault.wait(resend)):
                    raise
            resend += 1


def check_address(address: str) -> None:
    """Refuse what is no server's address, or one with a secret in it.

    Raises:
        ModelError: so it is.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelError(f"--base-url: '{address}' is no address of a server. Write it as http://127.0.0.1:8000/v1.")
    if parts.username or parts.password or parts.query:
        raise ModelError(
            f"--base-url: the address on {parts.hostname} has a user, a password or a query in it, which files would "
            f"keep. Write it without, and put the key into {_KEY}."
        )


def key_for(address: str) -> str | None:
    """The key for the server of an address, from the environment; None without one.

    Raises:
        ModelError: it cannot be sent, or is missing where there has to be one.
    """
    key = os.environ.get(_KEY, "").strip()
    if not key and urlsplit(address).hostname == _HOSTED:
        raise ModelError(
            f"{address}: wants a key, but the environment variable {_KEY} is not set. Set it, or name another server "
            "with --base-url."
        )
    if not (key.isascii() and key.isprintable()):
        raise ModelError(f"The environment variable {_KEY} has a character in it that no key has. Set it anew.")
    return key or None


def _client(spec: GeneratorSpec, address: str, key: str | None) -> OpenAI:
    try:
        import httpx2  # noqa: PLC0415 - comes with openai
        from openai import OpenAI  # noqa: PLC0415 - loaded when a server is asked
    except ImportError as error:
        raise MissingExtraError(f"The generator {spec.name}", "llm") from error
    timeout = spec.request.timeout
    return OpenAI(
        api_key=key or _NO_KEY,
        base_url=address,
        timeout=httpx2.Timeout(timeout, connect=min(timeout, _SECONDS_TO_CONNECT)),
        max_retries=0,
    )


@contextmanager
def _faults_read(sent: Sent) -> Iterator[None]:
    """Turn the errors of the libraries into ours, without them as causes: they hold the request."""
    import httpx2  # noqa: PLC0415 - comes with openai
    import openai  # noqa: PLC0415 - loaded when a server is asked

    try:
        yield
    except openai.APIStatusError as error:
        raise fault_of(error.status_code, error.response.headers, error.body, sent) from None
    except openai.APIConnectionError as error:
        unreachable = isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
        what = "timeout" if isinstance(error, openai.APITimeoutError) else "no connection"
        raise PassingFault(what, unreachable=unreachable) from None
    except httpx2.HTTPError as error:
        raise PassingFault("timeout" if isinstance(error, httpx2.TimeoutException) else "broken connection") from None


def _read(chunks: Iterable[bytes], deadline: float) -> bytes:
    """A body as far as it is read: no further than a byte too many, and no longer than to the deadline."""
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MOST_BYTES:
            break
        if time.monotonic() > deadline:
            raise PassingFault("timeout")
    return bytes(content)
