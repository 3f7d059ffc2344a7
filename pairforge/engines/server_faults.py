"""What servers of OpenAI's protocol say when they give no answer, and what it means.

Each of them words its refusals its own way; what they have in common is read here. What a server says is quoted only
where it repeats neither the key nor the chat: it goes to logs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pairforge.quoting import quotable

_PASSING = (408, 409, 425, 429)
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_LONGEST_ASKED_WAIT = 600.0

_CONTEXT = re.compile(
    r"context.{0,3}(length|size|window)|maximum context|max_new_tokens|(prompt|input) is too long|"
    r"too many (input )?tokens|exceed_context",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"response.?format|json_schema", re.IGNORECASE)
_FORMAT_UNKNOWN = re.compile(
    r"not supported|unsupported|does not support|unknown|unrecogni[sz]ed|unexpected|extra|must be|should be|permitted|"
    r"unavailable",
    re.IGNORECASE,
)
_SCHEMA = re.compile(r"schema|grammar", re.IGNORECASE)
_FLAGGED = re.compile(r"content_filter|content_policy|content management policy", re.IGNORECASE)


class PassingFault(Exception):  # noqa: N818 - it passes: the request is sent again
    """A request that got no answer now, and may get one later.

    Args:
        what: What happened, in a word or two.
        asked_wait: Seconds that the server asks to be left alone.
        unreachable: Whether there was no connection at all.
    """

    def __init__(self, what: str, asked_wait: float | None = None, *, unreachable: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.asked_wait = asked_wait
        self.unreachable = unreachable

    def wait(self, resend: int) -> float:
        """Seconds to wait before the request is sent for the `resend`-th time again, counted from 0."""
        growing = min(_FIRST_WAIT * 2.0**resend, _LONGEST_WAIT)
        return growing if self.asked_wait is None else min(self.asked_wait, _LONGEST_ASKED_WAIT)


class Refusal(Exception):  # noqa: N818 - what a server says, not what a user is told
    """A request that the server will not answer, however often it is sent.

    Args:
        status: The HTTP status.
        said: What the server said, for reading; never shown.
        quote: What of it may be shown.
    """

    def __init__(self, status: int, said: str, quote: str) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.said = said
        self.quote = quote

    @property
    def told(self) -> str:
        """The status, with the quote if there is one."""
        return f"{self.status}: {self.quote}" if self.quote else str(self.status)

    @property
    def is_about_context(self) -> bool:
        """Whether the prompt, with room for an answer, is longer than the model can read."""
        return self.status == 413 or (self.status in (400, 422) and bool(_CONTEXT.search(self.said)))

    @property
    def is_about_content(self) -> bool:
        """Whether a filter does not like what the prompt says."""
        return bool(_FLAGGED.search(self.said))

    @property
    def is_about_schema(self) -> bool:
        """Whether the server can hold answers to a schema, but not to this one."""
        if self.status not in (400, 422) or not _SCHEMA.search(self.said):
            return False
        return "nvalid schema" in self.said or not (_FORMAT.search(self.said) and _FORMAT_UNKNOWN.search(self.said))

    @property
    def is_about_manner(self) -> bool:
        """Whether another manner of asking may help."""
        return self.status in (400, 422) and not self.is_about_schema

    @property
    def wants_other_limit(self) -> bool:
        """Whether the server calls max_tokens by its newer name."""
        return "max_completion_tokens" in self.said and "max_tokens" in self.said

    @property
    def is_about_quota(self) -> bool:
        """Whether the account has nothing left, which no waiting mends."""
        return "insufficient_quota" in self.said


@dataclass(frozen=True)
class Sent:
    """What was sent and must not be repeated in a log.

    Args:
        texts: The texts of the chat.
        key: The key.
    """

    texts: Sequence[str]
    key: str


def fault_of(status: int, headers: Mapping[str, str], body: object, sent: Sent) -> PassingFault | Refusal:
    """What an HTTP error means.

    Args:
        status: Its status.
        headers: Its headers.
        body: What it says, as JSON if it is JSON.
        sent: What it must not be quoted with.
    """
    message = _message(body)
    codes = [str(body.get(name, "")) for name in ("code", "type", "param")] if isinstance(body, Mapping) else []
    refusal = Refusal(status, " ".join([message, *codes]), quotable(message, sent.texts, sent.key))
    if refusal.is_about_quota or not (status in _PASSING or status >= 500):
        return refusal
    return PassingFault(str(status), _asked_wait(headers))


def _message(body: object) -> str:
    if isinstance(body, Mapping):
        body = next((body[name] for name in ("message", "detail", "error") if body.get(name)), "")
    if isinstance(body, list):  # FastAPI: one entry a fault, each with the input that it does not like
        body = "; ".join(f"{entry.get('loc')}: {entry.get('msg')}" for entry in body if isinstance(entry, Mapping))
    return body if isinstance(body, str) else ""


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds of the header Retry-After, which holds a number or a date."""
    asked: Any = headers.get("retry-after")
    if asked is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(asked))
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds())
    return None
