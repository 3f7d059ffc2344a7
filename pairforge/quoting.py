"""What may be quoted of what another program says: an error's words, but no text or key that was sent to it.

Sentences, tracebacks and logs are kept and passed on; the texts of a corpus and a key have no place in them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

Words = TypeVar("Words", str, bytes)

_LONGEST_QUOTE, _LONGEST_READ = 300, 20_000
_REPEATED_BYTES, _SHORTEST_BYTES, _REPEATED_KEY = 12, 4, 8
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|[ntrbf])")
_LONG_SPAN = re.compile(r"""(?<!\w)(['"`])(?:(?!\1).){41,}(?:\1|$)""")
"""What an error holds between quotation marks is mostly what it does not like: a name, or a whole answer."""


def quotable(said: str, texts: Iterable[str], key: str = "") -> str:
    """What of an error's words may be shown, in one line; nothing if they repeat a text or the key.

    Twelve bytes of letters and digits in a row count as repeated, however they are escaped, as does the whole of a
    shorter text; of a key eight characters.

    Args:
        said: What another program said.
        texts: The texts that it was given.
        key: The key that it was given.
    """
    line = " ".join(said[:_LONGEST_READ].split())
    is_page = line.startswith("<")
    if is_page or any(run in line for run in _runs(key, _REPEATED_KEY)) or repeats(line, texts):
        return ""
    quote = _LONG_SPAN.sub(r"\1…\1", line)
    return (quote if len(quote) <= _LONGEST_QUOTE else f"{quote[:_LONGEST_QUOTE]} …").rstrip(". ")


def repeats(said: str, texts: Iterable[str]) -> bool:
    """Whether some words of a text stand in what was said, or the whole of a short one."""
    told = _bare(said)
    told_runs = set(_runs(told, _REPEATED_BYTES))

    def stands_there(text: bytes) -> bool:
        is_short = _SHORTEST_BYTES <= len(text) < _REPEATED_BYTES
        return (is_short and text in told) or any(run in told_runs for run in _runs(text, _REPEATED_BYTES))

    return any(stands_there(_bare(text)) for text in texts)


def _runs(text: Words, length: int) -> Iterator[Words]:
    return (text[start : start + length] for start in range(len(text) - length + 1))


def _bare(text: str) -> bytes:
    """Letters and digits alone, escapes undone, so that no way of writing a text out hides it."""
    plain = html.unescape(_ESCAPE.sub(_unescaped, text))
    return "".join(filter(str.isalnum, plain)).encode("utf-8", "replace")


def _unescaped(escape: re.Match[str]) -> str:
    digits = next((group for group in escape.groups() if group), "20")
    return chr(min(int(digits, 16), 0x10FFFF))
