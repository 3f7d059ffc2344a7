"""Pairs of any kind that may have gold, and where their gold is kept when a model's score takes its place."""

from __future__ import annotations

import polars as pl

from pairforge.frames import LABELLED_PAIR, PAIR, SCORED_PAIR, SENTENCE_PAIR, Column, FrameContract, detect_shape
from pairforge.steps.columns import extra_columns

GOLD = ("gold_score", "gold_label")
"""The columns in which gold is kept; what people scored comes before what they only labelled."""

_KEPT_AS = {"score": "gold_score", "label": "gold_label", "gold_score": "gold_score", "gold_label": "gold_label"}


def _gold_column(shape: FrameContract, name: str, *, required: bool = True) -> Column:
    like = shape.columns[2]
    aliases = tuple(alias for alias in like.aliases if alias not in _KEPT_AS) if required else ()
    return Column(name, like.kind, like.minimum, like.maximum, aliases, required=required, nullable=True)


_KEPT_GOLD = (
    _gold_column(SCORED_PAIR, "gold_score", required=False),
    _gold_column(LABELLED_PAIR, "gold_label", required=False),
)

PAIRS_WITH_GOLD = (
    FrameContract(SCORED_PAIR.name, (*SENTENCE_PAIR.columns, _gold_column(SCORED_PAIR, "score"))),
    FrameContract(LABELLED_PAIR.name, (*SENTENCE_PAIR.columns, _gold_column(LABELLED_PAIR, "label"))),
)
"""Scored and labelled pairs of which some rows may lack gold."""

ANCHORED_PAIR = FrameContract(PAIR.name, (*PAIR.columns, *_KEPT_GOLD))

PAIRS_OF_ALL_KINDS = (
    *PAIRS_WITH_GOLD,
    FrameContract(SENTENCE_PAIR.name, (*SENTENCE_PAIR.columns, *_KEPT_GOLD)),
    ANCHORED_PAIR,
)
"""Pairs with gold or without, the most specific first."""


def named_pairs(pairs: pl.DataFrame, role: str) -> pl.DataFrame:
    """Pairs of any of these kinds, their texts as sentence1 and sentence2, their gold as gold_score or gold_label.

    Raises:
        FrameError: they are of no such kind, a value is wrong, or a column is in the way of one of these names.
    """
    shape = detect_shape(pairs, role, PAIRS_OF_ALL_KINDS)
    checked = shape.check(pairs, role)
    texts = dict(zip((column.name for column in shape.columns[:2]), ("sentence1", "sentence2"), strict=True))
    gold = {column.name: _KEPT_AS[column.name] for column in shape.columns[2:] if column.name in pairs.columns}
    renaming = {name: renamed for name, renamed in (texts | gold).items() if name != renamed}
    extra_columns(checked, (*texts, *gold), renaming.values(), role)
    return checked.rename(renaming)
