"""Positives without labels: pairs from what a corpus of plain texts says by itself.

Sources: Gao et al. 2021 (SimCSE: twins), Izacard et al. 2022 (Contriever: crops), Lee et al. 2019 (inverse cloze
task), Carlsson et al. 2021 (contrastive tension).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pairforge.execution.ledger import DROP_REASON, Ledger
from pairforge.execution.step import Input, ModelRole, RowWise, Step, StepContext
from pairforge.frames import LABELLED_PAIR, PAIR, TEXT, FrameContract
from pairforge.models import Encoder, ModelKind
from pairforge.steps.columns import extra_columns
from pairforge.steps.pair_texts_between import (
    NOBODY,
    PARTNER_ROW,
    SIMILARITY,
    Pool,
    mutual_neighbours,
    pool_of,
    tension,
)
from pairforge.steps.pair_texts_fields import FIELDS, fields, without_repeated_anchors
from pairforge.steps.pair_texts_options import PairTextsOptions
from pairforge.steps.pair_texts_within import SOURCE_ROW, WITHIN, pairs_within
from pairforge.text import normalised

__all__ = ["STEP", "PairTextsOptions", "pair_texts"]


def pair_texts(
    texts: pl.DataFrame,
    *,
    encoder: Encoder | None = None,
    options: PairTextsOptions,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Make pairs of plain texts, or of two columns that belong together.

    Empty texts, and texts (for fields: pairs) that are an earlier one after normalisation, are dropped. Of a pair,
    the halves differ after normalisation, but for twins and the identical pairs of tension. Other columns travel, from
    the anchor's row.

    Args:
        texts: text; for `by="fields"` anchor and positive.
        encoder: Measures similarity, for `by="nearest"`; else not needed.
        options: What makes a pair.
        context: The cache for vectors, and where dropped rows are counted.

    Returns:
        Pairs, for `by="tension"` labelled pairs, in the order of their anchors' rows, with `source_row`, the ordinal of
        the anchor's row in the input, from 0. Where two rows meet, also `partner_row`; for `by="nearest"` their
        cosine, `similarity`.

    Raises:
        FrameError: a column is missing or in the way, or there are too few texts.
        OptionsError: the way needs an encoder, and there is none.
    """
    context = context or StepContext()
    given = _WAYS[options.by].reads.check(texts, "texts")
    prepared = prepare(given, encoder=encoder, options=options, context=context)
    return pair_rows(given, first_row=0, prepared=prepared, options=options, context=context)


@dataclass(frozen=True)
class Prepared:
    """What the parts of one run share.

    Args:
        drop_reasons: Why a row of the whole input can be in no pair; null where it can.
        pool: The texts that partners are found among; empty where a row needs no other.
    """

    drop_reasons: pl.Series
    pool: Pool


def prepare(
    texts: pl.DataFrame, *, encoder: Encoder | None = None, options: PairTextsOptions, context: StepContext
) -> Prepared:
    """Find empty and repeated texts, and where pairs join two rows, who is near whom; errors as of `pair_texts`."""
    way = _WAYS[options.by]
    extra_columns(texts, way.columns_read, [*way.columns_made, *way.adds, DROP_REASON], "texts")
    reasons = _drop_reasons(_as_paired(texts, options), way.columns_read)
    if not way.joins_rows:
        return Prepared(reasons, NOBODY)
    kept = reasons.is_null().arg_true()
    pool = pool_of(texts["text"].gather(kept), kept, encoder=encoder, options=options, context=context)
    return Prepared(reasons, pool)


def pair_rows(
    rows: pl.DataFrame, *, first_row: int, prepared: Prepared, options: PairTextsOptions, context: StepContext
) -> pl.DataFrame:
    """The pairs of one part of the rows, whose first is number `first_row` (from 0) of all."""
    way = _WAYS[options.by]
    extra = extra_columns(rows, way.columns_read, (), "texts")
    numbered = _as_paired(rows, options).with_columns(
        pl.int_range(first_row, first_row + rows.height, dtype=pl.Int64).alias(SOURCE_ROW),
        prepared.drop_reasons.slice(first_row, rows.height).alias(DROP_REASON),
    )
    kept = context.ledger.keep_unflagged(numbered)
    paired = way.pair(kept, prepared.pool, options, context.ledger)
    return paired.select(*way.columns_made, *extra, *way.adds)


def _as_paired(texts: pl.DataFrame, options: PairTextsOptions) -> pl.DataFrame:
    return without_repeated_anchors(texts) if options.cut_anchor else texts


def _drop_reasons(texts: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Why a row can be in no pair: a text is empty, both columns say the same, or an earlier row said it."""
    forms = texts.select(normalised(name).alias(name) for name in columns)
    first, last = pl.col(columns[0]), pl.col(columns[-1])
    reason = (
        pl.when((first == "") | (last == ""))
        .then(pl.lit("empty_text"))
        .when((first == last) & (len(columns) > 1))
        .then(pl.lit("identical_halves"))
        .when(~pl.struct(columns).is_first_distinct())
        .then(pl.lit("duplicate"))
    )
    return forms.select(reason.alias(DROP_REASON))[DROP_REASON]


@dataclass(frozen=True)
class _Way:
    """A way of pairing.

    Args:
        pair: Called as `pair(rows, pool, options, ledger)`.
        reads: What the input must hold.
        makes: The shape of the output.
        adds: Columns of the output behind those that travel.
    """

    pair: Callable[[pl.DataFrame, Pool, PairTextsOptions, Ledger], pl.DataFrame]
    reads: FrameContract = TEXT
    makes: FrameContract = PAIR
    adds: tuple[str, ...] = (SOURCE_ROW,)

    @property
    def joins_rows(self) -> bool:
        return PARTNER_ROW in self.adds

    @property
    def columns_read(self) -> list[str]:
        return [column.name for column in self.reads.columns]

    @property
    def columns_made(self) -> list[str]:
        return [column.name for column in self.makes.columns]


def _twins(texts: pl.DataFrame) -> pl.DataFrame:
    return texts.with_columns(anchor="text", positive="text")


_WAYS: Mapping[str, _Way] = {
    "twins": _Way(lambda rows, pool, options, ledger: _twins(rows)),
    **dict.fromkeys(WITHIN, _Way(lambda rows, pool, options, ledger: pairs_within(rows, options, ledger))),
    "fields": _Way(lambda rows, pool, options, ledger: fields(rows, options, ledger), reads=FIELDS),
    "nearest": _Way(mutual_neighbours, adds=(SOURCE_ROW, PARTNER_ROW, SIMILARITY)),
    "tension": _Way(
        lambda rows, pool, options, ledger: tension(rows, pool, options),
        makes=LABELLED_PAIR,
        adds=(SOURCE_ROW, PARTNER_ROW),
    ),
}


STEP = Step(
    name="pair-texts",
    run=pair_texts,
    options=PairTextsOptions,
    inputs={
        "texts": Input(
            "Plain texts; for --by fields, two columns of text.",
            (TEXT, FIELDS),
            many=True,
            shapes_for=lambda options: (_WAYS[options.by].reads,),
        )
    },
    outputs=lambda options: {"corpus": _WAYS[options.by].makes},
    models={
        "encoder": ModelRole(
            "Measures similarity, for --by nearest.", ModelKind.ENCODER, needed=lambda options: options.by == "nearest"
        )
    },
    row_wise=RowWise(role="texts", prepare=prepare, run=pair_rows),
    suffix=lambda options: str(options.by),
)
