"""Negatives for pairs: texts of a corpus that an anchor might be taken for, but that are not right for it.

Texts close to the anchor teach more than random ones, and the closest are often right answers that nobody labelled.
So the known ones are never taken, and a margin below the positive leaves out most of the unknown ones. Sources:
Xiong et al. 2021 (ANCE), Moreira et al. 2024 (NV-Retriever: margins below the positive).
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from pairforge.execution.ledger import Ledger
from pairforge.execution.step import Input, ModelRole, RowWise, Step, StepContext
from pairforge.frames import CORPUS, N_TUPLE, PAIR, QRELS, TRIPLET
from pairforge.models import Encoder, ModelKind, PairScorer
from pairforge.steps.columns import extra_columns
from pairforge.steps.forbidden_rows import NONE
from pairforge.steps.mining.chosen import Chosen
from pairforge.steps.mining.collection import Collection, unknown_judgements
from pairforge.steps.mining.formats import Mined, columns_of, contract_of, in_format
from pairforge.steps.mining.options import MineNegativesOptions
from pairforge.steps.mining.preparation import OWN_CLUSTER, Prepared, prepare_mining, refuse_too_few_texts, same_cluster
from pairforge.steps.mining.retrieval import finder_words
from pairforge.steps.mining.score_check import one_bar, score_check
from pairforge.steps.mining.settled import Settled, chosen_in_blocks, settle

__all__ = ["STEP", "MineNegativesOptions", "mine_negatives"]

_DEFAULTS = MineNegativesOptions()
_OWN = ("anchor", "positive")


def mine_negatives(
    pairs: pl.DataFrame,
    corpus: pl.DataFrame | None = None,
    qrels: pl.DataFrame | None = None,
    *,
    encoder: Encoder | None = None,
    scorer: PairScorer | None = None,
    options: MineNegativesOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Give each pair texts of the corpus that are not right for its anchor.

    A text is never its anchor's negative if, after normalisation, it is the anchor itself, a positive of any pair with
    this anchor, the anchor of any pair with this positive, or relevant to the pair's `query_id` by `qrels`. Candidates
    are the distinct texts of the corpus (after normalisation, the first kept); their rank is their true place by
    cosine, known positives included, ties to the lower corpus row. The margins are below the row's own positive.

    Args:
        pairs: anchor, positive; other columns travel. With `qrels`, query_id too; with a group column, that too.
        corpus: text; with `qrels`, doc_id too; with a group column, that too. The pairs' own positives if not given.
        qrels: query_id, doc_id, relevance (above 0: relevant).
        encoder: Measures similarity; may be None for strategy "easy" without scores, clusters or near-duplicates.
        scorer: A cross-encoder that reads what would be chosen, the nearest first, until each pair has enough.
        options: How many, how near, which never, in which shape.
        context: The cache for vectors, and where candidates and rows are counted.

    Returns:
        The shape that `options.output_format` names, pairs in their order, negatives nearest first. With scores,
        cosines stand beside them. With bands, a pair has negatives of each, in rows that the column `band` names.

    Raises:
        FrameError: the corpus has too few distinct texts, or a column is missing or in the way.
        OptionsError: these options need a model, and there is none, or a scorer has no bound to heed.
        ModelError: the scorer's outputs cannot be read as asked.
    """
    pairs = PAIR.check(pairs, "pairs")
    with _with_workspace(context or StepContext()) as within:
        ready = prepare(
            pairs,
            None if corpus is None else CORPUS.check(corpus, "corpus"),
            None if qrels is None else QRELS.check(qrels, "qrels"),
            encoder=encoder,
            scorer=scorer,
            options=options,
            context=within,
        )
        return mine_rows(pairs, first_row=0, prepared=ready, options=options, context=within)


@contextmanager
def _with_workspace(context: StepContext) -> Iterator[StepContext]:
    if context.workspace is not None:
        yield context
        return
    with tempfile.TemporaryDirectory(prefix="pairforge-") as folder:
        yield replace(context, workspace=Path(folder))


@dataclass(frozen=True)
class Ready:
    """What the parts of one run share.

    Args:
        prepared: Texts, vectors and relations.
        settled: The negatives of all pairs, where those of one bear on those of the next.
    """

    prepared: Prepared
    settled: Settled | None


def prepare(
    pairs: pl.DataFrame,
    corpus: pl.DataFrame | None = None,
    qrels: pl.DataFrame | None = None,
    *,
    encoder: Encoder | None = None,
    scorer: PairScorer | None = None,
    options: MineNegativesOptions,
    context: StepContext,
) -> Ready:
    """Close the known positives and encode every text once; arguments and errors as those of `mine_negatives`."""
    # A trainer would take a negative that travels along for one that was mined.
    sides = (TRIPLET.columns[2], N_TUPLE.columns[2]) if contract_of(options) in (TRIPLET, N_TUPLE) else ()
    earlier = (name for side in sides for name in side.names_in(pairs.columns))
    extra_columns(pairs, _OWN, itertools.chain(*columns_of(options), earlier), "pairs")
    collection = Collection.of(pairs, corpus, qrels)
    if (strange := unknown_judgements(collection, qrels)) is not None:
        context.ledger.note(strange)
    refuse_too_few_texts(collection, options.num_negatives)
    check = score_check(scorer, collection, options, context)
    prepared = prepare_mining(
        collection,
        options,
        encoder=encoder,
        needs_encoder=options.needs_encoder,
        searches=options.depth > 0,
        context=context,
    )
    if options.clusters is not None:
        own_cluster = same_cluster(prepared, options.clusters, seed=options.seed, context=context)
        prepared = prepared.refusing(OWN_CLUSTER, own_cluster)
    levels = [level for level in (options.min_quantile, options.max_quantile) if level is not None]
    if levels:
        prepared = prepared.with_quantiles(levels)
    if check is not None:
        with one_bar(context.progress) as bar:
            return Ready(prepared, settle(prepared, options, context, check=check.showing(bar)))
    return Ready(prepared, settle(prepared, options, context) if options.max_uses is not None else None)


def mine_rows(
    rows: pl.DataFrame, *, first_row: int, prepared: Ready, options: MineNegativesOptions, context: StepContext
) -> pl.DataFrame:
    """The negatives of one part of the pairs, whose first row is number `first_row` (from 0) of all."""
    extra = extra_columns(rows, _OWN, (), "pairs")
    part = range(first_row, first_row + rows.height)
    if prepared.settled is None:
        blocks = chosen_in_blocks(part, prepared.prepared, options, context.ledger)
    else:
        blocks = iter([prepared.settled.of(part)])
    made = []
    with context.progress("mining", rows.height, "pairs") as advance:
        for chosen in blocks:
            kept = _kept(chosen, options, context.ledger)
            mined = Mined(rows[kept.ordinals - first_row], prepared.prepared.texts, kept, options.retriever)
            made.append(in_format(mined, extra, options))
            advance(len(np.unique(chosen.ordinals)))
    return pl.concat(made)


def _kept(chosen: Chosen, options: MineNegativesOptions, ledger: Ledger) -> Chosen:
    """The lines that found enough; a pair is dropped that keeps none."""
    wanted = 1 if options.too_few == "keep" else options.num_negatives
    kept = chosen.only((chosen.negatives != NONE).sum(axis=1) >= wanted)
    pairs, pairs_kept = len(np.unique(chosen.ordinals)), len(np.unique(kept.ordinals))
    ledger.drop("no_negatives" if options.too_few == "keep" else "too_few_negatives", pairs - pairs_kept)
    if options.band:
        ledger.count("bands left empty of pairs that are kept", pairs_kept * len(options.band) - len(kept.ordinals))
    if len(options.retriever) > 1:
        for number, name in list(enumerate(finder_words(options.retriever)))[1:]:
            ledger.count(f"negatives: found by {name}", int((kept.finders == number).sum()))
    if options.needs_encoder:
        ledger.observe("positive_similarity", kept.positive_similarities)
        ledger.observe("negative_similarity", kept.similarities[kept.negatives != NONE])
    return kept


STEP = Step(
    name="mine-negatives",
    run=mine_negatives,
    options=MineNegativesOptions,
    inputs={
        "pairs": Input("Anchors and positives.", (PAIR,)),
        "corpus": Input("Texts to take negatives from; the pairs' own positives if not given.", (CORPUS,), False),
        "qrels": Input("Relevance judgements: more positives, by query_id and doc_id.", (QRELS,), False),
    },
    outputs=lambda options: {"corpus": contract_of(options)},
    models={
        "encoder": ModelRole(
            "Measures similarity.", ModelKind.ENCODER, needed=lambda options: bool(options.needs_encoder)
        ),
        "scorer": ModelRole(
            "A cross-encoder that reads what would be chosen; with --max-score or --score-margin.",
            ModelKind.SCORER,
            flag="scorer",
            default=None,
            needed=lambda options: bool(options.needs_scorer),
        ),
    },
    row_wise=RowWise(role="pairs", prepare=prepare, run=mine_rows),
    suffix="negatives",
)
