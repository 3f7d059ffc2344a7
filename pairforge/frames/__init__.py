"""Frame contracts: what each corpus shape holds, checked wherever a corpus enters or leaves a step.

A contract names its columns in the order that sentence-transformers' losses expect. Other columns may stand beside
them and travel through every step; a trainer sees `FrameContract.view` alone.
"""

from pairforge.frames.adoption import Adopted, adopt
from pairforge.frames.columns import Column, ColumnKind
from pairforge.frames.contracts import FrameContract
from pairforge.frames.shapes import (
    ANY_CORPUS,
    CORPUS,
    DENOISING,
    IMAGE_TEXT,
    LABELLED_LIST,
    LABELLED_PAIR,
    LABELLED_TEXT,
    MARGIN,
    N_TUPLE,
    NLI,
    PAIR,
    QRELS,
    QUERIES,
    RAW_NLI,
    SCORED_LIST,
    SCORED_N_TUPLE,
    SCORED_PAIR,
    SENTENCE_PAIR,
    SHAPES,
    TEXT,
    TEXT_BEARING_SHAPES,
    TRIPLET,
    detect_shape,
    training_view,
)

__all__ = [
    "ANY_CORPUS",
    "CORPUS",
    "DENOISING",
    "IMAGE_TEXT",
    "LABELLED_LIST",
    "LABELLED_PAIR",
    "LABELLED_TEXT",
    "MARGIN",
    "NLI",
    "N_TUPLE",
    "PAIR",
    "QRELS",
    "QUERIES",
    "RAW_NLI",
    "SCORED_LIST",
    "SCORED_N_TUPLE",
    "SCORED_PAIR",
    "SENTENCE_PAIR",
    "SHAPES",
    "TEXT",
    "TEXT_BEARING_SHAPES",
    "TRIPLET",
    "Adopted",
    "Column",
    "ColumnKind",
    "FrameContract",
    "adopt",
    "detect_shape",
    "training_view",
]
