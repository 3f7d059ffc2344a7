"""When a written text only repeats one that is there already.

Equal texts are found by their normal form. A near copy is found by spelling: how many runs of four characters two texts
share, which small edits, other punctuation and a moved sentence hardly change. Spelling cannot tell a synonym from
another fact, so two things speak against a copy however alike the texts are: a number that the known text has not, and
a negation more than it has. A text that stands in the other whole, word for word, is always a copy.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

_GRAM = 4
_PASSAGE_WORDS = 5
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f"
"""Japanese, Chinese, Korean and Thai letters: each counts as a word, for blanks do not tell words there."""
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_NEGATIONS = frozenset(
    _WORD.findall("""
    not no never none nor neither cannot without nicht kein keine keinen keiner nie niemals ohne ne pas jamais
    sans non mai senza nunca jamás sin não nem sem niet geen nooit zonder inte ingen aldrig utan ikke uden uten
    bez не нет нельзя никогда без
    """)
)


@dataclass(frozen=True)
class Wording:
    """A text as it is compared with others.

    Args:
        text: The text.
    """

    text: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its words, in lower case."""
        return tuple(_WORD.findall(unicodedata.normalize("NFKC", self.text).lower()))

    @cached_property
    def joined(self) -> str:
        """Its words with a blank about each, so that a run of words is found as a whole."""
        return f" {' '.join(self.words)} "

    @cached_property
    def grams(self) -> Counter[str]:
        """How often each run of four characters stands in it."""
        return Counter(self.joined[place : place + _GRAM] for place in range(max(len(self.joined) - _GRAM + 1, 1)))

    def overlap(self, other: Wording) -> float:
        """The share of runs of four characters that both have, from 0 to 1 (Dice's coefficient)."""
        shared = sum((self.grams & other.grams).values())
        return 2 * shared / (self.grams.total() + other.grams.total())

    def holds(self, other: Wording) -> bool:
        """Whether the other stands in it whole, word for word; five words at least."""
        return len(other.words) >= _PASSAGE_WORDS and other.joined in self.joined

    def states_otherwise(self, other: Wording) -> bool:
        """Whether it has a number that the other has not, or more negations."""
        new = Counter(self.words) - Counter(other.words)
        return any(word[0].isdigit() and word not in other.words for word in new) or any(
            word in _NEGATIONS or word.endswith("n't") for word in new
        )


@lru_cache(maxsize=64)
def wording(text: str) -> Wording:
    """A text's wording, made once for the rounds in which it is met again."""
    return Wording(text)


def is_copy(text: str, known: str, max_overlap: float, *, passages: bool = True) -> bool:
    """Whether a text repeats a known one.

    Args:
        text: What was written.
        known: What was there.
        max_overlap: Share of common spelling from which they count as one; with 1 only equal words do.
        passages: Whether a text that holds the other whole, or is a passage of it, counts too.
    """
    written, there = wording(text), wording(known)
    if written.words == there.words:
        return True
    if passages and (written.holds(there) or there.holds(written)):
        return True
    return max_overlap < 1 and written.overlap(there) >= max_overlap and not written.states_otherwise(there)


class Known(NamedTuple):
    """A text that must not be repeated.

    Args:
        name: What it is, in a reason: "the positive".
        text: The text.
        passages: Whether a text that holds it whole, or is a passage of it, repeats it.
    """

    name: str
    text: str
    passages: bool = True


def copied(text: str, known: Iterable[Known], max_overlap: float) -> str | None:
    """The name of the first of the known texts that a text repeats; None if it repeats none."""
    return next(
        (there.name for there in known if is_copy(text, there.text, max_overlap, passages=there.passages)), None
    )
