"""Two pieces of one text: its crops, a sentence and the rest, adjacent sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import numpy as np
import polars as pl

from pairforge.execution.ledger import DROP_REASON, Ledger
from pairforge.randomness import row_uniforms
from pairforge.sentences import Span, line_spans, sentence_spans, word_spans
from pairforge.steps.pair_texts_options import PairTextsOptions
from pairforge.text import normalised

SOURCE_ROW = "source_row"

_CROPS_STREAM, _CHOICE_STREAM, _KEEP_STREAM = 1, 2, 3
_ATTEMPTS = 8
_DRAWS_OF_A_PAIR = 5

_Halves = list[tuple[str, str]]


class TooShort(StrEnum):
    """Why a text gives no pair."""

    FEW_WORDS = "too_few_words"
    ONE_SENTENCE = "one_sentence"
    SHORT_SENTENCES = "too_short_sentences"


def crops(text: str, ordinal: int, options: PairTextsOptions) -> _Halves | TooShort:
    """Random crops of one random passage, two by two, independent of each other. Source: Izacard et al. 2022."""
    words = word_spans(text)
    if len(words) < 2 * options.min_crop_words:
        return TooShort.FEW_WORDS
    pairs = (_two_crops(words, ordinal, number, options) for number in range(options.pairs_per_text or 1))
    return [(text[slice(*first)], text[slice(*second)]) for first, second in pairs]


def _two_crops(words: Sequence[Span], ordinal: int, number: int, options: PairTextsOptions) -> tuple[Span, Span]:
    """Where two crops lie; drawn again, a few times, while they are one and the same."""
    for attempt in range(_ATTEMPTS):
        first_draw = (number * _ATTEMPTS + attempt) * _DRAWS_OF_A_PAIR
        draws = np.arange(first_draw, first_draw + _DRAWS_OF_A_PAIR)
        where, *drawn = row_uniforms(options.seed, ordinal, draws, stream=_CROPS_STREAM).tolist()
        start = int(where * max(len(words) - options.passage_words + 1, 1))
        passage = words[start : start + options.passage_words]
        first, second = (_crop(passage, size, place, options) for size, place in (drawn[:2], drawn[2:]))
        if first != second:
            break
    return first, second


def _crop(passage: Sequence[Span], size: float, place: float, options: PairTextsOptions) -> Span:
    share = options.min_crop_share + size * (options.max_crop_share - options.min_crop_share)
    num_words = max(int(share * len(passage)), options.min_crop_words)
    start = int(place * (len(passage) - num_words + 1))
    return passage[start][0], passage[start + num_words - 1][1]


def cloze(text: str, ordinal: int, options: PairTextsOptions) -> _Halves | TooShort:
    """A sentence and the passage around it, in which it seldom stays. Source: Lee et al. 2019, inverse cloze task."""
    spans, sizes = _sentences(text, options)
    if len(spans) < 2:
        return TooShort.ONE_SENTENCE
    fit = [place for place, size in enumerate(sizes) if size >= options.min_sentence_words]
    chosen = _chosen(fit, options.pairs_per_text or 1, ordinal, options.seed)
    kept = row_uniforms(options.seed, ordinal, chosen, stream=_KEEP_STREAM) < options.keep_sentence
    halves = []
    for place, keeps in zip(chosen, kept.tolist(), strict=True):
        (start, end), (first, last) = spans[place], _around(sizes, place, options.passage_words)
        before, after = text[spans[first][0] : start], text[end : spans[last][1]]
        rest = text[spans[first][0] : spans[last][1]] if keeps else before + after.lstrip()
        halves.append((text[start:end], rest.strip()))
    return halves or TooShort.SHORT_SENTENCES


def neighbours(text: str, ordinal: int, options: PairTextsOptions) -> _Halves | TooShort:
    """Each sentence and the next."""
    spans, sizes = _sentences(text, options)
    if len(spans) < 2:
        return TooShort.ONE_SENTENCE
    least = options.min_sentence_words
    fit = [place for place in range(len(spans) - 1) if min(sizes[place : place + 2]) >= least]
    chosen = _chosen(fit, options.pairs_per_text or len(fit), ordinal, options.seed)
    return [(text[slice(*spans[p])], text[slice(*spans[p + 1])]) for p in chosen] or TooShort.SHORT_SENTENCES


def _sentences(text: str, options: PairTextsOptions) -> tuple[list[Span], list[int]]:
    """Where the sentences lie, and how many words each has."""
    spans = sentence_spans(text) if options.split_at == "sentences" else line_spans(text)
    return spans, [len(word_spans(text[start:end])) for start, end in spans]


def _chosen(places: list[int], number: int, ordinal: int, seed: int) -> list[int]:
    """Some of the places, drawn at random, in order."""
    if len(places) <= number:
        return places
    keys = row_uniforms(seed, ordinal, places, stream=_CHOICE_STREAM)
    return sorted(places[row] for row in np.argsort(keys, kind="stable")[:number].tolist())


def _around(sizes: Sequence[int], place: int, most_words: int) -> tuple[int, int]:
    """The first and last sentence of the passage around one: beside it, the nearest that fit into so many words."""
    bounds, total, sides = {1: place, -1: place}, 0, [1, -1]
    while sides:
        side = sides.pop(0)
        beside = bounds[side] + side
        alone = bounds[1] == bounds[-1]
        if 0 <= beside < len(sizes) and (alone or total + sizes[beside] <= most_words):
            total += sizes[beside]
            bounds[side] = beside
            sides.append(side)
    return bounds[-1], bounds[1]


WITHIN: Mapping[str, Callable[[str, int, PairTextsOptions], _Halves | TooShort]] = {
    "crops": crops,
    "cloze": cloze,
    "neighbours": neighbours,
}
"""Way → what it makes of one text, given the ordinal of its row."""


def pairs_within(texts: pl.DataFrame, options: PairTextsOptions, ledger: Ledger) -> pl.DataFrame:
    """Pairs of pieces of each text, as `options.by` says.

    Args:
        texts: text, `source_row` and what travels along.
        options: The way, and its settings.
        ledger: Counts texts that gave nothing, and pairs dropped because their halves, or they and an earlier pair of
            the same text, are the same after normalisation.
    """
    make = WITHIN[options.by]
    found = [make(text, ordinal, options) for text, ordinal in texts.select("text", SOURCE_ROW).iter_rows()]
    halves = [[] if isinstance(one, TooShort) else one for one in found]
    cut = texts.drop("text").with_columns(
        _lists("anchor", [[anchor for anchor, _ in pairs] for pairs in halves]),
        _lists("positive", [[positive for _, positive in pairs] for pairs in halves]),
        pl.Series(DROP_REASON, [str(one) if isinstance(one, TooShort) else None for one in found], pl.String),
    )
    return _distinct(ledger.keep_unflagged(cut).explode("anchor", "positive"), ledger)


def _lists(name: str, texts: list[list[str]]) -> pl.Series:
    return pl.Series(name, texts, pl.List(pl.String))


def _distinct(pairs: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    forms = pairs.select(SOURCE_ROW, normalised("anchor"), normalised("positive"))
    differs = (pl.col("anchor") != pl.col("positive")) & pl.struct(pl.all()).is_first_distinct()
    kept = pairs.filter(forms.select(differs).to_series())
    ledger.count("pairs: dropped as identical", pairs.height - kept.height)
    ledger.drop("identical_halves", pairs[SOURCE_ROW].n_unique() - kept[SOURCE_ROW].n_unique())
    return kept
