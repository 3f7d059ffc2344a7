"""What a model costs beside what it is worth: bytes of its weights and vectors, and its speed on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pairforge.models import Encoder, PairScorer, Side, TextMatcher

_SENTENCE = "the people of this old town have long known that most water comes from far below their own small houses"
_QUERY_WORDS = 16
_PASSAGE_WORDS = 100
_PASSAGES = 64
_REPEATS = 15


@dataclass(frozen=True)
class Speed:
    """How fast a model is on this machine, on texts that are the same for all.

    Args:
        query_milliseconds: Median time of one query of 16 words by itself (for a cross-encoder, with one passage of
            100 words; for what compares by words or many vectors, against 64 passages that were read before).
        texts_per_second: Median rate at which passages of 100 words are encoded in the model's batches (for a
            cross-encoder, read with the query; else indexed).
    """

    query_milliseconds: float
    texts_per_second: float


def measure_speed(model: Encoder | PairScorer | TextMatcher) -> Speed:
    """Time a model; one run to warm up, then the median of several."""
    query, passages = _text(_QUERY_WORDS, 0), [_text(_PASSAGE_WORDS, place) for place in range(_PASSAGES)]
    batch = model.spec.request.batch_size
    batches = [passages[start : start + batch] for start in range(0, len(passages), batch)]
    if isinstance(model, PairScorer):
        one: Callable[[], object] = partial(model.logits, [(query, passages[0])])
        many: list[Callable[[], object]] = [
            partial(model.logits, [(query, passage) for passage in texts]) for texts in batches
        ]
    elif isinstance(model, TextMatcher):
        one = partial(model.index(passages).scores, [query])
        many = [partial(model.index, passages)]
    else:
        one = partial(model.encode, [query], Side.QUERY)
        many = [partial(model.encode, texts, Side.DOCUMENT) for texts in batches]
    rate = _PASSAGES / _median_seconds(lambda: [run() for run in many], 3)
    return Speed(round(1000 * _median_seconds(one, _REPEATS), 3), round(rate, 1))


def _text(words: int, start: int) -> str:
    known = _SENTENCE.split()
    return " ".join(known[(start + place) % len(known)] for place in range(words))


def _median_seconds(run: Callable[[], object], repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return float(np.median(times))


def weights_bytes(folder: Path | None) -> int | None:
    """Bytes of the weights in a model's folder; None where it has none."""
    files = [] if folder is None or not folder.is_dir() else [*folder.rglob("*.safetensors"), *folder.rglob("*.bin")]
    return sum(file.stat().st_size for file in files) or None
