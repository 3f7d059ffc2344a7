"""What all pairs of one run of mining share: closed positives, vectors, and what speaks against a text beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from pairforge.counted import counted
from pairforge.engines.lexical import LexicalIndex
from pairforge.engines.search import proposer
from pairforge.errors import FrameError
from pairforge.execution.step import StepContext
from pairforge.models import Encoder
from pairforge.steps.forbidden_rows import ForbiddenRows, Rows
from pairforge.steps.mining.collection import Collection
from pairforge.steps.mining.labels import same_label
from pairforge.steps.mining.members import Members
from pairforge.steps.mining.options import RetrievalOptions, RetrieverName
from pairforge.steps.mining.relations import KnownPositive, NearDuplicate, Relation, SameLabel
from pairforge.steps.mining.retrieval import DenseRetriever, LexicalRetriever, Retriever
from pairforge.steps.mining.vectors import Vectors, encoded, needed

OWN_CLUSTER = "of the anchor's or positive's cluster"
"""The reason for which texts of `same_cluster` are refused."""

_PAIRS_AT_ONCE = 2**18


@dataclass(frozen=True)
class Prepared:
    """What the parts of one run of mining share.

    Args:
        texts: The corpus' distinct texts.
        groups: Each pair's group: pairs whose anchors are the same text are one.
        forbidden: The texts that are never a group's negatives.
        anchor_rows: Each pair's place among the distinct anchors.
        retrievers: Who looks for texts.
        vectors: None if no similarity is looked at.
        refused: Reason → the relation in which a text never serves a pair; the known positives first.
        preferred: The relation in which a text serves before all others, if there is one.
        quantiles: Quantile → that one of all pairs' cosines of anchor and own positive.
    """

    texts: pl.Series
    groups: Rows
    forbidden: ForbiddenRows
    anchor_rows: Rows
    retrievers: Sequence[Retriever]
    vectors: Vectors | None
    refused: Mapping[str, Relation]
    preferred: Relation | None = None
    quantiles: Mapping[float, float] = field(default_factory=dict)

    @property
    def num_pairs(self) -> int:
        """Pairs there are."""
        return len(self.groups)

    def refusing(self, reason: str, relation: Relation) -> Prepared:
        """The same with one more relation that refuses a text."""
        return replace(self, refused={**self.refused, reason: relation})

    def with_quantiles(self, levels: Iterable[float]) -> Prepared:
        """The same with these quantiles of the positives' cosines.

        Each is one of the cosines, not a value between two: a monotone change of all cosines changes no choice.
        """
        vectors = needed(self.vectors)
        starts = range(0, self.num_pairs, _PAIRS_AT_ONCE)
        ordinals = (np.arange(start, min(start + _PAIRS_AT_ONCE, self.num_pairs)) for start in starts)
        cosines = np.concatenate([vectors.positive_similarities(some) for some in ordinals])
        found = {level: float(np.quantile(cosines, level, method="inverted_cdf")) for level in levels}
        return replace(self, quantiles=found)


def prepare_mining(
    collection: Collection,
    options: RetrievalOptions,
    *,
    encoder: Encoder | None,
    needs_encoder: bool,
    searches: bool,
    context: StepContext,
) -> Prepared:
    """Encode every text once and find what speaks against texts, whatever their rank and cosine.

    Args:
        collection: Pairs and corpus.
        options: Near-duplicates and groups.
        encoder: May be None if it is not needed.
        needs_encoder: Whether similarities are looked at or written.
        searches: Whether texts are looked for at all.
        context: The cache for vectors.

    Raises:
        FrameError: a column is missing.
        OptionsError: an encoder is needed, and there is none.
    """
    refused: dict[str, Relation] = {"known positives": KnownPositive(collection.groups, collection.forbidden)}
    preferred: Relation | None = None
    if options.group_column is not None:
        own_group = same_label(collection, options.group_column, "--group-column")
        if options.group == "prefer":
            preferred = own_group
        else:
            refused["of the anchor's group"] = own_group
    threshold = options.near_duplicate_similarity
    right_texts, right_rows = collection.right_texts() if threshold is not None else (collection.texts[:0], None)
    vectors = encoded(collection, right_texts, encoder, context) if needs_encoder else None
    if threshold is not None and vectors is not None and right_rows is not None:
        near = NearDuplicate(collection.groups, right_rows, vectors.right, vectors.corpus, threshold)
        refused["near-duplicates of known positives"] = near
    device = None if encoder is None else encoder.spec.request.device
    return Prepared(
        texts=collection.texts,
        groups=collection.groups,
        forbidden=collection.forbidden,
        anchor_rows=collection.anchors[1],
        retrievers=_retrievers(collection, options, vectors, device) if searches else [],
        vectors=vectors,
        refused=refused,
        preferred=preferred,
    )


def _retrievers(
    collection: Collection, options: RetrievalOptions, vectors: Vectors | None, device: str | None
) -> list[Retriever]:
    def made(name: RetrieverName) -> Retriever:
        if name == "dense":
            return DenseRetriever(needed(vectors).anchors, needed(vectors).corpus, proposer(device))
        return LexicalRetriever(collection.anchors[0], LexicalIndex(collection.texts))

    return [made(name) for name in options.retriever]


def same_cluster(prepared: Prepared, num_clusters: int, *, seed: int, context: StepContext) -> SameLabel:
    """Which texts lie in a cluster in which an anchor or one of its pairs' positives lies.

    The clusters are those of k-means over the texts' vectors; anchors and positives lie in the one nearest to them.

    Raises:
        FrameError: there are fewer texts than clusters.
    """
    from pairforge.engines.clusters import assigned, k_means  # noqa: PLC0415 - only where clusters are wanted

    vectors = needed(prepared.vectors)
    num_texts = len(vectors.corpus)
    if num_texts < num_clusters:
        raise FrameError(
            f"corpus: {num_texts:,} distinct texts are too few for {num_clusters:,} clusters. Lower --clusters."
        )
    centroids = k_means(vectors.corpus, num_clusters, seed=seed, progress=context.progress)
    of_pairs = np.concatenate(
        [
            assigned(vectors.anchors, centroids)[vectors.anchor_rows],
            assigned(vectors.positives, centroids)[vectors.positive_rows],
        ]
    )
    return SameLabel(
        prepared.groups,
        Members.of(np.tile(prepared.groups, 2), of_pairs, int(prepared.groups.max(initial=-1)) + 1),
        Members(np.arange(num_texts + 1), assigned(vectors.corpus, centroids)),
    )


def refuse_too_few_texts(collection: Collection, num_negatives: int) -> None:
    """Refuse a corpus that cannot hold so many negatives beside the positive.

    Raises:
        FrameError: it cannot.
    """
    if len(collection.texts) <= num_negatives:
        raise FrameError(
            f"{'pairs' if collection.corpus is None else 'corpus'}: holds only "
            f"{counted(len(collection.texts), 'distinct text')}, too few to find {counted(num_negatives, 'negative')} "
            "apart from the positive. Give a larger --corpus or a lower --num-negatives."
        )
