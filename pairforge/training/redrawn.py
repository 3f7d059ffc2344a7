"""Rows that are made of plain texts, anew for each epoch."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from pairforge.engines.words import TreebankWords
from pairforge.errors import FrameError
from pairforge.frames import DENOISING, FrameContract, training_view
from pairforge.randomness import row_uniforms
from pairforge.steps.add_noise import AddNoiseOptions, damaged_texts
from pairforge.steps.pair_texts_between import random_others
from pairforge.training.losses.loss import Ordinals

_IDENTICAL_IN = 8
_IDENTICAL_STREAM = 1


def damaged_anew(rows: pl.DataFrame, ordinals: Ordinals, seed: int, *, deletion_ratio: float) -> pl.DataFrame:
    """Texts beside damaged forms of them, as `add-noise` damages them; rows that are damaged already stay.

    Args:
        rows: The corpus: text, or damaged and original.
        ordinals: The rows that are wanted.
        seed: Of the epoch.
        deletion_ratio: Chance of each word to be deleted.
    """
    wanted = rows[ordinals]
    if not DENOISING.missing(rows.columns):
        return wanted
    options = AddNoiseOptions(deletion_ratio=deletion_ratio, seed=seed)
    damaged = damaged_texts(wanted["text"].to_list(), ordinals, _words(), options)
    return wanted.select(pl.Series("damaged", damaged, dtype=pl.String), original="text")


@cache
def _words() -> TreebankWords:
    return TreebankWords()


def distinct_texts(corpus: pl.DataFrame, shape: FrameContract) -> tuple[pl.DataFrame, FrameContract]:
    """Each text once, so that two rows are two texts; pairs stay as they are.

    Raises:
        FrameError: there is one text only.
    """
    rows = training_view(corpus, shape)
    if rows.width > 1:
        return rows, shape
    texts = rows.unique(maintain_order=True)
    if texts.height < 2:
        raise FrameError("corpus: holds one text over and over, which has no other to be told from; give more texts.")
    return texts, shape


def pairs_in_tension(rows: pl.DataFrame, ordinals: Ordinals, seed: int) -> pl.DataFrame:
    """Each text with itself, label 1, one time in eight, else with a random other, label 0; labelled pairs stay.

    Source: Carlsson et al. 2021.

    Args:
        rows: The corpus: text, each once, or labelled pairs.
        ordinals: The rows that are wanted.
        seed: Of the epoch.
    """
    if rows.width > 1:
        return rows[ordinals]
    identical = row_uniforms(seed, ordinals, 0, stream=_IDENTICAL_STREAM) < 1 / _IDENTICAL_IN
    others = random_others(ordinals, ordinals, rows.height, number=1, seed=seed)[:, 0]
    partners = rows["text"].gather(np.where(identical, ordinals, others))
    return pl.DataFrame({"sentence1": rows["text"].gather(ordinals), "sentence2": partners, "label": identical * 1})
