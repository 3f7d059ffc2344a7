"""Words as nltk's Treebank tokenizer cuts them, and texts as its detokenizer joins them. The one home of nltk.

nltk goes over every text with some forty regular expressions. Hardly one of them looks across white space, so each word
is cut once, by nltk itself, and remembered; and words that none of its joining expressions would touch are joined
without them. What comes out is nltk's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property

_REMEMBERED = 2**18
_LONGEST_REMEMBERED = 64

# More than nltk's contractions match, in every case that a regular expression takes for the same.
_CONTRACTED = re.compile(r"(?i:can ?not|g[iıİ]m ?me|gon ?na|got ?ta|lem ?me|wan ?na)")
_PLAIN = re.compile(r"([^\W_]+(?:-[^\W_]+)*|[0-9]+(?:[.,][0-9]+)*)((?:[.,:;?!]|'s)?)")
_JOINED_OTHERWISE = re.compile(rf"(?<! )'|'(?!s(?: |\Z))|[\"`()\[\]{{}}<>]|--|\.\.|\. \.|{_CONTRACTED.pattern}")
_POSSESSIVE = re.compile("([^' ]) ('s) ")
_ATTACHED = ((" ?", "?"), (" !", "!"), (" .", "."), ("# ", "#"), ("$ ", "$"), (" ;", ";"), (" %", "%"), (" :", ":"),
             (" ,", ","))  # fmt: skip

_UNLIKE_A_BLANK = re.compile(r"[^\S \n]|\n[\"']|'\n|'[ \n]+\Z")
_CLOSING = "])}>\"'»”’"

_Words = tuple[str, ...]


class TreebankWords:
    """Cuts texts into words and joins words into texts; needs no sentence splitter and no download."""

    def __init__(self) -> None:
        self._inner: dict[str, _Words] = {}
        self._final: dict[str, _Words] = {}

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
        words: list[str] = []
        final, inner = chunks.pop(), self._inner
        for chunk in chunks:
            words += inner.get(chunk) or _learned(chunk, inner, self._inner_words)
        words += self._final.get(final) or _learned(final, self._final, self._final_words)
        return words

    def join(self, words: Sequence[str]) -> str:
        """The text that words make, as `TreebankWordDetokenizer().detokenize` gives it; no word may hold white space.

        Raises:
            TimeoutError: one of nltk's regular expressions takes more than five seconds.
        """
        text = " ".join(words)
        if _JOINED_OTHERWISE.search(text):
            return self._detokenize(words)
        if "'" in text:
            text = _POSSESSIVE.sub(r"\1\2 ", f"{text} ")[:-1]
        for apart, attached in _ATTACHED:
            text = text.replace(apart, attached)
        return text

    def _inner_words(self, chunk: str) -> _Words:
        if (plain := _plain(chunk)) is None:
            return tuple(self._tokenize(f"a {chunk} a")[1:-1])
        word, mark = plain
        return (chunk,) if mark in ("", ".") else (word, mark)

    def _final_words(self, chunk: str) -> _Words:
        if (plain := _plain(chunk)) is None:
            return tuple(self._tokenize(f"a {chunk}")[1:])
        word, mark = plain
        return (word, mark) if mark else (word,)

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
        _UNLIKE_A_BLANK.search(text) is not None
        or chunks[0].startswith(("''", '""', "\"'"))
        or not chunks[-1].strip(_CLOSING)
    )


def _plain(chunk: str) -> _Words | None:
    """A plain word or number and the mark or 's behind it, if any; None where nltk might see something else."""
    found = _PLAIN.fullmatch(chunk)
    return found.groups() if found and not _CONTRACTED.search(chunk) else None


def _learned(chunk: str, known: dict[str, _Words], cut: Callable[[str], _Words]) -> _Words:
    words = cut(chunk)
    if len(chunk) <= _LONGEST_REMEMBERED:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[chunk] = words
    return words
