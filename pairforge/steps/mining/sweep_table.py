"""The table of a sweep: its contract, the setting that is marked as the best, and how a terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from polars import selectors

from pairforge.execution.ledger import Ledger
from pairforge.frames import Column, ColumnKind, FrameContract
from pairforge.steps.mining.sweep_options import SWEPT, SweepNegativesOptions

OPTION_COLUMNS = ("num_negatives", *SWEPT)
"""The columns that are options of mine-negatives, by their names."""

_WHOLE = ("num_negatives", "clusters", "max_uses", "max_rank", "min_rank", "rows_kept", "judged")
_DECIMALS = 6

SWEEP = FrameContract(
    "sweep of negatives",
    (
        Column("num_negatives", ColumnKind.LABEL, 1),
        Column("min_rank", ColumnKind.LABEL, 1),
        Column("max_rank", ColumnKind.LABEL, 1),
        Column("rows_kept", ColumnKind.LABEL, 0),
        Column("kept", ColumnKind.SCORE, 0, 1),
    ),
)
"""A row a setting; columns that may be null stand beside these."""


def with_best(rows: Sequence[Mapping[str, object]], options: SweepNegativesOptions) -> pl.DataFrame:
    """The rows as a table, with a column `best`: true for the nearest negatives that are sure enough and enough."""
    schema = {name: pl.Int64() if name in _WHOLE else pl.Float64() for name in rows[0]}
    table = pl.DataFrame(rows, schema=schema).with_columns(selectors.float().round(_DECIMALS))
    eligible = (pl.col("kept") >= options.min_kept) & (pl.col("false_high") <= options.max_false_rate)
    best = table.select(pl.when(eligible).then("mean_similarity").arg_max()).item()
    return table.with_columns(best=pl.int_range(pl.len()) == (-1 if best is None else best))


def tell_of_best(table: pl.DataFrame, num_judged: int | None, options: SweepNegativesOptions, ledger: Ledger) -> None:
    """Name the best setting, or say why there is none.

    Args:
        table: What `with_best` gave.
        num_judged: Anchors judged; None if nothing judges.
        options: The bounds of the best.
        ledger: Where it is noted.
    """
    if num_judged is None:
        ledger.note("Nothing judges the negatives: name a --label-column, or a --scorer with --false-score.")
        return
    ledger.count("anchors judged", num_judged)
    wanted = f"a false share of {options.max_false_rate:g} at most ({options.confidence:.0%} sure)"
    wanted += f" and {options.min_kept:.0%} of the pairs kept"
    best = table.filter("best")
    if best.is_empty():
        ledger.note(f"No setting has {wanted}: try higher --min-rank, --clusters, or a larger --sample.")
        return
    row = best.row(0, named=True)
    flags = " ".join(f"--{name.replace('_', '-')} {row[name]:g}" for name in OPTION_COLUMNS if row[name] is not None)
    ledger.note(
        f"The nearest negatives with {wanted}: mine-negatives {flags} (false {row['false_rate']:.3f}, "
        f"{row['false_low']:.3f} to {row['false_high']:.3f}; mean cosine {row['mean_similarity']:.3f})."
    )


def shown_rows(table: pl.DataFrame) -> list[dict[str, str]]:
    """Heading → text for each setting: what differs between settings, and what came of them."""
    swept = [name for name in OPTION_COLUMNS if table[name].n_unique() > 1]
    judged = table["false_rate"].is_not_null().any()
    return [
        {name.replace("_", " "): _word(row[name]) for name in swept}
        | {"rows kept": f"{row['rows_kept']:,}", "cosine": _share(row["mean_similarity"])}
        | ({"false": _interval(row)} if judged else {})
        | {"": "best" if row["best"] else ""}
        for row in table.iter_rows(named=True)
    ]


def _word(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _interval(row: Mapping[str, float | None]) -> str:
    return f"{_share(row['false_rate'])} ({_share(row['false_low'])} to {_share(row['false_high'])})"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
