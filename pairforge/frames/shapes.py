"""The corpus shapes: one contract each, the columns in the order in which they are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from pairforge.errors import FrameError
from pairforge.files.slices import Rows
from pairforge.frames.columns import Column, ColumnKind
from pairforge.frames.contracts import FrameContract

_ANCHOR = Column("anchor", aliases=("query", "question", "sentence1", "sentence_a", "text1", "premise", "title"))
_POSITIVE = Column(
    "positive",
    aliases=(
        "pos",
        "answer",
        "document",
        "passage",
        "context",
        "sentence2",
        "sentence_b",
        "text2",
        "hypothesis",
    ),
)
_SENTENCE1 = Column("sentence1", aliases=("sentence_a", "sentence_1", "text1", "text_a", "s1", "anchor"))
_SENTENCE2 = Column("sentence2", aliases=("sentence_b", "sentence_2", "text2", "text_b", "s2", "positive"))
_SCORE_ALIASES = ("similarity_score", "similarity", "gold_score", "relatedness_score", "label", "labels")

_PREMISE = Column("premise", aliases=("sentence1", "sentence_a", "sentence_1"))
_HYPOTHESIS = Column("hypothesis", aliases=("sentence2", "sentence_b", "sentence_2"))
_NLI_LABEL_ALIASES = ("gold_label", "labels", "entailment_judgment")
NLI = FrameContract("nli", (_PREMISE, _HYPOTHESIS, Column("label", ColumnKind.LABEL, 0, 2, aliases=_NLI_LABEL_ALIASES)))
RAW_NLI = FrameContract("raw nli", (_PREMISE, _HYPOTHESIS, Column("label", ColumnKind.ANY, aliases=_NLI_LABEL_ALIASES)))
"""NLI as it is published: labels in words or numbers, some rows unlabelled."""
PAIR = FrameContract("pair", (_ANCHOR, _POSITIVE))
TRIPLET = FrameContract(
    "triplet", (_ANCHOR, _POSITIVE, Column("negative", aliases=("neg", "hard_negative", "negative_1")))
)
N_TUPLE = FrameContract("n-tuple", (_ANCHOR, _POSITIVE, Column("negative", numbered=True)))
SCORED_N_TUPLE = FrameContract("scored n-tuple", (*N_TUPLE.columns, Column("scores", ColumnKind.SCORES)))
"""An n-tuple with a teacher's score for the positive and for each negative, in their order."""
SCORED_PAIR = FrameContract(
    "scored pair", (_SENTENCE1, _SENTENCE2, Column("score", ColumnKind.SCORE, 0, 1, aliases=_SCORE_ALIASES))
)
LABELLED_PAIR = FrameContract(
    "labelled pair",
    (_SENTENCE1, _SENTENCE2, Column("label", ColumnKind.LABEL, 0, 1, aliases=("labels", "is_duplicate"))),
)
SENTENCE_PAIR = FrameContract("sentence pair", (_SENTENCE1, _SENTENCE2))
"""Two sentences that nobody has scored yet."""
_QUERY = Column("query", aliases=("question", "anchor"))
_DOCUMENTS = Column("documents", ColumnKind.TEXTS, aliases=("passages", "docs"))
LABELLED_LIST = FrameContract(
    "labelled list", (_QUERY, _DOCUMENTS, Column("labels", ColumnKind.LABELS, 0, aliases=("label",)))
)
SCORED_LIST = FrameContract(
    "scored list", (_QUERY, _DOCUMENTS, Column("scores", ColumnKind.SCORES, aliases=("score",)))
)
MARGIN = FrameContract(
    "margin",
    (
        _QUERY,
        Column("positive", aliases=("pos",)),
        Column("negative", aliases=("neg",)),
        Column("score", ColumnKind.SCORE, aliases=("margin", "label")),
    ),
)
DENOISING = FrameContract("denoising", (Column("damaged"), Column("original")))
TEXT = FrameContract(
    "text",
    (Column("text", aliases=("sentence", "document", "passage", "content", "answer", "positive", "question")),),
)
LABELLED_TEXT = FrameContract(
    "labelled text",
    (TEXT.columns[0], Column("label", ColumnKind.IDENTIFIER, aliases=("category", "class", "intent", "label_text"))),
)
"""A text and the name of its class."""
IMAGE_TEXT = FrameContract(
    "image-text",
    (
        Column("image", ColumnKind.IMAGE, aliases=("image_path", "picture", "img")),
        Column("caption", aliases=("text", "description", "alt_text", "sentence")),
    ),
)
"""A picture and what is said of it."""
CORPUS = FrameContract(
    "corpus",
    (
        Column("doc_id", ColumnKind.IDENTIFIER, aliases=("_id", "id", "docid"), required=False),
        TEXT.columns[0],
    ),
)
QUERIES = FrameContract(
    "queries",
    (
        Column("query_id", ColumnKind.IDENTIFIER, aliases=("_id", "id", "qid")),
        Column("text", aliases=("query", "question")),
    ),
)
QRELS = FrameContract(
    "qrels",
    (
        Column("query_id", ColumnKind.IDENTIFIER, aliases=("query-id", "qid")),
        Column("doc_id", ColumnKind.IDENTIFIER, aliases=("corpus-id", "docid", "corpus_id")),
        Column("relevance", ColumnKind.LABEL, aliases=("score", "label")),
    ),
)

ANY_CORPUS = FrameContract("any", ())
"""A corpus of whatever columns, with one row at least: what a step leaves that keeps its input's shape."""

SHAPES: Mapping[str, FrameContract] = {
    contract.name: contract
    for contract in (
        N_TUPLE, TRIPLET, MARGIN, NLI, SCORED_PAIR, LABELLED_PAIR, LABELLED_LIST, SCORED_LIST, DENOISING, PAIR,
        IMAGE_TEXT, LABELLED_TEXT, TEXT,
    )
}  # fmt: skip
"""Every corpus shape a trainer may be handed, the most specific first."""

TEXT_BEARING_SHAPES = (*(RAW_NLI if shape is NLI else shape for shape in SHAPES.values()), SENTENCE_PAIR)
"""The same for who looks at the texts alone: NLI labels may be words, or missing, and pairs need no score."""


def detect_shape(rows: Rows, place: str, shapes: Sequence[FrameContract] | None = None) -> FrameContract:
    """The first of the shapes (most specific first; by default all) whose required columns the rows have.

    Raises:
        FrameError: no shape fits.
    """
    among = tuple(SHAPES.values()) if shapes is None else shapes
    for shape in among:
        if not shape.missing(rows.schema.names()):
            return shape
    wanted = "; ".join(f"{shape.name}: {', '.join(c.shown_name for c in shape.columns)}" for shape in among)
    raise FrameError(
        f"{place}: its columns ({', '.join(rows.schema.names())}) fit no wanted shape ({wanted}). "
        "Rename them, or name them with the --…-column options."
    )


def training_view(frame: pl.DataFrame, shape: FrameContract) -> pl.DataFrame:
    """The columns of `shape` alone, in order: sentence-transformers trains every text column it is shown."""
    return shape.view(frame)
