"""A model of the house as mteb calls one: its own vectors, sides and prompts, and its own way to search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from pairforge.agreement import Array
from pairforge.errors import ModelError
from pairforge.evaluation.judged import Judged
from pairforge.evaluation.judged_models import JudgedEncoder, JudgedMatcher, JudgedScorer
from pairforge.evaluation.mteb_tasks.kinds import CLASSIFICATION, CLUSTERING, PAIRS, STS, MtebKind
from pairforge.evaluation.mteb_tasks.library import load_mteb
from pairforge.execution.step import StepContext
from pairforge.models import Side

_BY_FILES = {STS: "sts:FILE", PAIRS: "pairs:FILE"}

Rankings = dict[str, dict[str, float]]
"""Query → document → score, higher first."""


def model_meta(model: Judged) -> Any:
    """What mteb files results under: the model's identity, whatever its name."""
    return load_mteb().models.ModelMeta.create_empty({"name": "pairforge/model", "revision": model.identity})


def adapted(model: Judged, context: StepContext) -> SearcherForMteb:
    """A model as mteb calls one.

    Args:
        model: The model; a cross-encoder only searches and reranks, others give vectors too.
        context: Caches, ledger and progress.
    """
    return (SearcherForMteb if isinstance(model, JudgedScorer) else EncoderForMteb)(model, context)


class SearcherForMteb:
    """Meets mteb's `SearchProtocol`: ranks documents as `retrieval` does.

    Args:
        model: The model.
        context: Caches, ledger and progress.
    """

    def __init__(self, model: Judged, context: StepContext) -> None:
        self._model, self._context = model, context
        self._ids: list[str] = []
        self._documents: list[str] = []
        self.mteb_model_meta = model_meta(model)

    def index(self, corpus: Any, *, task_metadata: Any, **settings: Any) -> None:
        """Take the documents, each with its title before its text, as mteb reads them."""
        self._ids = list(corpus["id"])
        self._documents = _texts(corpus, task_metadata, "document")

    def search(
        self,
        queries: Any,
        *,
        task_metadata: Any,
        top_k: int,
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        **settings: Any,
    ) -> Rankings:
        """The first `top_k` documents of each query; of its `top_ranked` alone where there are such."""
        ids, asked = list(queries["id"]), _texts(queries, task_metadata, "query")
        if top_ranked is None:
            rows = self._rows(asked)
            return {name: self._first(scores, top_k) for name, scores in zip(ids, rows, strict=True)}
        return self._reranked(ids, asked, top_ranked, top_k)

    def _rows(self, asked: Sequence[str]) -> Iterator[Any]:
        for block in self._model.search(asked, self._documents, self._context):
            yield from block.scores

    def _first(self, scores: Any, top_k: int) -> dict[str, float]:
        beyond = len(scores) - top_k
        near = np.arange(len(scores)) if beyond <= 0 else np.sort(np.argpartition(scores, beyond)[beyond:])
        found = near[np.isfinite(scores[near])]
        return {self._ids[row]: float(scores[row]) for row in found[np.argsort(-scores[found], kind="stable")]}

    def _reranked(
        self, ids: Sequence[str], asked: Sequence[str], candidates: Mapping[str, Sequence[str]], top_k: int
    ) -> Rankings:
        row_of = {name: row for row, name in enumerate(self._ids)}
        rows = [np.array([row_of[name] for name in candidates.get(query, ())], dtype=np.int64) for query in ids]
        scored = self._read(asked, rows) if isinstance(self._model, JudgedScorer) else self._picked(asked, rows)
        return {query: self._of(chosen, scores, top_k) for query, (chosen, scores) in zip(ids, scored, strict=True)}

    def _of(self, rows: Any, scores: Array, top_k: int) -> dict[str, float]:
        order = np.argsort(-scores, kind="stable")[:top_k]
        return {self._ids[rows[place]]: float(scores[place]) for place in order}

    def _picked(self, asked: Sequence[str], rows: Sequence[Any]) -> Iterator[tuple[Any, Array]]:
        for scores, chosen in zip(self._rows(asked), rows, strict=True):
            yield chosen, scores[chosen]

    def _read(self, asked: Sequence[str], rows: Sequence[Any]) -> Iterator[tuple[Any, Array]]:
        pairs = [(query, self._documents[row]) for query, chosen in zip(asked, rows, strict=True) for row in chosen]
        frame = pl.DataFrame(pairs, schema=["sentence1", "sentence2"], orient="row")
        scores = next(iter(self._model.closeness(frame, self._context).values()))
        ends = np.cumsum([len(chosen) for chosen in rows])
        yield from zip(rows, np.split(scores, ends[:-1]), strict=True)


class EncoderForMteb(SearcherForMteb):
    """Meets mteb's `EncoderProtocol` too: texts of tasks without two sides stand on the query side."""

    def encode(self, inputs: Any, *, task_metadata: Any, prompt_type: Any = None, **settings: Any) -> Any:
        """The vectors of all texts of a loader, shape (texts, dimension)."""
        texts = [text for batch in inputs for text in batch["text"]]
        if getattr(prompt_type, "value", prompt_type) == "document" and isinstance(self._model, JudgedEncoder):
            return self._model.vectors(texts, Side.DOCUMENT, self._context)
        return self._model.features(texts, self._context)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of each with each, shape (first, second)."""
        return _similarities().cos_sim(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of each with the one at its place, shape (rows,)."""
        return _similarities().pairwise_cos_sim(embeddings1, embeddings2)


def refuse_without_vectors(model: Judged, task: str, kind: MtebKind) -> None:
    """Refuse a model that gives no vectors as mteb compares them, where a task is no search.

    Args:
        model: The model.
        task: What the task is called.
        kind: The task's kind.

    Raises:
        ModelError: it is a cross-encoder, or compares texts by words, by many vectors, or by sparse ones that are to be
            compared two by two.
    """
    if (why := _hindrance(model, kind)) is not None:
        instead = f", or by {_BY_FILES[kind]}" if kind in _BY_FILES else ""
        raise ModelError(
            f"{model.name}: {why}, so that it cannot do {task}; judge it by mteb's reranking and retrieval tasks"
            f"{instead}."
        )


def _hindrance(model: Judged, kind: MtebKind) -> str | None:
    if isinstance(model, JudgedScorer):
        return "is a cross-encoder, which gives single texts no vectors"
    if not isinstance(model, JudgedMatcher):
        return None
    if model.by_words:
        return "weighs words by the texts that it is given together, and mteb gives it a part at a time"
    if model.model.index([""]).vectors() is None:
        return "gives a text many vectors and not one"
    return None if kind in (CLASSIFICATION, CLUSTERING) else "gives sparse vectors, of which mteb makes no pairs"


def _similarities() -> Any:
    from mteb import similarity_functions  # noqa: PLC0415 - an extra

    return similarity_functions


def _texts(rows: Any, task_metadata: Any, prompt_type: str) -> list[str]:
    from mteb._create_dataloaders import create_dataloader  # noqa: PLC0415 - an extra; no other way
    from mteb.types import PromptType  # noqa: PLC0415 - an extra

    loader = create_dataloader(rows, task_metadata=task_metadata, prompt_type=PromptType(prompt_type))
    return [text for batch in loader for text in batch["text"]]
