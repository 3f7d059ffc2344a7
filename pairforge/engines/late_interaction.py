"""Late-interaction models: a vector for each token of a text, compared token by token (ColBERT and its like).

Nothing is kept between runs: vectors are encoded for each index anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pairforge.engines.configuration import ModelConfiguration
from pairforge.engines.search_models import SearchModel, distinct
from pairforge.engines.stored_rows import not_finite
from pairforge.models import Floats, ModelSpec, Side
from pairforge.progress import Progress, silent

if TYPE_CHECKING:
    import torch

_USUAL = "maxsim"
_NUMBERS_AT_ONCE = 2**24
"""That one step of a comparison holds: 64 MiB in float32."""


class LateInteractionMatcher:
    """A multi-vector encoder of sentence-transformers as a `TextMatcher`.

    Its closeness is "maxsim", the sum over a query's tokens of the highest dot product with a token of the document, or
    "meanmaxsim", their mean, as the model says. Source: Khattab and Zaharia 2020 (ColBERT).

    Args:
        spec: Where its files lie and how it is to be used.
        configuration: What its files say of its similarity.
    """

    def __init__(self, spec: ModelSpec, configuration: ModelConfiguration) -> None:
        self.spec = spec
        # What other names such models were saved with, the library does not heed either.
        self.closeness = "meanmaxsim" if configuration.similarity == "meanmaxsim" else _USUAL
        self._model = SearchModel(spec, _library_class, "a late-interaction model")

    def index(self, documents: Sequence[str], progress: Progress = silent) -> LateInteractionIndex:
        """Encode the documents; kept of each is a vector for each token, 512 bytes at 128 dimensions in float32.

        Raises:
            ModelError: the model cannot be loaded, or gives NaN or an infinity.
        """
        return LateInteractionIndex(self, self.vectors_of(documents, Side.DOCUMENT, progress))

    @property
    def model(self) -> Any:
        """The library's model."""
        return self._model.model

    def vectors_of(self, texts: Sequence[str], side: Side, progress: Progress = silent) -> list[torch.Tensor]:
        """The vectors of each text's tokens, in memory outside the device, each of shape (tokens, dimension).

        Raises:
            ModelError: the model gives NaN or an infinity.
        """
        found, places = distinct(texts)
        vectors: dict[int, torch.Tensor] = {}
        for batch, encoded in self._model.encoded(found, side, progress):
            for place, tokens in zip(batch, encoded, strict=True):
                if not tokens.isfinite().all():
                    raise not_finite(self.spec.name, f"the text {found[place][:60]!r}")
                vectors[place] = tokens.cpu()
        return [vectors[place] for place in places]


class LateInteractionIndex:
    """Documents as the vectors of their tokens, as a `MatcherIndex`.

    Args:
        matcher: What encodes queries and compares.
        documents: The vectors of each document.
    """

    def __init__(self, matcher: LateInteractionMatcher, documents: Sequence[torch.Tensor]) -> None:
        self._matcher = matcher
        self._documents = documents
        # Documents of like length beside each other are padded little.
        self._order = sorted(range(len(documents)), key=lambda row: len(documents[row]))

    def scores(self, queries: Sequence[str]) -> Floats:
        """How close every document is to each query, shape (queries, documents)."""
        scores = np.zeros((len(queries), len(self._documents)), dtype=np.float32)
        if scores.size:
            model = self._matcher.model
            found = model.similarity(
                self._matcher.vectors_of(queries, Side.QUERY),
                [self._documents[row] for row in self._order],
                chunk_elements=_NUMBERS_AT_ONCE,
                device=model.device,
            )
            scores[:, self._order] = found.float().cpu().numpy()
        return scores

    def pair_scores(self, queries: Sequence[str], rows: Sequence[int]) -> Floats:
        """How close document rows[i] is to query i, shape (queries,)."""
        model = self._matcher.model
        found: Floats = (
            model.similarity_pairwise(
                self._matcher.vectors_of(queries, Side.QUERY),
                [self._documents[row] for row in rows],
                chunk_elements=_NUMBERS_AT_ONCE,
                device=model.device,
            )
            .float()
            .cpu()
            .numpy()
        )
        return found

    def vectors(self) -> None:
        """None: a text has many."""


def _library_class() -> Any:
    from sentence_transformers import MultiVectorEncoder  # noqa: PLC0415 - loaded when it is used

    return MultiVectorEncoder
