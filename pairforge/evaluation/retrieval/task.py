"""Retrieval as a task: models rank all documents for each query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from pairforge.errors import ModelError, OptionsError
from pairforge.evaluation.judged import Judged, ScoreBlock
from pairforge.evaluation.retrieval.measures import Relevance, RetrievalMeasures, measure_names
from pairforge.evaluation.retrieval.of_pairs import read_pairs_as_retrieval_set
from pairforge.evaluation.retrieval.options import RetrievalOptions
from pairforge.evaluation.retrieval.ranking import NOT_FOUND
from pairforge.evaluation.retrieval.reading import RetrievalSet, read_retrieval_set
from pairforge.evaluation.statistics import bootstrap_means
from pairforge.evaluation.task import Judgement, Means, Measured
from pairforge.execution.step import StepContext
from pairforge.files.sources import is_hub
from pairforge.models import Floats

_USUAL = 10
"""The cutoff at which retrieval is mostly reported."""


@dataclass(frozen=True)
class Retrieval:
    """Queries with judged documents; what a model predicts is each measure of its ranking, a row a query."""

    name: str
    source: str
    found: RetrievalSet
    cutoffs: tuple[int, ...]

    @property
    def items(self) -> str:
        """What asks."""
        return "images" if self.found.of_images else "queries"

    @property
    def rows(self) -> int:
        """How many queries there are."""
        return self.found.queries.height

    @property
    def guesses(self) -> tuple[str, ...]:
        """What was guessed in reading the folder, and what else the user should know of it."""
        return self.found.guesses

    @property
    def measures(self) -> tuple[str, ...]:
        """What is mostly reported: nDCG@10, MRR@10, and recall at the last cutoff."""
        usual, last = _USUAL if _USUAL in self.cutoffs else self.cutoffs[-1], self.cutoffs[-1]
        return f"ndcg@{usual}", f"mrr@{usual}", f"recall@{last}"

    @cached_property
    def relevance(self) -> Relevance:
        """The relevant judgements, queries and documents by their places in the set's frames."""
        placed = self._placed(self.found.judgements.filter(pl.col("relevance") > 0))
        return Relevance(
            self.rows,
            self.found.documents.height,
            *(placed[name].to_numpy() for name in ("query", "document", "relevance")),
        )

    def predict(self, model: Judged, means: Means) -> pl.DataFrame:
        """`query_id` and each measure (`ndcg@10` …) of the model's ranking of the documents for that query."""
        measures = RetrievalMeasures(self.relevance, self.cutoffs)
        blocks = [pl.DataFrame(measures.of(scores, first)) for first, scores in self._searched(model, means)]
        return pl.concat([self.found.queries.select("query_id"), pl.concat(blocks)], how="horizontal")

    def measure(self, predictions: Sequence[pl.DataFrame], means: Means) -> list[Judgement]:
        """Take the means over the queries."""
        names = measure_names(self.cutoffs)
        values = np.concatenate([found.select(names).to_numpy().T for found in predictions])
        with means.context.progress("resampling", means.samples, "resamples") as advance:
            drawn = bootstrap_means(values, samples=means.samples, seed=means.seed, advance=advance)
        measured = [Measured(float(column.mean()), draws) for column, draws in zip(values, drawn, strict=True)]
        return [
            Judgement("", dict(zip(names, measured[first : first + len(names)], strict=True)))
            for first in range(0, len(measured), len(names))
        ]

    def _searched(self, model: Judged, means: Means) -> Iterator[tuple[int, Floats]]:
        differ = False
        for block in self._compared(model, means.context):
            differ = self._tells_apart(model, block) or differ
            yield block.first_query, self._admitted(block)
        if not differ:
            raise ModelError(
                f"{model.name}: gives all documents of {self.name} the same score; it tells no texts apart."
            )

    def _compared(self, model: Judged, context: StepContext) -> Iterator[ScoreBlock]:
        documents, queries = self.found.documents["text"].to_list(), self.found.queries
        if self.found.of_images:
            return model.search_by_images(queries["image"].to_list(), documents, context)
        return model.search(queries["text"].to_list(), documents, context)

    def _tells_apart(self, model: Judged, block: ScoreBlock) -> bool:
        if np.isnan(block.scores).any():
            raise ModelError(f"{model.name}: gives NaN for documents of {self.name}; its weights or texts are damaged.")
        return bool((block.scores != block.scores[:, :1]).any())

    def _admitted(self, block: ScoreBlock) -> Floats:
        """The scores, -inf for what stands in no ranking of that query."""
        last = block.first_query + len(block.scores)
        here = self._left_out.filter(pl.col("query").is_between(block.first_query, last, closed="left"))
        scores = block.scores.copy() if here.height else block.scores
        scores[here["query"].to_numpy() - block.first_query, here["document"].to_numpy()] = -np.inf
        return scores

    @cached_property
    def _left_out(self) -> pl.DataFrame:
        return self._placed(self.found.left_out)

    def _placed(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Rows of query_id and doc_id with their places, `query` and `document`; NOT_FOUND for an unknown document."""
        queries = self.found.queries.select("query_id").with_row_index("query")
        documents = self.found.documents.select("doc_id").with_row_index("document")
        placed = pairs.join(queries, on="query_id", maintain_order="left").join(
            documents, on="doc_id", how="left", maintain_order="left"
        )
        return placed.with_columns(pl.col("query", "document").cast(pl.Int64)).with_columns(
            pl.col("document").fill_null(NOT_FOUND)
        )


def read_retrieval(
    name: str, source: str, options: RetrievalOptions, columns: Mapping[str, str] | None = None
) -> Retrieval:
    """A retrieval task from its folder, or from a file of pairs or of images with captions.

    Args:
        name: The task as the user named it.
        source: The folder or file.
        options: How it is read and judged.
        columns: Contract column → the own name that a file of pairs has for it.

    Raises:
        OptionsError: more documents are given for a folder.
        FileError, FrameError: as `read_retrieval_set` and `read_pairs_as_retrieval_set`.
    """
    of_pairs = is_hub(source) or Path(source).expanduser().is_file()
    if options.documents and not of_pairs:
        raise OptionsError(
            f"{name}: documents='{options.documents[0]}' is given, but the folder has a corpus of its own. Leave it "
            "out."
        )
    if of_pairs:
        found = read_pairs_as_retrieval_set(source, options.documents, columns)
        return Retrieval(name, ", ".join([source, *options.documents]), found, options.cutoff)
    shown = source if options.split is None else f"{source}, split {options.split}"
    return Retrieval(name, shown, read_retrieval_set(source, options), options.cutoff)
