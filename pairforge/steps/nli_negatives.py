"""A negative for each entailed hypothesis: a contradicted one of the same premise, or a random one of another."""

from __future__ import annotations

import numpy as np
import polars as pl

from pairforge.steps.forbidden_rows import NONE, ForbiddenRows, fill_at_random

ROW = "__row"
PREMISE_KEY = "__premise"
HYPOTHESIS_KEY = "__hypothesis"
NEGATIVE_KEY = "__negative"
NEGATIVE_ROW = "__negative_row"

_PLACE = "__place"


def known_positives(rows: pl.DataFrame) -> pl.DataFrame:
    """Both directions of every entailed pair of normalised texts; the keys' columns, each pair once."""
    entailed = rows.filter(pl.col("label") == 0).select(PREMISE_KEY, HYPOTHESIS_KEY)
    return pl.concat([entailed, _turned_keys(entailed)]).unique(maintain_order=True)


def without_negatives(positives: pl.DataFrame) -> pl.DataFrame:
    """The rows with their negative's columns still empty."""
    empty = pl.lit(None, pl.String)
    return positives.with_columns(
        empty.alias("negative"), empty.alias(NEGATIVE_KEY), pl.lit(None, pl.Int64).alias(NEGATIVE_ROW)
    )


def with_contradictions(positives: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Add `negative`, its normalised form and the row it comes from; null where the premise contradicts nothing.

    Args:
        positives: Distinct entailed rows.
        rows: All labelled rows.
    """
    contradicted = _contradictions(rows)
    sizes = contradicted.group_by(PREMISE_KEY).agg(pl.len().cast(pl.Int64).alias("__size"))
    places = positives.with_columns(pl.int_range(pl.len()).over(PREMISE_KEY).alias(_PLACE)).join(
        sizes, on=PREMISE_KEY, how="left", maintain_order="left"
    )
    return (
        places.with_columns(pl.col(_PLACE) % pl.col("__size"))
        .join(contradicted, on=(PREMISE_KEY, _PLACE), how="left", maintain_order="left")
        .drop(_PLACE, "__size")
    )


def with_random_hypotheses(found: pl.DataFrame, rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Fill each missing `negative` with a hypothesis drawn from all those of other premises.

    Never a text that is the premise or the positive, is entailed by or entails either, or stands as a hypothesis of
    either, whatever its label. The seed and the row's ordinal decide the draw. Null remains where nothing is left.
    """
    pool = rows.unique(HYPOTHESIS_KEY, keep="first", maintain_order=True)
    lacking = found.filter(pl.col("negative").is_null())
    ordinals = lacking[ROW].to_numpy()
    drawn = fill_at_random(
        np.full((lacking.height, 1), NONE),
        np.arange(lacking.height),
        _forbidden(lacking, pool, rows),
        seed=seed,
        ordinals=ordinals,
    )[:, 0]
    picks = pl.Series("__pick", drawn).replace(NONE, None)
    filled = lacking.with_columns(
        pool["hypothesis"].gather(picks).alias("negative"),
        pool[HYPOTHESIS_KEY].gather(picks).alias(NEGATIVE_KEY),
        pool[ROW].gather(picks).alias(NEGATIVE_ROW),
    )
    return found.update(filled.select(ROW, "negative", NEGATIVE_KEY, NEGATIVE_ROW), on=ROW)


def _contradictions(rows: pl.DataFrame) -> pl.DataFrame:
    """Each premise's distinct contradicted hypotheses, numbered from 0, but its known positives and itself."""
    return (
        rows.filter((pl.col("label") == 2) & (pl.col(PREMISE_KEY) != pl.col(HYPOTHESIS_KEY)))
        .unique((PREMISE_KEY, HYPOTHESIS_KEY), keep="first", maintain_order=True)
        .join(known_positives(rows), on=(PREMISE_KEY, HYPOTHESIS_KEY), how="anti", maintain_order="left")
        .select(
            PREMISE_KEY,
            pl.int_range(pl.len()).over(PREMISE_KEY).alias(_PLACE),
            pl.col("hypothesis").alias("negative"),
            pl.col(HYPOTHESIS_KEY).alias(NEGATIVE_KEY),
            pl.col(ROW).alias(NEGATIVE_ROW),
        )
    )


def _forbidden(lacking: pl.DataFrame, pool: pl.DataFrame, rows: pl.DataFrame) -> ForbiddenRows:
    """For each row, the pool's hypotheses that it must not be given; its group is its place in `lacking`."""
    said = rows.select(PREMISE_KEY, HYPOTHESIS_KEY)
    itself = pl.concat([said.select(PREMISE_KEY), said.select(pl.col(HYPOTHESIS_KEY).alias(PREMISE_KEY))])
    related = pl.concat(
        [said, known_positives(rows), itself.with_columns(pl.col(PREMISE_KEY).alias(HYPOTHESIS_KEY))]
    ).unique()
    numbered = lacking.select(PREMISE_KEY, HYPOTHESIS_KEY, pl.int_range(pl.len()).alias("__group"))
    sides = [numbered.select("__group", pl.col(key).alias(PREMISE_KEY)) for key in (PREMISE_KEY, HYPOTHESIS_KEY)]
    found = (
        pl.concat(sides)
        .join(related, on=PREMISE_KEY)
        .join(pool.select(HYPOTHESIS_KEY, pl.int_range(pl.len()).alias("__pool_row")), on=HYPOTHESIS_KEY)
    )
    return ForbiddenRows.of(found["__group"], found["__pool_row"], pool.height)


def _turned_keys(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.select(pl.col(HYPOTHESIS_KEY).alias(PREMISE_KEY), pl.col(PREMISE_KEY).alias(HYPOTHESIS_KEY))
