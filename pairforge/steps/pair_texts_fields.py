"""Two columns of one row that belong together: a title and its body, a question and its answer."""

from __future__ import annotations

import polars as pl

from pairforge.execution.ledger import Ledger
from pairforge.frames import Column, FrameContract
from pairforge.steps.pair_texts_options import PairTextsOptions

FIELDS = FrameContract(
    "pair of fields",
    (
        Column("anchor", aliases=("question", "query", "title", "headline", "heading", "prompt", "instruction")),
        Column(
            "positive",
            aliases=(
                "answer", "response", "body", "text", "abstract", "article", "content", "passage", "document",
                "description", "summary", "output",
            ),
        ),
    ),
)  # fmt: skip
"""What is read as the two columns where nobody names them."""


def without_repeated_anchors(pairs: pl.DataFrame) -> pl.DataFrame:
    """Cut the anchor, and the punctuation after it, off each positive that begins with it, letter by letter."""
    rest = pl.col("positive").str.strip_prefix(pl.col("anchor"))
    in_a_word = rest.str.contains(r"^\w")
    cut = pl.when(_repeats & ~in_a_word).then(rest.str.strip_chars_start(" \t\r\n.:;,|–—-"))
    return pairs.with_columns(cut.otherwise("positive").alias("positive"))


def fields(pairs: pl.DataFrame, options: PairTextsOptions, ledger: Ledger) -> pl.DataFrame:
    """The pairs as they stand; those of which the model can copy the anchor are counted."""
    repeats = pairs.select(_repeats.sum()).item()
    ledger.count("positives that begin with their anchor", repeats)
    if repeats and not options.cut_anchor:
        ledger.note("A model can learn to copy where the positive begins with its anchor: --cut-anchor cuts it off.")
    return pairs


_repeats = pl.col("positive").str.starts_with(pl.col("anchor"))
