"""Negatives for pairs: texts of a corpus that an anchor might be taken for, but that are not right for it.

Texts close to the anchor teach more than random ones, and the closest are often right answers that nobody labelled.
So the known ones are never taken, and a margin below the positive leaves out most of the unknown ones. Sources:
Xiong et al. 2021 (ANCE), Moreira et al. 2024 (NV-Retriever: margins below the positive).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pairforge.engines.search import nearest, similarities
from pairforge.engines.tables import VectorTable
from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import Input, ModelRole, RowWise, Step, StepContext
from pairforge.frames import CORPUS, N_TUPLE, PAIR, QRELS, TRIPLET
from pairforge.models import Encoder, Floats, ModelKind, Side
from pairforge.steps.candidates import Candidates, choose
from pairforge.steps.columns import extra_columns
from pairforge.steps.forbidden_rows import NONE, ForbiddenRows, Rows, fill_at_random
from pairforge.steps.known_positives import distinct_texts, judged_positives, known_positives, normal_forms, numbered
from pairforge.steps.mined_formats import Mined, columns_of, contract_of, in_format
from pairforge.steps.mining_options import MineNegativesOptions

__all__ = ["STEP", "MineNegativesOptions", "mine_negatives"]

_DEFAULTS = MineNegativesOptions()
_CANDIDATES_AT_ONCE = 2**20
_EASY_STREAM = 1


def mine_negatives(
    pairs: pl.DataFrame,
    corpus: pl.DataFrame | None = None,
    qrels: pl.DataFrame | None = None,
    *,
    encoder: Encoder | None = None,
    options: MineNegativesOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Give each pair texts of the corpus that are not right for its anchor.

    A text is never its anchor's negative if, after normalisation, it is the anchor itself, a positive of any pair with
    this anchor, the anchor of any pair with this positive, or relevant to the pair's `query_id` by `qrels`. Candidates
    are the distinct texts of the corpus (after normalisation, the first kept); their rank is their true place by
    cosine, known positives included, ties to the lower corpus row. The margins are below the row's own positive.

    Args:
        pairs: anchor, positive; other columns travel. With `qrels`, query_id too.
        corpus: text; with `qrels`, doc_id too. The pairs' own positives if not given.
        qrels: query_id, doc_id, relevance (above 0: relevant).
        encoder: Measures similarity; may be None for strategy "easy" without scores.
        options: How many, how near, in which shape.
        context: The cache for vectors, and where candidates and rows are counted.

    Returns:
        The shape that `options.output_format` names, pairs in their order, negatives nearest first. With scores,
        cosines stand beside them.

    Raises:
        FrameError: the corpus has too few distinct texts, or a column is missing or in the way.
        OptionsError: these options need an encoder, and there is none.
    """
    context = context or StepContext()
    pairs = PAIR.check(pairs, "pairs")
    prepared = prepare(
        pairs,
        None if corpus is None else CORPUS.check(corpus, "corpus"),
        None if qrels is None else QRELS.check(qrels, "qrels"),
        encoder=encoder,
        options=options,
        context=context,
    )
    return mine_rows(pairs, first_row=0, prepared=prepared, options=options, context=context)


@dataclass(frozen=True)
class Vectors:
    """Vectors of unit length, and which of them each pair needs.

    Args:
        anchors: Of the distinct anchors.
        positives: Of the distinct positives.
        corpus: Of the corpus' distinct texts.
        anchor_rows: Each pair's row of `anchors`.
        positive_rows: Each pair's row of `positives`.
    """

    anchors: VectorTable
    positives: VectorTable
    corpus: VectorTable
    anchor_rows: Rows
    positive_rows: Rows


@dataclass(frozen=True)
class Prepared:
    """What the parts of one run of mining share.

    Args:
        texts: The corpus' distinct texts.
        groups: Each pair's group in `forbidden`.
        forbidden: The texts that are never a group's negatives.
        vectors: None if no similarity is looked at.
    """

    texts: pl.Series
    groups: Rows
    forbidden: ForbiddenRows
    vectors: Vectors | None


def prepare(
    pairs: pl.DataFrame,
    corpus: pl.DataFrame | None = None,
    qrels: pl.DataFrame | None = None,
    *,
    encoder: Encoder | None = None,
    options: MineNegativesOptions,
    context: StepContext,
) -> Prepared:
    """Close the known positives and encode every text once; arguments and errors as those of `mine_negatives`."""
    # A trainer would take a negative that travels along for one that was mined.
    sides = (TRIPLET.columns[2], N_TUPLE.columns[2]) if contract_of(options) in (TRIPLET, N_TUPLE) else ()
    earlier = (name for side in sides for name in side.names_in(pairs.columns))
    written = itertools.chain(*columns_of(options), earlier)
    extra_columns(pairs, ("anchor", "positive"), written, "pairs")
    forms = normal_forms(pairs)
    distinct = distinct_texts(pairs, forms, corpus)
    texts = distinct.texts
    if len(texts) <= options.num_negatives:
        raise FrameError(
            f"{'pairs' if corpus is None else 'corpus'}: {len(texts):,} distinct texts are too few to find "
            f"{options.num_negatives} negatives that are not the positive. Give a larger --corpus or a lower "
            "--num-negatives."
        )
    judged = None if qrels is None else judged_positives(pairs, forms, corpus, qrels)
    groups, forbidden = known_positives(forms, distinct, judged)
    vectors = _encoded(pairs, texts, encoder, context) if options.needs_encoder else None
    return Prepared(texts, groups, forbidden, vectors)


def mine_rows(
    rows: pl.DataFrame, *, first_row: int, prepared: Prepared, options: MineNegativesOptions, context: StepContext
) -> pl.DataFrame:
    """The negatives of one part of the pairs, whose first row is number `first_row` (from 0) of all."""
    step = max(1, _CANDIDATES_AT_ONCE // max(options.max_rank, options.num_negatives))
    extra = extra_columns(rows, ("anchor", "positive"), (), "pairs")
    made = []
    with context.progress("mining", rows.height, "pairs") as advance:
        for start in range(0, max(rows.height, 1), step):
            mined = _mined(rows[start : start + step], first_row + start, prepared, options, context.ledger)
            made.append(in_format(mined, extra, options))
            advance(mined.pairs.height)
    return pl.concat(made)


def _encoded(pairs: pl.DataFrame, texts: pl.Series, encoder: Encoder | None, context: StepContext) -> Vectors:
    from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - only where vectors are needed

    if encoder is None:
        raise OptionsError("Strategy 'semi-hard' and scores need an encoder. Name a model, or use strategy 'easy'.")
    anchors, anchor_rows = numbered(pairs["anchor"])
    positives, positive_rows = numbered(pairs["positive"])
    store = VectorStore(context.cache / "vectors")
    # Positives and corpus in one call: their batches are planned together, and what stands in both is encoded once.
    wanted = {Side.QUERY: anchors.to_list(), Side.DOCUMENT: [*positives, *texts]}
    tables = store.tables(encoder, wanted, context.progress)
    corpus = store.tables(encoder, {Side.DOCUMENT: texts.to_list()})
    return Vectors(
        anchors=tables[Side.QUERY].unit(),
        positives=tables[Side.DOCUMENT].unit(),
        corpus=corpus[Side.DOCUMENT].unit(),
        anchor_rows=anchor_rows,
        positive_rows=positive_rows,
    )


def _mined(
    pairs: pl.DataFrame, first_row: int, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger
) -> Mined:
    ordinals = np.arange(first_row, first_row + pairs.height)
    mined = _nothing_yet(pairs, ordinals, prepared, options)
    if options.strategy == "semi-hard":
        mined = _with_semi_hard(mined, ordinals, prepared, options, ledger)
    short = int((mined.negatives == NONE).any(axis=1).sum())
    if options.strategy == "easy" or options.too_few == "pad":
        mined = _filled_at_random(mined, ordinals, prepared, options, ledger)
    _tell_of_short_pairs(mined, short, options, ledger)
    return _kept(mined, options, ledger)


def _nothing_yet(pairs: pl.DataFrame, ordinals: Rows, prepared: Prepared, options: MineNegativesOptions) -> Mined:
    shape = (pairs.height, options.num_negatives)
    own = np.full(pairs.height, np.nan, dtype=np.float32)
    if (vectors := prepared.vectors) is not None:
        anchor_rows, positive_rows = vectors.anchor_rows[ordinals], vectors.positive_rows[ordinals]
        own = similarities(vectors.anchors, anchor_rows, vectors.positives, positive_rows)
    return Mined(pairs, prepared.texts, np.full(shape, NONE), own, np.full(shape, np.nan, dtype=np.float32))


def _with_semi_hard(
    mined: Mined, ordinals: Rows, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger
) -> Mined:
    if prepared.vectors is None:
        return mined
    corpus_rows, found = _retrieved(ordinals, prepared.vectors, options.max_rank)
    known = prepared.forbidden.holds(prepared.groups[ordinals], corpus_rows)
    candidates = Candidates(corpus_rows, found, mined.positive_similarities, known)
    negatives, negative_similarities = choose(candidates, ordinals, options, ledger)
    return replace(mined, negatives=negatives, negative_similarities=negative_similarities)


def _retrieved(ordinals: Rows, vectors: Vectors, max_rank: int) -> tuple[Rows, Floats]:
    """The corpus rows nearest to each pair's anchor and their cosines; an anchor of several pairs is searched once."""
    anchor_rows, places = np.unique(vectors.anchor_rows[ordinals], return_inverse=True)
    asked = VectorTable.of(vectors.anchors.take(anchor_rows))
    found = list(nearest(asked, vectors.corpus, max_rank))
    corpus_rows = np.concatenate([block.corpus_rows for block in found])
    return corpus_rows[places], np.concatenate([block.similarities for block in found])[places]


def _filled_at_random(
    mined: Mined, ordinals: Rows, prepared: Prepared, options: MineNegativesOptions, ledger: Ledger
) -> Mined:
    groups = prepared.groups[ordinals]
    negatives = fill_at_random(
        mined.negatives, groups, prepared.forbidden, seed=options.seed, ordinals=ordinals, stream=_EASY_STREAM
    )
    rows, places = np.nonzero(negatives != mined.negatives)
    ledger.count("negatives: drawn at random", len(rows))
    cosines = mined.negative_similarities.copy()
    if (vectors := prepared.vectors) is not None:
        anchor_rows = vectors.anchor_rows[ordinals[rows]]
        cosines[rows, places] = similarities(vectors.anchors, anchor_rows, vectors.corpus, negatives[rows, places])
    return replace(mined, negatives=negatives, negative_similarities=cosines)


def _tell_of_short_pairs(mined: Mined, short: int, options: MineNegativesOptions, ledger: Ledger) -> None:
    if options.strategy == "easy":
        short = int((mined.negatives == NONE).any(axis=1).sum())
    if not short:
        return
    ledger.count("pairs short of negatives", short)
    mend = "raise --max-rank, lower the margin or " if options.strategy == "semi-hard" else ""
    ledger.note(f"Some pairs found too few negatives: {mend}give a larger --corpus.")


def _kept(mined: Mined, options: MineNegativesOptions, ledger: Ledger) -> Mined:
    wanted = 1 if options.too_few == "keep" else options.num_negatives
    enough = (mined.negatives != NONE).sum(axis=1) >= wanted
    reason = "no_negatives" if options.too_few == "keep" else "too_few_negatives"
    ledger.drop(reason, int((~enough).sum()))
    kept = mined.only(np.flatnonzero(enough))
    if options.needs_encoder:
        ledger.observe("positive_similarity", kept.positive_similarities)
        ledger.observe("negative_similarity", kept.negative_similarities[kept.negatives != NONE])
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
        )
    },
    row_wise=RowWise(role="pairs", prepare=prepare, run=mine_rows),
    suffix="negatives",
)
