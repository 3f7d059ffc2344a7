"""Texts and the class of each, as classification and clustering read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from pairforge.errors import FrameError
from pairforge.files import read_frame
from pairforge.frames import LABELLED_TEXT, FrameContract, adopt

_TEXT, _LABEL = LABELLED_TEXT.columns
_LABELLED = FrameContract(
    LABELLED_TEXT.name,
    (
        replace(_TEXT, aliases=(*_TEXT.aliases, "sentences")),
        replace(_LABEL, aliases=(*_LABEL.aliases, "labels", "cluster", "topic")),
    ),
)


def read_labelled_texts(source: str, columns: Mapping[str, str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The columns text and label of a source, labels as texts, and what was guessed.

    Args:
        source: As `read_frame` takes it.
        columns: Contract column → the source's own name, where one is given.

    Raises:
        FileError: the source cannot be read.
        FrameError: it holds no texts with labels, fewer than two, or labels that are all equal.
    """
    named = {column: own for column, own in columns.items() if column in ("text", "label")}
    adopted = adopt(read_frame(source), (_LABELLED,), source, columns=named)
    texts = _LABELLED.view(adopted.frame)
    if texts.height < 2:
        raise FrameError(f"{source}: a judgement needs two rows or more, but there is only one.")
    if texts["label"].n_unique() == 1:
        raise FrameError(
            f"{source}: all {texts.height:,} labels are equal ('{texts['label'][0]}'); "
            "a judgement needs labels that differ."
        )
    return texts, adopted.guesses


def classes_of(labels: pl.Series) -> list[str]:
    """The labels that there are, each once: by number if all are whole numbers, by the alphabet otherwise."""
    found = labels.unique().sort()
    numbers = found.cast(pl.Int64, strict=False)
    return found.to_list() if numbers.null_count() else found.gather(numbers.arg_sort()).to_list()


def codes_of(labels: pl.Series, classes: list[str]) -> npt.NDArray[np.int64]:
    """The place of each label among the classes, shape (rows,)."""
    return labels.replace_strict(classes, range(len(classes)), return_dtype=pl.Int64).to_numpy()
