"""Models as tasks see them: whatever they are, they say how close texts are, search texts, or give them features."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol, TypeAlias

import numpy as np
import polars as pl
from pydantic import Field

from pairforge.agreement import Array
from pairforge.errors import ModelError, OptionsError
from pairforge.evaluation.shrinking.forms import AS_IT_IS, Form, forms_of
from pairforge.evaluation.shrinking.quantised import Int8Scale, Precision, as_seen, unit
from pairforge.evaluation.sts import own_similarity, pair_similarities, similarity_to
from pairforge.execution.step import StepContext
from pairforge.model_names import LEXICAL
from pairforge.models import Encoder, Floats, ModelSpec, PairScorer, Side, TextMatcher, TextPair
from pairforge.steps.pair_scores import HeadOptions, choose_head, log_odds, pair_scores, positive_output

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from pairforge.engines.tables import VectorTable

_CELLS_AT_ONCE = 1 << 24
_QUERIES_AT_ONCE = 256
RERANKED = 100
"""Documents of a query that a cross-encoder reads: the first ones of BM25."""


Model = Encoder | PairScorer | TextMatcher
Features: TypeAlias = "Floats | csr_array"


class JudgedOptions(HeadOptions):
    """In which forms models are judged."""

    dims: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Field(description="Also judge encoders by the first so many numbers of their vectors (Matryoshka)."),
    ] = ()
    precision: Annotated[
        tuple[Precision, ...], Field(description="Also judge encoders by vectors whose numbers are kept so.")
    ] = ()


@dataclass(frozen=True)
class ScoreBlock:
    """How well documents answer some queries.

    Args:
        first_query: The place of the block's first query among all.
        scores: Shape (queries of the block, documents); higher is better, -inf for what was not found at all.
    """

    first_query: int
    scores: Floats


class Judged(Protocol):
    """A model to be judged, in one form of its vectors."""

    @property
    def spec(self) -> ModelSpec:
        """The model, without the form."""
        ...

    @property
    def name(self) -> str:
        """What tables call it: the model's name, and the form of its vectors where that is not its own."""
        ...

    @property
    def identity(self) -> str:
        """Digest of everything that decides what it says."""
        ...

    @property
    def model(self) -> Model:
        """What was loaded."""
        ...

    @property
    def form(self) -> Form | None:
        """The form of its vectors; None for a model that gives texts no vectors."""
        ...

    def closeness(self, pairs: pl.DataFrame, context: StepContext) -> dict[str, Array]:
        """By name, how close it holds the two sentences of each pair, shape (rows,); the most usual way first."""
        ...

    def search(self, queries: Sequence[str], documents: Sequence[str], context: StepContext) -> Iterator[ScoreBlock]:
        """How well every document answers each query, in blocks of queries that follow each other."""
        ...

    def features(self, texts: Sequence[str], context: StepContext) -> Features:
        """A vector for each text, shape (rows, dimension), for classifiers and clusters.

        Raises:
            ModelError: it gives single texts no vectors.
        """
        ...


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
        asked, held = self._tables({Side.QUERY: queries, Side.DOCUMENT: documents}, context)
        score = similarity_to(held.take(range(len(held))), self._similarity)
        step = max(1, _CELLS_AT_ONCE // max(1, len(held)))
        for first in range(0, len(asked), step):
            yield ScoreBlock(first, score(asked.take(range(first, min(first + step, len(asked))))))

    def features(self, texts: Sequence[str], context: StepContext) -> Features:
        """Its vectors, on the query side."""
        return self.vectors(texts, Side.QUERY, context)

    def vectors(self, texts: Sequence[str], side: Side, context: StepContext) -> Floats:
        """Its vectors on one side, shape (rows, dimension)."""
        (table,) = self._tables({side: texts}, context)
        return table.take(range(len(table)))

    def _tables(self, texts_by_side: dict[Side, Sequence[str]], context: StepContext) -> list[VectorTable]:
        from pairforge.engines.tables import VectorTable  # noqa: PLC0415 - the record needs no engine
        from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - the record needs no engine

        store = VectorStore(context.cache / "vectors")
        tables = list(store.tables(self.model, texts_by_side, context.progress).values())
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

    def features(self, texts: Sequence[str], context: StepContext) -> Features:
        """Refused: it gives single texts no vectors."""
        raise ModelError(
            f"{self.name}: is a cross-encoder, which reads pairs and gives single texts no vectors; judge it by pairs, "
            "sts or retrieval."
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
        self._by_words = model.spec.method in LEXICAL

    def closeness(self, pairs: pl.DataFrame, context: StepContext) -> dict[str, Array]:
        """By its own measure, the first sentence as the query; how rare a word is, all sentences decide."""
        held = [*pairs["sentence1"], *pairs["sentence2"]] if self._by_words else pairs["sentence2"].to_list()
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
                yield ScoreBlock(first, np.where(scores == 0, -np.inf, scores) if self._by_words else scores)
                advance(len(scores))

    def features(self, texts: Sequence[str], context: StepContext) -> Features:
        """Its sparse vectors."""
        vectors = self.model.index(texts, context.progress).vectors()
        if vectors is None:
            raise ModelError(
                f"{self.name}: gives a text many vectors and not one, so nothing can be classified or clustered by "
                "them; judge it by pairs, sts or retrieval."
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
            f"dims {max(dimensions)} is given, but the vectors of {model.spec.name} have {model.dimension} numbers; "
            "lower it."
        )
    forms = list(forms_of(AS_IT_IS, model.dimension, dimensions, precisions, rescoring=False))
    return [JudgedEncoder(model), *(JudgedEncoder(model, form) for form in forms[1:])]


def usable(model: Judged, found: dict[str, Array], task: str, context: StepContext) -> dict[str, Array]:
    """The ways of closeness that tell pairs apart; one that does not is left out and noted.

    Args:
        model: Whose they are.
        found: Way → numbers, shape (rows,), the most usual way first.
        task: What the pairs are called.
        context: Its ledger takes the notes.

    Raises:
        ModelError: the most usual way gives all pairs the same number.
    """
    constant = [name for name, numbers in found.items() if numbers.min() == numbers.max()]
    usual = next(iter(found))
    if usual in constant:
        raise ModelError(f"{model.name}: gives every pair of {task} the same {usual}; it tells no texts apart.")
    for name in constant:
        context.ledger.note(f"{model.name}: gives every pair of {task} the same {name} similarity; left out.")
    return {name: numbers for name, numbers in found.items() if name not in constant}


def _digest(identity: str, form: Form) -> str:
    return hashlib.sha256(f"{identity} {form.dimension} {form.precision}".encode()).hexdigest()
