"""The models that can be judged: encoders in any form of their vectors, cross-encoders, and what matches texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from pairforge.agreement import Array
from pairforge.errors import ModelError, OptionsError
from pairforge.evaluation.judged import Features, Judged, Model, ScoreBlock, no_sight
from pairforge.evaluation.options import JudgedOptions
from pairforge.evaluation.shrinking.forms import AS_IT_IS, Form, forms_of
from pairforge.evaluation.shrinking.quantised import Int8Scale, as_seen, unit
from pairforge.evaluation.sts import own_similarity, pair_similarities, similarity_to
from pairforge.execution.step import StepContext
from pairforge.model_names import LEXICAL
from pairforge.models import Encoder, Floats, ImageEncoder, ImageSource, PairScorer, Side, TextMatcher, TextPair
from pairforge.steps.pair_scores import HeadOptions, choose_head, log_odds, pair_scores, positive_output

if TYPE_CHECKING:
    from pairforge.engines.tables import VectorTable

_CELLS_AT_ONCE = 1 << 24
_QUERIES_AT_ONCE = 256
RERANKED = 100
"""Documents of a query that a cross-encoder reads: the first ones of BM25."""


class JudgedEncoder:
    """An encoder, whose vectors may be cut and kept in fewer bits.

    Args:
        model: The encoder.
        form: The form of its vectors; its own if None.
    """

    def __init__(self, model: Encoder, form: Form | None = None) -> None:
        self.model = model
        self._form = form
        self.spec = model.spec
        self.name = self.spec.name + ("" if form is None else f" @{form.dimension} {form.precision}")
        self.identity = self.spec.identity if form is None else _digest(self.spec.identity, form)
        # A vector that was cut or kept in fewer bits has no length of its own.
        self._similarity = own_similarity(self.spec) if form is None else "cosine"

    @property
    def form(self) -> Form:
        """The form of its vectors."""
        return self._form or Form(AS_IT_IS, self.model.dimension, "float32")

    def closeness(self, pairs: pl.DataFrame, context: StepContext) -> dict[str, Array]:
        """The cosine, the dot product, and the negative Euclidean and Manhattan distances; both on the query side.

        First comes the one that the model's files name as its own, else the cosine.
        """
        texts, rows = [*pairs["sentence1"], *pairs["sentence2"]], pairs.height
        (table,) = self._tables({Side.QUERY: texts}, context)
        found = pair_similarities(table, range(rows), range(rows, 2 * rows))
        return {self._similarity: found.pop(self._similarity), **found}

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        """By the similarity that the model's files name, else by the cosine, each text encoded on its own side."""
        yield from self._compared(*self._tables({Side.QUERY: queries, Side.DOCUMENT: documents}, context))

    def search_by_images(
        self, images: Sequence[ImageSource], documents: Sequence[str], context: StepContext
    ) -> Iterator[ScoreBlock]:
        """As `search`, with images as queries, by the same similarity.

        Raises:
            ModelError: the model sees no images.
        """
        if not isinstance(self.model, ImageEncoder):
            raise ModelError(no_sight(self.name))
        from pairforge.engines.image_vectors import image_vectors  # noqa: PLC0415 - the record needs no engine
        from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - the record needs no engine

        seen = image_vectors(self.model, images, self.spec, context.progress)
        store = VectorStore(context.cache / "vectors")
        held = store.tables(self.model, {Side.DOCUMENT: documents}, context.progress)[Side.DOCUMENT]
        yield from self._compared(*self._in_form([seen, held]))

    def features(self, texts: Sequence[str], context: StepContext) -> Features:
        """Its vectors, on the query side."""
        return self.vectors(texts, Side.QUERY, context)

    def vectors(self, texts: Sequence[str], side: Side, context: StepContext) -> Floats:
        """Its vectors on one side, shape (rows, dimension)."""
        (table,) = self._tables({side: texts}, context)
        return table.take(range(len(table)))

    def _compared(self, asked: VectorTable, held: VectorTable) -> Iterator[ScoreBlock]:
        score = similarity_to(held.take(range(len(held))), self._similarity)
        step = max(1, _CELLS_AT_ONCE // max(1, len(held)))
        for first in range(0, len(asked), step):
            yield ScoreBlock(first, score(asked.take(range(first, min(first + step, len(asked))))))

    def _tables(self, texts_by_side: dict[Side, Sequence[str]], context: StepContext) -> list[VectorTable]:
        from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - the record needs no engine

        store = VectorStore(context.cache / "vectors")
        return self._in_form(list(store.tables(self.model, texts_by_side, context.progress).values()))

    def _in_form(self, tables: list[VectorTable]) -> list[VectorTable]:
        from pairforge.engines.tables import VectorTable  # noqa: PLC0415 - the record needs no engine

        if self._form is None:
            return tables
        cut = [unit(table.take(range(len(table)))[:, : self._form.dimension]) for table in tables]
        # int8 spans what is kept: the documents where there are any, as an index would.
        scale = Int8Scale.of(cut[-1])
        return [VectorTable.of(as_seen(vectors, self._form.precision, scale)) for vectors in cut]


class JudgedScorer:
    """A cross-encoder.

    Args:
        model: The cross-encoder.
        options: How its outputs become a score.
    """

    form = None

    def __init__(self, model: PairScorer, options: HeadOptions) -> None:
        self.model = model
        self._options = options
        self.spec = model.spec
        self.name, self.identity = model.spec.name, model.spec.identity

    def closeness(self, pairs: pl.DataFrame, context: StepContext) -> dict[str, Array]:
        """Its score in [0, 1]."""
        head = choose_head(self.model, self._options)
        context.ledger.note(f"{self.name}: {head.sentence}")
        texts = list(zip(pairs["sentence1"], pairs["sentence2"], strict=True))
        return {"score": pair_scores(self._logits(texts, context), head)}

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        """Its log-odds for the documents that BM25 finds first; nothing else is found."""
        from pairforge.engines.lexical import NO_ROW, LexicalIndex  # noqa: PLC0415 - the record needs no engine

        context.ledger.note(f"{self.name}: reads the first {RERANKED} documents that BM25 finds for each query.")
        for found in LexicalIndex(documents).nearest(queries, RERANKED, progress=context.progress):
            at, places = np.nonzero(found.corpus_rows != NO_ROW)
            rows = found.corpus_rows[at, places]
            scores = np.full((len(found.corpus_rows), len(documents)), -np.inf, dtype=np.float32)
            asked = queries[found.first_row : found.first_row + len(scores)]
            pairs = [(asked[query], documents[row]) for query, row in zip(at.tolist(), rows.tolist(), strict=True)]
            # Not scores in [0, 1]: those of the best documents may all round to 1.
            scores[at, rows] = log_odds(self._logits(pairs, context), positive_output(self.model, self._options))
            yield ScoreBlock(found.first_row, scores)

    def search_by_images(
        self, images: Sequence[ImageSource], documents: Sequence[str], context: StepContext
    ) -> Iterator[ScoreBlock]:
        """Refused: it reads texts alone."""
        raise ModelError(no_sight(self.name))

    def features(self, texts: Sequence[str], context: StepContext) -> Features:
        """Refused: it gives single texts no vectors."""
        raise ModelError(
            f"{self.name}: is a cross-encoder, which reads pairs and gives single texts no vectors; judge it by pairs, "
            "sts, triplets or retrieval."
        )

    def _logits(self, pairs: Sequence[TextPair], context: StepContext) -> Floats:
        from pairforge.engines.scores import ScoreStore  # noqa: PLC0415 - the record needs no engine

        return ScoreStore(context.cache / "scores").logits(self.model, pairs, context.progress)


class JudgedMatcher:
    """BM25, TF-IDF, a sparse encoder or a late-interaction model.

    Args:
        model: What compares texts.
    """

    form = None

    def __init__(self, model: TextMatcher) -> None:
        self.model = model
        self.spec = model.spec
        self.name, self.identity = model.spec.name, model.spec.identity
        self.by_words = model.spec.method in LEXICAL

    def closeness(self, pairs: pl.DataFrame, context: StepContext) -> dict[str, Array]:
        """By its own measure, the first sentence as the query; how rare a word is, all sentences decide."""
        held = [*pairs["sentence1"], *pairs["sentence2"]] if self.by_words else pairs["sentence2"].to_list()
        place = {text: row for row, text in enumerate(dict.fromkeys(held))}
        index = self.model.index(list(place), context.progress)
        found = index.pair_scores(pairs["sentence1"].to_list(), [place[text] for text in pairs["sentence2"]])
        return {self.model.closeness: found.astype(np.float64)}

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        """By its own measure; by words, what shares none with the query is not found."""
        index = self.model.index(documents, context.progress)
        step = max(1, min(_QUERIES_AT_ONCE, _CELLS_AT_ONCE // max(1, len(documents))))
        with context.progress("searching", len(queries), "queries") as advance:
            for first in range(0, len(queries), step):
                scores = index.scores(queries[first : first + step])
                yield ScoreBlock(first, np.where(scores == 0, -np.inf, scores) if self.by_words else scores)
                advance(len(scores))

    def search_by_images(
        self, images: Sequence[ImageSource], documents: Sequence[str], context: StepContext
    ) -> Iterator[ScoreBlock]:
        """Refused: it reads texts alone."""
        raise ModelError(no_sight(self.name))

    def features(self, texts: Sequence[str], context: StepContext) -> Features:
        """Its sparse vectors."""
        vectors = self.model.index(texts, context.progress).vectors()
        if vectors is None:
            raise ModelError(
                f"{self.name}: gives a text many vectors and not one, so nothing can be classified or clustered by "
                "them; judge it by pairs, sts, triplets or retrieval."
            )
        return vectors


def judged(model: Model, options: JudgedOptions) -> list[Judged]:
    """A model as tasks see it, and once more for each further form of an encoder's vectors that is asked for.

    Raises:
        OptionsError: an encoder's vectors are shorter than they are to be cut to.
    """
    if isinstance(model, PairScorer):
        return [JudgedScorer(model, options)]
    if isinstance(model, TextMatcher):
        return [JudgedMatcher(model)]
    if not options.dims and not options.precision:
        return [JudgedEncoder(model)]
    dimensions, precisions = options.dims or (model.dimension,), options.precision or ("float32",)
    if max(dimensions) > model.dimension:
        raise OptionsError(
            f"dims={max(dimensions)} is given, but the vectors of {model.spec.name} have {model.dimension} numbers; "
            "lower it."
        )
    forms = list(forms_of(AS_IT_IS, model.dimension, dimensions, precisions, rescoring=False))
    return [JudgedEncoder(model), *(JudgedEncoder(model, form) for form in forms[1:])]


def _digest(identity: str, form: Form) -> str:
    return hashlib.sha256(f"{identity} {form.dimension} {form.precision}".encode()).hexdigest()
