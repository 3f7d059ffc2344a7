"""A server of OpenAI's protocol on this machine, whose answers and faults are written in the test that uses it."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pairforge.generators import Ask, Message

_LONGEST_STALL = 20.0


@dataclass(frozen=True)
class Turn:
    """What the server does at one call.

    Args:
        text: The answer.
        status: The HTTP status.
        body: What is sent in place of a chat completion.
        headers: Further headers.
        stalls: Whether it says nothing until the client has gone.
        finish: Why the answer ended.
    """

    text: str = ""
    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    stalls: bool = False
    finish: str = "stop"

    @property
    def answers(self) -> bool:
        """Whether the client got a chat completion."""
        return self.status == 200 and self.body is None and not self.stalls


def refusing(status: int, message: str, **fields: object) -> Turn:
    """A turn in which the server refuses in OpenAI's words."""
    return Turn(status=status, body=json.dumps({"error": {"message": message, **fields}}).encode())


@dataclass(frozen=True)
class Call:
    """A call that the server met.

    Args:
        asked: The question in it.
        number: The how manyeth call of this question it is, from 1.
        body: All that was sent.
        key: The key that was sent with it.
        turn: What the server did.
    """

    asked: Ask
    number: int
    body: Mapping[str, Any]
    key: str
    turn: Turn


Script = Callable[[Ask, int], Turn]
"""What the server does when it is asked this for the how manyeth time, from 1."""


@dataclass
class ScriptedServer:
    """The server while it runs.

    Args:
        script: What it does.
        models: What it lists; None if it has no list.
        calls: The questions that it met, in the order in which it answered.
        most_at_once: Questions that it worked on at a time, at most.
    """

    script: Script
    models: Sequence[str] | None
    calls: list[Call] = field(default_factory=list)
    most_at_once: int = 0
    port: int = 0
    _at_once: int = 0
    _numbers: Counter[Ask] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def listed(self) -> Turn:
        if self.models is None:
            return Turn(status=404, body=b'{"detail": "Not Found"}')
        return Turn(body=json.dumps({"data": [{"id": name} for name in self.models]}).encode())

    @contextmanager
    def met(self, body: Mapping[str, Any], key: str) -> Iterator[Turn]:
        messages = tuple(Message(message["role"], message["content"]) for message in body["messages"])
        asked = Ask(messages, body["seed"])
        with self._lock:
            self._numbers[asked] += 1
            turn = self.script(asked, self._numbers[asked])
            self.calls.append(Call(asked, self._numbers[asked], body, key, turn))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield turn
        finally:
            with self._lock:
                self._at_once -= 1


@contextmanager
def serve(script: Script, models: Sequence[str] | None = ("small",)) -> Iterator[ScriptedServer]:
    """Serve on a free port of this machine until the context ends."""
    scripted = ScriptedServer(script, models)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"scripted": scripted}))
    scripted.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def share_of(*parts: object) -> float:
    """A number in [0, 1) that follows from these alone."""
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:8], 16) / 2**32


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # A client that was killed or waited no longer.


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # Head and body in one packet.
    disable_nagle_algorithm = True
    scripted: ScriptedServer

    def do_GET(self) -> None:
        self._send(self.scripted.listed() if self.path == "/v1/models" else Turn(status=404, body=b"not found"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._send(Turn(status=404, body=b"not found"))
            return
        with self.scripted.met(body, self.headers["Authorization"].removeprefix("Bearer ")) as turn:
            if turn.stalls:
                self.connection.settimeout(_LONGEST_STALL)
                self.connection.recv(1)  # Comes back when the client hangs up.
                self.close_connection = True
            else:
                self._send(turn)

    def _send(self, turn: Turn) -> None:
        content = _completion(turn) if turn.body is None else turn.body
        self.send_response(turn.status)
        for name, value in {"Content-Type": "application/json", **turn.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def _completion(turn: Turn) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": turn.text}, "finish_reason": turn.finish}
    usage = {"prompt_tokens": 7, "completion_tokens": len(turn.text.split())}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
