"""The vectors that mining compares: of anchors, of positives, and of the corpus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pairforge.engines.search import similarities
from pairforge.engines.tables import VectorTable
from pairforge.errors import OptionsError
from pairforge.execution.step import StepContext
from pairforge.models import Encoder, Floats, Side
from pairforge.steps.forbidden_rows import Rows
from pairforge.steps.mining.collection import Collection, numbered


@dataclass(frozen=True)
class Vectors:
    """Vectors of unit length, and which of them each pair needs.

    Args:
        anchors: Of the distinct anchors.
        positives: Of the distinct positives.
        corpus: Of the corpus' distinct texts.
        right: Of the texts that are right for some anchor, if near-duplicates of them are looked for.
        anchor_rows: Each pair's row of `anchors`.
        positive_rows: Each pair's row of `positives`.
    """

    anchors: VectorTable
    positives: VectorTable
    corpus: VectorTable
    right: VectorTable
    anchor_rows: Rows
    positive_rows: Rows

    def positive_similarities(self, ordinals: Rows) -> Floats:
        """The cosine of these pairs' anchors with their own positives, float32, shape (pairs,)."""
        return similarities(self.anchors, self.anchor_rows[ordinals], self.positives, self.positive_rows[ordinals])


def encoded(collection: Collection, right_texts: pl.Series, encoder: Encoder | None, context: StepContext) -> Vectors:
    """Encode every text once.

    Args:
        collection: Pairs and corpus.
        right_texts: Texts whose near-duplicates are looked for.
        encoder: What encodes them.
        context: The cache for vectors.

    Raises:
        OptionsError: there is no encoder.
    """
    from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - only where vectors are needed

    if encoder is None:
        raise OptionsError(
            "These options look at similarities, which need an encoder. Name a model, or use strategy 'easy' or "
            "retriever 'bm25'."
        )
    anchors, anchor_rows = collection.anchors
    positives, positive_rows = numbered(collection.pairs["positive"])
    documents = {"positives": positives, "corpus": collection.texts, "right": right_texts}
    store = VectorStore(context.cache / "vectors")
    # All documents in one call: their batches are planned together, and what stands in several is encoded once.
    wanted = {Side.QUERY: anchors.to_list(), Side.DOCUMENT: [text for texts in documents.values() for text in texts]}
    tables = store.tables(encoder, wanted, context.progress)
    ends = np.cumsum([0, *map(len, documents.values())])
    parts = {
        name: tables[Side.DOCUMENT].rows(np.arange(start, end)).unit()
        for name, start, end in zip(documents, ends[:-1], ends[1:], strict=True)
    }
    return Vectors(anchors=tables[Side.QUERY].unit(), **parts, anchor_rows=anchor_rows, positive_rows=positive_rows)


def needed(vectors: Vectors | None) -> Vectors:
    """The vectors, where options look at similarities.

    Raises:
        OptionsError: there are none.
    """
    if vectors is None:
        raise OptionsError("Similarities need an encoder. Name a model.")
    return vectors
