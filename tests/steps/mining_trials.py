"""What the tests of mining share: words with random vectors, and mining with the counts beside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from hypothesis import strategies as st

from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.models import Encoder
from pairforge.steps.mine_negatives import MineNegativesOptions, mine_negatives
from tests.fakes import TableEncoder

WORDS = [
    "cat", "Cat.", "CAT", "dog", "a dog", "A  dog.", "sun", "moon", "", " ", ".", "é", "e\u0301", "É.", "naïve", "ß",
    "日本", "日本。", "🙂", "one", "two", "three", "four", "five", "six",
]  # fmt: skip

texts = st.sampled_from(WORDS)
pairs_of = st.lists(st.tuples(texts, texts), min_size=1, max_size=12)
corpora = st.lists(texts, min_size=1, max_size=30)


def encoder_of(words: Sequence[str] = WORDS, seed: int = 0, dimension: int = 5) -> TableEncoder:
    vectors = np.random.default_rng(seed).normal(size=(len(words), dimension)).astype(np.float32)
    return TableEncoder(dict(zip(words, vectors.tolist(), strict=True)))


def frame_of(pairs: Sequence[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={"anchor": pl.String, "positive": pl.String}, orient="row")


def mined(
    pairs: pl.DataFrame,
    corpus: pl.DataFrame | None = None,
    qrels: pl.DataFrame | None = None,
    *,
    encoder: Encoder | None = None,
    **options: object,
) -> tuple[pl.DataFrame, Ledger]:
    context = StepContext()
    made = mine_negatives(
        pairs,
        corpus,
        qrels,
        encoder=encoder or encoder_of(),
        options=MineNegativesOptions.model_validate(options),
        context=context,
    )
    return made, context.ledger
