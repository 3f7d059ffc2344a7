"""How many mined negatives are false, and does a sweep over settings know it from few judgements?

    python benchmarks/false_negatives.py
    python benchmarks/false_negatives.py --seeds 5 --quiet

Each text of Banking77 train is paired with one random text of its intent; all texts are the corpus. A negative of the
anchor's intent is false. The miner never sees intents: `sweep_negatives` is shown those of 300 anchors' negatives and
chooses a setting; what the setting truly gives is then counted with all intents, on negatives that `mine_negatives`
mined. Beside it stand the five nearest texts as they come, and an oracle to whom all intents are told.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

import pairforge as pf
from pairforge.randomness import row_uniforms

NUM_NEGATIVES = 5
CLUSTERS = ("none", 20, 40, 60, 80)
MIN_RANKS = (1, 10, 20, 30, 50, 70, 100, 140)
MAX_RANK = 400
REVEALED = 300
MOST_FALSE = 0.22


def banking() -> pl.DataFrame:
    """The texts and intents of Banking77 train."""
    folder = Path(os.environ.get("PAIRFORGE_TEST_DATA", Path(__file__).parent / "../../shared/data"))
    return pl.read_parquet(folder / "banking77" / "train.parquet").select("text", intent="category")


def pairs_of(texts: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Each text with a random one of its intent, never itself: its successor in a random order of the intent."""
    shuffled = texts.with_columns(key=row_uniforms(seed, range(texts.height), 0)).sort("key")
    following = pl.col("text").shift(-1).fill_null(pl.col("text").first()).over("intent")
    return shuffled.select("intent", anchor="text", positive=following)


def sweep(pairs: pl.DataFrame, texts: pl.DataFrame, seed: int, sample: int) -> pl.DataFrame:
    """The table of all settings, judged on the negatives of so many anchors."""
    options = pf.SweepNegativesOptions(
        num_negatives=NUM_NEGATIVES,
        min_rank=MIN_RANKS,
        max_rank=(MAX_RANK,),
        relative_margin=(0.0,),
        clusters=CLUSTERS,
        label_column="intent",
        sample=sample,
        max_false_rate=MOST_FALSE,
        min_kept=1.0,
        seed=seed,
    )
    return pf.sweep_negatives(pairs, texts, encoder=pf.load_encoder("all-MiniLM-L6-v2"), options=options)


def counted(pairs: pl.DataFrame, texts: pl.DataFrame, **options: object) -> tuple[int, float, float]:
    """Rows kept, false share and mean similarity of what `mine_negatives` mines with these options."""
    mined = pf.mine_negatives(
        pairs,
        texts,
        encoder=pf.load_encoder("all-MiniLM-L6-v2"),
        options=pf.MineNegativesOptions.model_validate(
            {"num_negatives": NUM_NEGATIVES, "relative_margin": 0, "with_scores": True, **options}
        ),
    )
    places = [f"negative_{place}" for place in range(1, NUM_NEGATIVES + 1)]
    intents = texts.group_by("text").agg(pl.col("intent").unique())
    negatives = mined.select("intent", pl.concat_list(places).alias("text")).explode("text").join(intents, on="text")
    false = negatives.select(pl.col("intent_right").list.contains(pl.col("intent")).mean()).item()
    return mined.height, false, mined["negative_similarities"].explode().cast(pl.Float64).mean()


def settings_table(estimated: pl.DataFrame, true: pl.DataFrame) -> tuple[list[str], float]:
    """A line a setting, and the share of settings whose interval holds the truth."""
    both = estimated.with_columns(truth=true["false_rate"]).with_columns(
        held=pl.col("truth").is_between("false_low", "false_high")
    )
    lines = [
        f"| {row['clusters'] or 'none'} | {row['min_rank']} | {row['rows_kept']:,} | {row['mean_similarity']:.3f} | "
        f"{row['false_rate']:.3f} ({row['false_low']:.3f} to {row['false_high']:.3f}) | {row['truth']:.3f} | "
        f"{'yes' if row['held'] else 'no'}{', chosen' if row['best'] else ''} |"
        for row in both.iter_rows(named=True)
    ]
    return lines, both["held"].mean()


def mined_table(pairs: pl.DataFrame, texts: pl.DataFrame, estimated: pl.DataFrame, seed: int) -> list[str]:
    """What the chosen setting, none at all and the oracle truly give."""
    chosen = estimated.row(by_predicate=pl.col("best"), named=True)
    setting = {name: chosen[name] for name in ("clusters", "min_rank", "max_rank")}
    ways = {
        "the five nearest": {},
        f"chosen: {', '.join(f'{name} {value}' for name, value in setting.items() if value)}": setting | {"seed": seed},
        "oracle: all intents told": {"group_column": "intent", "max_rank": MAX_RANK},
    }
    found = {name: counted(pairs, texts, **options) for name, options in ways.items()}
    return [f"| {name} | {rows:,} | {false:.3f} | {near:.3f} |" for name, (rows, false, near) in found.items()]


def show(headings: Sequence[str], lines: Sequence[str]) -> None:
    """A table in Markdown."""
    print("", f"| {' | '.join(headings)} |", f"|{' --- |' * len(headings)}", *lines, sep="\n")


def main(
    seeds: Annotated[int, typer.Option(help="Times that pairs, clusters and the sample are drawn anew.")] = 1,
    quiet: Annotated[bool, typer.Option(help="Leave out the tables of all settings.")] = False,
) -> None:
    """Print the tables."""
    texts = banking()
    shares = []
    for seed in range(42, 42 + seeds):
        pairs = pairs_of(texts, seed)
        estimated, true = (sweep(pairs, texts, seed, sample) for sample in (REVEALED, texts.height))
        lines, held = settings_table(estimated, true)
        shares.append(held)
        print(f"\nSeed {seed}: the interval holds the true share for {held:.1%} of {len(lines)} settings.")
        if not quiet:
            show(["clusters", "min rank", "rows", "similarity", "estimated (95%)", "true", "held"], lines)
        show(["negatives", "rows of 10,003", "false", "similarity"], mined_table(pairs, texts, estimated, seed))
    print(f"\nOver {seeds} seeds the intervals hold the true share for {sum(shares) / seeds:.1%} of the settings.")


if __name__ == "__main__":
    typer.run(main)
