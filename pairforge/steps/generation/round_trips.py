"""Whether a query finds the document again that it was written for (round-trip consistency).

Sources: Alberti et al. 2019 (round-trip consistency), Dai et al. 2022 (Promptagator).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from pairforge.engines.lexical import LexicalIndex
from pairforge.engines.search import Neighbours, Propose, nearest, proposer
from pairforge.engines.tables import VectorTable
from pairforge.engines.vectors import VectorStore
from pairforge.execution.step import StepContext
from pairforge.models import Encoder, Side
from pairforge.steps.forbidden_rows import Rows
from pairforge.steps.generation.model_checks import unit_vectors
from pairforge.text import normalised

LOST = "its document does not come back"


@dataclass(frozen=True)
class DenseSearch:
    """Searches documents by the cosine of vectors, exactly.

    Args:
        encoder: The model.
        documents: The documents' vectors, of unit length.
        propose: Finds candidates.
    """

    encoder: Encoder
    documents: VectorTable
    propose: Propose

    def nearest(self, queries: Sequence[Sequence[str]], k: int) -> Iterable[Neighbours]:
        """The k best documents for each of these queries, which come in groups of one row each."""
        vectors = [unit_vectors(self.encoder, of_row, Side.QUERY) for of_row in queries if of_row]
        return nearest(VectorTable.of(np.concatenate(vectors)), self.documents, k, propose=self.propose)


@dataclass(frozen=True)
class LexicalSearch:
    """Searches documents by common words.

    Args:
        index: Over the documents.
    """

    index: LexicalIndex

    def nearest(self, queries: Sequence[Sequence[str]], k: int) -> Iterable[Neighbours]:
        """The k best documents for each of these queries, which come in groups of one row each."""
        return self.index.nearest([query for of_row in queries for query in of_row], k)


@dataclass(frozen=True)
class RoundTrip:
    """Refuses queries that do not find their document among the first.

    Args:
        search: Searches the distinct documents.
        document_of: By row, its document among the distinct ones.
        top_k: How many documents are looked at.
    """

    search: DenseSearch | LexicalSearch
    document_of: Rows
    top_k: int

    def faults(self, rows: Sequence[int], texts: Sequence[Sequence[str]]) -> list[list[str | None]]:
        """For each query of each row, why it cannot be used, or None."""
        counts = [len(of_row) for of_row in texts]
        if not sum(counts):
            return [[] for _ in texts]
        found = np.concatenate([block.corpus_rows for block in self.search.nearest(texts, self.top_k)])
        wanted = np.repeat(self.document_of[np.asarray(rows, dtype=np.int64)], counts)
        faults = [None if came_back else LOST for came_back in (found == wanted[:, None]).any(axis=1)]
        return [faults[start:end] for start, end in pairwise(np.cumsum([0, *counts]).tolist())]


def round_trip(documents: pl.Series, encoder: Encoder | None, top_k: int, context: StepContext) -> RoundTrip:
    """The check among these documents: by an encoder's vectors, or by words without one.

    Documents that are equal in their normal form count as one.
    """
    keys = pl.DataFrame({"text": documents}).select("text", key=normalised("text"))
    distinct = keys.unique("key", keep="first", maintain_order=True).with_row_index("place")
    document_of = keys.join(distinct.select("key", "place"), on="key", how="left", maintain_order="left")["place"]
    texts = distinct["text"].to_list()
    search: DenseSearch | LexicalSearch
    if encoder is None:
        search = LexicalSearch(LexicalIndex(texts))
    else:
        tables = VectorStore(context.cache / "vectors").tables(encoder, {Side.DOCUMENT: texts}, context.progress)
        search = DenseSearch(encoder, tables[Side.DOCUMENT].unit(), proposer(encoder.spec.request.device))
    return RoundTrip(search, document_of.to_numpy().astype(np.int64), top_k)
