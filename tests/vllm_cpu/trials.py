"""What each generating step is given on real rows, and what its answers have to hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel

from pairforge.steps.generate_nli import Hypotheses
from pairforge.steps.generate_paraphrases import Paraphrases
from pairforge.steps.generate_queries import Queries
from pairforge.steps.generate_sts import GradedSentences
from pairforge.steps.generation.negatives import Negatives
from pairforge.steps.generation.verdicts import Relevance

ROWS = 200
TOO_LONG = 3


@dataclass(frozen=True)
class Trial:
    """One step on real rows.

    Args:
        frames: Input role → rows, the one whose rows are asked about first.
        options: The step's options.
        answer: What an answer holds.
        rows_of: Counts the input rows that gave output rows.
    """

    frames: Mapping[str, pl.DataFrame]
    options: Mapping[str, Any]
    answer: type[BaseModel]
    rows_of: Callable[[pl.DataFrame], int] = field(default=lambda made: made.height)


def _questions(shared_data: Path) -> pl.DataFrame:
    """Questions of MedQuAD with their answers, three of which are too long for the model."""
    pairs = (
        pl.read_parquet(shared_data / "medquad/qa.parquet", columns=["question", "answer"])
        .rename({"question": "anchor", "answer": "positive"})
        .drop_nulls()
        .unique("anchor", keep="first", maintain_order=True)
        .unique("positive", keep="first", maintain_order=True)
    )
    letters = pl.col("positive").str.len_chars()
    fitting = pairs.filter(letters.is_between(20, 400)).head(ROWS - TOO_LONG)
    return pl.concat([fitting, pairs.filter(letters > 20_000).head(TOO_LONG)])


def _texts(shared_data: Path) -> pl.DataFrame:
    return _questions(shared_data).select(text="positive")


def _generate_negatives(shared_data: Path) -> Trial:
    # A random model writes noise of any length.
    lenient = {
        "num_negatives": 1,
        "min_length_ratio": 0.0,
        "max_length_ratio": 1e6,
        "check_language": False,
        "attempts": 2,
    }
    return Trial({"pairs": _questions(shared_data)}, lenient, Negatives)


def _generate_queries(shared_data: Path) -> Trial:
    # No query of a random model finds its document again.
    lenient = {"num_queries": 1, "max_words": 1000, "check_language": False, "round_trip": "none", "attempts": 2}
    return Trial({"documents": _texts(shared_data)}, lenient, Queries, lambda made: made["positive"].n_unique())


def _judge(shared_data: Path) -> Trial:
    return Trial({"corpus": _questions(shared_data)}, {"policy": "drop"}, Relevance)


def _generate_paraphrases(shared_data: Path) -> Trial:
    lenient = {"min_length_ratio": 0.0, "max_length_ratio": 1e6, "check_language": False, "attempts": 2}
    return Trial({"texts": _texts(shared_data)}, lenient, Paraphrases, lambda made: made["anchor"].n_unique())


def _generate_nli(shared_data: Path) -> Trial:
    texts, answer = {"premises": _texts(shared_data)}, Hypotheses
    return Trial(texts, {"check_language": False, "attempts": 2}, answer, lambda made: made["premise"].n_unique())


def _generate_sts(shared_data: Path) -> Trial:
    lenient = {"min_length_ratio": 0.0, "max_length_ratio": 1e6, "check_language": False, "attempts": 2}
    return Trial({"texts": _texts(shared_data)}, lenient, GradedSentences, lambda made: made["sentence1"].n_unique())


TRIALS: Mapping[str, Callable[[Path], Trial]] = {
    "generate-negatives": _generate_negatives,
    "generate-queries": _generate_queries,
    "generate-paraphrases": _generate_paraphrases,
    "generate-nli": _generate_nli,
    "generate-sts": _generate_sts,
    "judge": _judge,
}
