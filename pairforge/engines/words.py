"""Words as nltk's Treebank tokenizer cuts them, and texts as its detokenizer joins them. The one home of nltk.

nltk goes over every text with some forty regular expressions. Hardly one of them looks across white space, or past a
plain word. So each word is cut once, by nltk itself, and remembered; and what stands between two plain words is joined
once, by nltk itself, and remembered. What comes out is nltk's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TypeVar

_REMEMBERED = 2**17
_LONGEST_REMEMBERED = 64
_LEARNT_AT_ONCE = 1_024

# More than the contractions that nltk cuts and joins, in every case that a regular expression takes for the same.
_CONTRACTED = re.compile(r"(?i:cannot|g[iıİ]mme|gonna|gotta|lemme|wanna)")
_CONTRACTIONS_PART = re.compile(r"(?i:can|not|g[iıİ]m|me|gon|na|got|ta|lem|wan|d|more|[iıİ][sſ]|wa[sſ])")

_PLAIN_CHUNK = re.compile(r"([^\W_]+(?:-[^\W_]+)*|[0-9]+(?:[.,][0-9]+)*)((?:[.,:;?!]|'s)?)")
_PLAIN_ENDS = re.compile(r"[^\W_](?:[\w.,:/’-]*[^\W_])?(\.?)")
_UNLIKE_A_BLANK = re.compile(r"[^\S \n]|\n[\"']|'\n")
_CLOSING = "])}>\"'»”’"

_EDGE = ""
_PLAIN = "a"
_BETWEEN_CHUNKS = "\ue000"

_Words = tuple[str, ...]
Key = TypeVar("Key", str, _Words)
Made = TypeVar("Made", str, _Words)


class _Memory(dict[Key, Made]):
    """What is made of a key, made once; long keys are not remembered, and others are forgotten when there are many."""

    def __init__(self, make: Callable[[Key], Made]) -> None:
        super().__init__()
        self._make: Callable[[Key], Made] = make

    def __missing__(self, key: Key) -> Made:
        return self.remember(key, self._make(key))

    def remember(self, key: Key, made: Made) -> Made:
        if sum(map(len, key)) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[key] = made
        return made


class TreebankWords:
    """Cuts texts into words and joins words into texts; needs no sentence splitter and no download."""

    def __init__(self) -> None:
        self._inner: _Memory[str, _Words] = _Memory(self._inner_words)
        self._final: _Memory[str, _Words] = _Memory(self._final_words)
        self._stand_ins: _Memory[str, str] = _Memory(_stand_in)
        self._joined: _Memory[_Words, str] = _Memory(self._joined_between)

    def learn(self, texts: Iterable[str]) -> None:
        """Cut the words of many texts at once, which costs a fraction of cutting them one by one."""
        chunks = set(chain.from_iterable(map(str.split, texts))) - self._inner.keys()
        odd = []
        for chunk in chunks:
            if (plain := _plain_word(chunk)) is not None:
                self._inner.remember(chunk, _inner_parts(chunk, *plain))
            elif len(chunk) <= _LONGEST_REMEMBERED and _BETWEEN_CHUNKS not in chunk:
                odd.append(chunk)
        for batch in (odd[start : start + _LEARNT_AT_ONCE] for start in range(0, len(odd), _LEARNT_AT_ONCE)):
            words = iter(self._tokenize(f"{f' {_BETWEEN_CHUNKS} '.join(['', *batch])} {_BETWEEN_CHUNKS}")[1:])
            for chunk in batch:
                self._inner.remember(chunk, tuple(iter(words.__next__, _BETWEEN_CHUNKS)))

    def split(self, text: str) -> list[str]:
        """The words of a text, as `NLTKWordTokenizer().tokenize` gives them (quotation marks as `` and '').

        Raises:
            TimeoutError: one of nltk's regular expressions takes more than five seconds.
        """
        chunks = text.split()
        if not chunks:
            return []
        if _crosses_space(text, chunks):
            return self._tokenize(text)
        final = self._final[chunks.pop()]
        return [*chain.from_iterable(map(self._inner.__getitem__, chunks)), *final]

    def join(self, words: Sequence[str]) -> str:
        """The text that words make, as `TreebankWordDetokenizer().detokenize` gives it; no word may hold white space.

        Raises:
            TimeoutError: one of nltk's regular expressions takes more than five seconds.
        """
        stand_ins = [*map(self._stand_ins.__getitem__, words)]
        if all(stand_ins):
            return " ".join(words)
        pieces: list[str] = []
        done = 0
        for first, end in _runs([place for place, stand_in in enumerate(stand_ins) if not stand_in]):
            before = stand_ins[first - 1] if first else _EDGE
            after = _PLAIN if end < len(words) else _EDGE
            pieces += " ".join(words[done:first]), self._joined[(before, *words[first:end], after)]
            done = end
        return "".join([*pieces, " ".join(words[done:])])

    def _inner_words(self, chunk: str) -> _Words:
        if (plain := _plain_word(chunk)) is None:
            return tuple(self._tokenize(f"a {chunk} a")[1:-1])
        return _inner_parts(chunk, *plain)

    def _final_words(self, chunk: str) -> _Words:
        if (plain := _plain_word(chunk)) is None:
            return tuple(self._tokenize(f"a {chunk}")[1:])
        word, mark = plain
        return (word, mark) if mark else (word,)

    def _joined_between(self, words: _Words) -> str:
        """The text that words make, blanks and all, without the first and the last: plain words, or edges."""
        text = self._detokenize([word for word in words if word != _EDGE])
        return text[len(words[0]) : len(text) - len(words[-1])]

    @cached_property
    def _tokenize(self) -> Callable[[str], list[str]]:
        from nltk.tokenize import NLTKWordTokenizer  # noqa: PLC0415 - a second to import, and not always needed

        tokenize: Callable[[str], list[str]] = NLTKWordTokenizer().tokenize
        return tokenize

    @cached_property
    def _detokenize(self) -> Callable[[Sequence[str]], str]:
        from nltk.tokenize.treebank import TreebankWordDetokenizer  # noqa: PLC0415 - as above

        detokenize: Callable[[Sequence[str]], str] = TreebankWordDetokenizer().detokenize
        return detokenize


def _crosses_space(text: str, chunks: Sequence[str]) -> bool:
    """Whether one of nltk's expressions might look beyond a word of this text.

    They ask whether a quotation mark follows a blank, which other white space is not; whether an apostrophe stands
    before a blank; whether a text begins with two of either; and for a final full stop, which only closing brackets and
    quotation marks may follow, blanks between them or not.
    """
    return (
        (not text.isprintable() and _UNLIKE_A_BLANK.search(text) is not None)
        or (text[-1].isspace() and chunks[-1].endswith("'"))
        or chunks[0].startswith(("''", '""', "\"'"))
        or not chunks[-1].strip(_CLOSING)
    )


def _plain_word(chunk: str) -> _Words | None:
    """A plain word or number and the mark or 's behind it, if any; None where nltk might see something else."""
    found = _PLAIN_CHUNK.fullmatch(chunk)
    return found.groups() if found and not _CONTRACTED.search(chunk) else None


def _inner_parts(chunk: str, word: str, mark: str) -> _Words:
    return (chunk,) if mark in ("", ".") else (word, mark)


def _stand_in(word: str) -> str:
    """A word that is joined as this one: plain, or plain with a full stop; empty if only the word itself will do."""
    found = _PLAIN_ENDS.fullmatch(word)
    if found is None or any(_CONTRACTIONS_PART.fullmatch(part) for part in re.split(r"\W", word)):
        return ""
    return _PLAIN + found[1]


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The runs of places that follow on each other, as first and one past the last."""
    first = end = places[0]
    for place in places:
        if place > end:
            yield first, end
            first = place
        end = place + 1
    yield first, end
