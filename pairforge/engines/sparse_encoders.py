"""Sparse encoders: a weight for each word of the vocabulary, nearly all of them 0 (SPLADE and its like).

Nothing is kept between runs: rows are encoded for each index anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, vstack

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.search_models import SearchModel, distinct
from pairforge.engines.sparse_rows import SIMILARITIES, SparseIndex
from pairforge.engines.stored_rows import not_finite
from pairforge.errors import ModelError
from pairforge.models import ModelSpec, Side
from pairforge.progress import Progress, silent

_USUAL = "dot"


class SparseMatcher:
    """A sparse encoder of sentence-transformers as a `TextMatcher`, by the similarity that the model names.

    Source: Formal et al. 2021, 2022 (SPLADE, SPLADE++).

    Args:
        spec: Where its files lie and how it is to be used.
        configuration: What its files say of its similarity.

    Raises:
        ModelError: it names a similarity that sparse vectors have none of.
    """

    def __init__(self, spec: ModelSpec, configuration: ModelConfiguration) -> None:
        self.spec = spec
        self.closeness = configuration.similarity or _USUAL
        if self.closeness not in SIMILARITIES:
            raise ModelError(
                f"{spec.name}: compares by '{self.closeness}', but a sparse encoder compares by one of "
                f"{', '.join(SIMILARITIES)}. Set similarity_fn_name in config_sentence_transformers.json."
            )
        self._model = SearchModel(spec, _library_class, "a sparse encoder")

    def index(self, documents: Sequence[str], progress: Progress = silent) -> SparseIndex:
        """Encode the documents; what is kept of each is its weights that are not 0, 8 bytes each.

        Raises:
            ModelError: the model cannot be loaded, or gives NaN or an infinity.
        """
        rows = self._rows(documents, Side.DOCUMENT, progress)
        return SparseIndex(rows, lambda queries: self._rows(queries, Side.QUERY), self.closeness)

    def _rows(self, texts: Sequence[str], side: Side, progress: Progress = silent) -> csr_array:
        found, places = distinct(texts)
        if not found:
            return csr_array((0, self._model.model.get_embedding_dimension()), dtype=np.float32)
        blocks, order = [], np.empty(len(found), dtype=np.int64)
        done = 0
        for batch, dense in self._model.encoded(found, side, progress, convert_to_sparse_tensor=False):
            weights = dense.float().cpu().numpy()
            finite = np.isfinite(weights).all(axis=1)
            if not finite.all():
                raise not_finite(self.spec.name, f"the text {found[batch[int(np.argmin(finite))]][:60]!r}")
            blocks.append(csr_array(weights))
            order[batch] = np.arange(done, done + len(batch))
            done += len(batch)
        return vstack(blocks, format="csr")[order[places]]


def _library_class() -> Any:
    from sentence_transformers import SparseEncoder  # noqa: PLC0415 - loaded when it is used

    return SparseEncoder
