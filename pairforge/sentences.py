"""Where the sentences and the words of a text lie, in most scripts, by rules and without a download.

A rule that is in doubt leaves two sentences joined: half a sentence harms a training pair more than two whole ones.
The rules look at what stands around a full stop; they know no grammar, and of abbreviations only the common ones of a
few European languages.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

Span = tuple[int, int]
"""Start and end of a piece of a text, the end excluded."""

# Han, kana, Thai, Lao, Burmese and Khmer are written without blanks between words.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS = r"\u0e31\u0e33-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb3-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3\u3099\u309a"
_WIDE_STOPS = "。｡！？۔؟।॥።។။"
_CLOSING = r"\"'”’“‘»›«‹)\]}」』】）》〉〕"
_OPENING = r"\s\"'“‘”’«»‹›„‚(\[{<（「『【《¿¡*•·#>–—-"

_STOP = re.compile(
    rf"(?:[{_WIDE_STOPS}]|(?<!\d)．|．(?!\d))[.!?…．{_WIDE_STOPS}]*[\"'”’」』】）》〉〕]*"
    rf"|(?P<narrow>\.(?:\s?\.)+|[.!?…‽]+)(?P<closed>[{_CLOSING}]*(?:[ \u00a0\u202f]»(?=\s|$))?)(?:\[[\d,–-]+\])*"
    rf"(?=\s|$|[{_UNSPACED}])"
    r"|(?P<line>\n[^\S\n]*\n|\n(?=[^\S\n]*(?:[-*•·–—]|\(?\d{1,3}[.)])\s))"
)
_BULLET = re.compile(r"\s+[-*•·]\s")
_FIRST_LETTER = re.compile(rf"[{_OPENING}]*(\w?)")
_WORD_BEFORE = re.compile(rf"[^{_OPENING}]*\Z")
_ENUMERATOR = re.compile(r"\d{1,3}|[^\W\d_]|[ivxIVX]{1,5}")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,3}\.)+[^\W\d_]{1,3}")
_GERMAN_MONTH = re.compile(
    r"\s+(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\b"
)
_LONGEST_ABBREVIATION = 24

_NAMES_LISTED = """
    dr drs mr mrs ms messrs prof profs rev hon st ste sr sra srta dra jr gen col lt capt sgt maj cmdr adm gov sen rep
    pres supt insp mt hr fr frl dipl ing dott sig mme mlle mgr
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun
    inc ltd co corp bros llc dept univ assn ave blvd rd fig figs eq eqs vol vols abb
"""
_GLOSSES_LISTED = "vs viz cf al ca approx resp incl excl pp bzw evtl ggf vgl bijv dhr mevr esp ibid aprox"
_NUMBERED_LISTED = "no nos nr p fig figs vol vols ch chap sec sect art eq eqs ref refs tab abb kap bd pag pág num núm"
_FINAL_LISTED = "etc usw ecc enz a.m p.m u.s.w"

_NAMES = frozenset(_NAMES_LISTED.split())
"""Abbreviations that begin with a capital where capitals are used at all; without, many are words."""
_GLOSSES = frozenset(_GLOSSES_LISTED.split())
_NUMBERED = frozenset(_NUMBERED_LISTED.split())
"""Abbreviations that are words too: they are taken for one before a number only."""
_FINAL = frozenset(_FINAL_LISTED.split())
"""Abbreviations after which a capital letter begins a sentence."""


def sentence_spans(text: str) -> list[Span]:
    """Where each sentence of a text lies, in order, without the white space around it.

    Sentences end with ".", "!", "?" or "…" before white space, with the full stops of Chinese, Japanese, Hindi, Urdu,
    Arabic, Amharic, Khmer and Burmese anywhere, at empty lines and before list items on lines of their own; closing
    quotes and brackets belong to the sentence they close. Not ends are the stops of abbreviations ("Dr.", "e.g.",
    "z.B."), initials, list numbers and decimals, an ellipsis before anything but a capital, and, in a text that begins
    with a capital, any stop before a small letter. All that is not white space is in one of the spans.
    """
    bounds = [0, *_ends(text), len(text)]
    pieces = (_stripped(text, start, end) for start, end in itertools.pairwise(bounds))
    return [(start, end) for start, end in pieces if start < end]


def line_spans(text: str) -> list[Span]:
    """Where each line of a text lies, in order, without the white space around it; empty ones are left out."""
    pieces = (_stripped(text, *match.span()) for match in re.finditer(r"[^\n]+", text))
    return [(start, end) for start, end in pieces if start < end]


def word_spans(text: str) -> list[Span]:
    """Where each word of a text lies, in order: what stands between white space and holds a letter or a digit.

    In scripts without blanks between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer), each character is one.
    """
    return [match.span() for match in _WORD.finditer(text) if _LETTER_OR_DIGIT.search(match[0])]


_WORD = re.compile(rf"[{_UNSPACED}][{_MARKS}]*|[^\s{_UNSPACED}]+")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


def _ends(text: str) -> Iterator[int]:
    begins_with_capital = next((letter.isupper() for letter in text if letter.isupper() or letter.islower()), False)
    start = 0
    for stop in _STOP.finditer(text):
        if _ends_sentence(text, start, stop, cased=begins_with_capital):
            yield stop.end()
            start = stop.end()


def _ends_sentence(text: str, start: int, stop: re.Match[str], *, cased: bool) -> bool:
    """Whether a stop ends the sentence that began at `start`."""
    if stop["line"] is not None:
        return True
    if stop["narrow"] is None:
        return not _is_quoted_within(text, stop)
    following = _following(text, stop.end())
    goes_on = following.islower() and not _BULLET.match(text, stop.end())
    if stop["narrow"] == ".":
        return not (goes_on and cased) and not _is_abbreviation(text, start, stop, following, cased=cased)
    if not set("!?‽") & set(stop["narrow"]):
        return following.isalpha() and not goes_on
    return not (goes_on and (cased or stop["closed"]))


def _is_quoted_within(text: str, stop: re.Match[str]) -> bool:
    """Whether a quote ends there but the sentence around it goes on, as Japanese particles show."""
    return stop[0][-1] in "」』）" and "\u3041" <= text[stop.end() : stop.end() + 1] <= "\u309f"


def _is_abbreviation(text: str, start: int, stop: re.Match[str], following: str, *, cased: bool) -> bool:
    """Whether the full stop belongs to the word before it rather than to the sentence that began at `start`."""
    word = _word_before(text, start, stop.start())
    folded = word.casefold()
    if len(word) == 1 and (word.isupper() or (word.islower() and not cased)):
        return word != "I" or not text[start : stop.start() - 1].strip()
    if folded in _FINAL:
        return not following.isupper()
    if folded in _GLOSSES or _DOTTED.fullmatch(word) or (folded in _NAMES and (word[0].isupper() or not cased)):
        return True
    if folded in _NUMBERED and following.isdigit():
        return True
    if _ENUMERATOR.fullmatch(word) and not text[start : stop.start() - len(word)].strip(" \n\t("):
        return True
    return word.isdigit() and len(word) <= 2 and _GERMAN_MONTH.match(text, stop.end()) is not None


def _following(text: str, place: int) -> str:
    """The first letter or digit after a place, past quotes and brackets; empty if something else comes first."""
    found = _FIRST_LETTER.match(text, place)
    return found[1] if found else ""


def _word_before(text: str, start: int, place: int) -> str:
    found = _WORD_BEFORE.search(text, max(start, place - _LONGEST_ABBREVIATION), place)
    return found[0] if found else ""


def _stripped(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
