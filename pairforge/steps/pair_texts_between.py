"""Two texts of a corpus: mutual nearest neighbours, and the random pairs of contrastive tension."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from pairforge.engines.search import nearest
from pairforge.engines.shards import save_array
from pairforge.engines.tables import VectorTable
from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import Ledger
from pairforge.execution.step import StepContext
from pairforge.models import Encoder, Floats, Side
from pairforge.steps.forbidden_rows import NONE, ForbiddenRows, Rows, fill_at_random
from pairforge.steps.pair_texts_options import PairTextsOptions
from pairforge.steps.pair_texts_within import SOURCE_ROW

PARTNER_ROW = "partner_row"
SIMILARITY = "similarity"

_ROWS_AT_ONCE = 16_384
Found = npt.NDArray[np.void]
"""Rows and similarities of neighbours, side by side."""
_FOUND = np.dtype([("row", np.int64), ("similarity", np.float32)])


@dataclass(frozen=True)
class Pool:
    """The distinct texts of the whole input, among which partners are found.

    Args:
        texts: The texts.
        source_rows: The input row each stands in, ascending, int64 (texts,).
        nearest: For each, the nearest others in this pool, best first, int64 (texts, k); empty unless asked for.
        similarities: Their cosines, float32 (texts, k).
    """

    texts: pl.Series
    source_rows: Rows
    nearest: Rows
    similarities: Floats

    def places(self, source_rows: pl.Series) -> Rows:
        """Where the texts of these input rows stand."""
        return np.searchsorted(self.source_rows, source_rows.to_numpy())


NOBODY = Pool(
    pl.Series(dtype=pl.String),
    np.empty(0, dtype=np.int64),
    np.empty((0, 0), dtype=np.int64),
    np.empty((0, 0), dtype=np.float32),
)
"""Of a way of pairing whose rows need no other."""


def pool_of(
    texts: pl.Series,
    source_rows: pl.Series,
    *,
    encoder: Encoder | None,
    options: PairTextsOptions,
    context: StepContext,
) -> Pool:
    """The texts that partners are found among, with their nearest neighbours where pairs are made by them.

    Raises:
        FrameError: there are too few.
        OptionsError: neighbours are wanted, and there is no encoder.
    """
    rows = source_rows.cast(pl.Int64).to_numpy()
    others = options.random_pairs if options.by == "tension" else 1
    if len(texts) <= others:
        mend = "Give more texts or a lower --random-pairs." if options.by == "tension" else "Give more texts."
        raise FrameError(
            f"texts: at least {others + 1:,} distinct texts are needed to pair each with others (found: "
            f"{len(texts):,}). {mend}"
        )
    nobody = np.empty((len(texts), 0), dtype=_FOUND)
    found = _nearest_others(texts, encoder, options, context) if options.by == "nearest" else nobody
    return Pool(texts, rows, found["row"], found["similarity"])


def _nearest_others(
    texts: pl.Series, encoder: Encoder | None, options: PairTextsOptions, context: StepContext
) -> Found:
    from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - only where vectors are needed

    if encoder is None:
        raise OptionsError("Nearest neighbours need an encoder. Name a model.")
    # The query side, for both: of models with two, it is the one for texts of equal standing.
    tables = VectorStore(context.cache / "vectors").tables(encoder, {Side.QUERY: texts.to_list()}, context.progress)
    vectors, found = tables[Side.QUERY].unit(), []
    with context.progress("searching", len(vectors), "texts") as advance:
        for start in range(0, len(vectors), _ROWS_AT_ONCE):
            rows = range(start, min(start + _ROWS_AT_ONCE, len(vectors)))
            found.append(_kept(context.workspace, vectors, rows, options.top_k))
            advance(len(rows))
    return np.concatenate(found)


def _kept(workspace: Path | None, vectors: VectorTable, rows: range, k: int) -> Found:
    """The nearest others of some rows: as an earlier run that was stopped found them, or found now."""
    file = workspace / f"nearest-{rows.start}.npy" if workspace else None
    if file and file.exists():
        kept: Found = np.load(file, allow_pickle=False)
        return kept
    found = _nearest_to(vectors, rows, k)
    if file:
        save_array(file, found, "neighbours")
    return found


def _nearest_to(vectors: VectorTable, rows: range, k: int) -> Found:
    blocks = list(nearest(vectors, vectors, k + 1, rows=rows))
    corpus_rows = np.concatenate([block.corpus_rows for block in blocks])
    # A text is not always its own nearest: equal vectors go by row, and a zero vector is near to none.
    itself = corpus_rows == np.asarray(rows)[:, None]
    others = np.argsort(itself, axis=1, kind="stable")[:, : min(k, len(vectors) - 1)]
    found = np.empty(others.shape, dtype=_FOUND)
    found["row"] = np.take_along_axis(corpus_rows, others, axis=1)
    found["similarity"] = np.take_along_axis(np.concatenate([block.similarities for block in blocks]), others, axis=1)
    return found


def mutual_neighbours(rows: pl.DataFrame, pool: Pool, options: PairTextsOptions, ledger: Ledger) -> pl.DataFrame:
    """A pair for each two texts that are among each other's nearest; the one in the earlier row is the anchor.

    Args:
        rows: Some rows of the input, with `source_row`.
        pool: All texts.
        options: How near they must be.
        ledger: Counts the rows that are in no pair, as anchor or as positive, and observes similarities.
    """
    places = pool.places(rows[SOURCE_ROW])
    partners, similarities = pool.nearest[places], pool.similarities[places]
    near = similarities >= options.min_similarity
    if options.max_similarity is not None:
        near &= similarities <= options.max_similarity
    mutual = near & np.stack([_finds(pool, partners[:, rank], places) for rank in range(partners.shape[1])], axis=1)
    ledger.drop("no_near_text", int((~near.any(axis=1)).sum()))
    ledger.drop("not_mutual", int((near.any(axis=1) & ~mutual.any(axis=1)).sum()))
    chosen, ranks = np.nonzero(mutual & (partners > places[:, None]))
    found, cosines = partners[chosen, ranks], similarities[chosen, ranks]
    ledger.observe("pair_similarity", cosines)
    return rows[chosen].with_columns(
        pl.col("text").alias("anchor"),
        pool.texts.gather(found).alias("positive"),
        pl.Series(PARTNER_ROW, pool.source_rows[found]),
        pl.Series(SIMILARITY, cosines),
    )


def _finds(pool: Pool, seekers: Rows, sought: Rows) -> npt.NDArray[np.bool_]:
    """Whether each seeker has the sought text beside it among its nearest, shape (rows,)."""
    found: npt.NDArray[np.bool_] = (pool.nearest[seekers] == sought[:, None]).any(axis=1)
    return found


def tension(rows: pl.DataFrame, pool: Pool, options: PairTextsOptions) -> pl.DataFrame:
    """Each text with itself, label 1, then with random others, label 0. Source: Carlsson et al. 2021.

    Args:
        rows: Some rows of the input, with `source_row`.
        pool: All texts.
        options: How many random pairs.
    """
    places, numbers = pool.places(rows[SOURCE_ROW]), np.arange(rows.height)
    ordinals = rows[SOURCE_ROW].to_numpy()
    drawn = random_others(places, ordinals, len(pool.texts), number=options.random_pairs, seed=options.seed)
    partners = np.hstack((places[:, None], drawn)).ravel()
    repeated = rows[np.repeat(numbers, 1 + options.random_pairs)]
    return repeated.with_columns(
        pl.col("text").alias("sentence1"),
        pool.texts.gather(partners).alias("sentence2"),
        pl.Series(PARTNER_ROW, pool.source_rows[partners]),
    ).with_columns(label=(pl.col(SOURCE_ROW) == pl.col(PARTNER_ROW)).cast(pl.Int64))


def random_others(places: Rows, ordinals: Rows, num_texts: int, *, number: int, seed: int) -> Rows:
    """Places of other texts, drawn evenly, for each text; -1 where there is no further one; shape (rows, number).

    Args:
        places: Where the texts stand among all, shape (rows,).
        ordinals: The row of each in the input; with the seed, it decides the draws; shape (rows,).
        num_texts: How many there are in all.
        number: How many others each gets.
        seed: The seed.
    """
    numbers = np.arange(len(places))
    nothing = np.full((len(places), number), NONE)
    itself = ForbiddenRows.of(numbers, places, num_texts)
    return fill_at_random(nothing, numbers, itself, seed=seed, ordinals=ordinals)
