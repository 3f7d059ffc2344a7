"""How many pairs does a cross-encoder read to check mined negatives, and are they those of reading everything?

    pairforge run recipes/teacher.toml --set output=runs/teacher-snli --set teacher.max_steps=188 \\
        --set nli='["snli_dev.parquet", "counterfactual_train.parquet"]' --set test=snli_test.parquet
    python benchmarks/lazy_rescoring.py runs/teacher-snli/teacher.model

Some texts of Banking77 train, each with another of its intent as positive, all texts as the corpus, MiniLM's 50 nearest
as candidates. A negative may score .28 at most, which about half of the candidates exceed (an NLI model finds little
entailment among bank customers' questions). The lazy way is `mine_negatives` with the cross-encoder; the other way
reads every candidate, then takes the first five that score low enough. Each way is given a cache of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import polars as pl
import typer
from false_negatives import banking, pairs_of

import pairforge as pf
from pairforge.cache import cache_folder
from pairforge.engines.scorers import load_scorer
from pairforge.engines.scores import ScoreStore
from pairforge.execution.step import StepContext
from pairforge.model_files import resolve
from pairforge.models import Floats, ModelKind, PairScorer, TextPair
from pairforge.steps.pair_scores import choose_head, pair_scores

NUM_NEGATIVES = 5
MAX_RANK = 50
MAX_SCORE = 0.28


class Counted:
    """A scorer that remembers what it was made to read."""

    def __init__(self, scorer: PairScorer) -> None:
        self._scorer = scorer
        self.spec, self.labels, self.activation = scorer.spec, scorer.labels, scorer.activation
        self.read: list[TextPair] = []

    def token_counts(self, pairs: Sequence[TextPair]) -> npt.NDArray[np.int64]:
        return self._scorer.token_counts(pairs)

    def logits(self, pairs: Sequence[TextPair]) -> Floats:
        self.read.extend(pairs)
        return self._scorer.logits(pairs)


def mined(
    pairs: pl.DataFrame, texts: pl.DataFrame, scorer: Counted | None, cache: Path, **options: object
) -> pl.DataFrame:
    """A row for each negative, by pair."""
    given = {"max_rank": MAX_RANK, "relative_margin": 0, "too_few": "keep", "output_format": "triplet", **options}
    made = pf.mine_negatives(
        pairs.with_row_index("pair"),
        texts,
        encoder=pf.load_encoder("all-MiniLM-L6-v2"),
        scorer=scorer,
        options=pf.MineNegativesOptions.model_validate(given),
        context=StepContext(cache=cache),
    )
    return made.select("pair", "anchor", "negative")


def lazily(pairs: pl.DataFrame, texts: pl.DataFrame, scorer: Counted, cache: Path) -> pl.DataFrame:
    """As mine_negatives does it."""
    return mined(pairs, texts, scorer, cache, num_negatives=NUM_NEGATIVES, max_score=MAX_SCORE)


def by_reading_everything(pairs: pl.DataFrame, texts: pl.DataFrame, scorer: Counted, cache: Path) -> pl.DataFrame:
    """All candidates first, all their scores then, the choice last."""
    candidates = mined(pairs, texts, None, cache, num_negatives=MAX_RANK)
    asked = list(candidates.select("anchor", "negative").iter_rows())
    logits = ScoreStore(cache / "scores").logits(scorer, asked)
    scores = pair_scores(logits, choose_head(scorer, pf.MineNegativesOptions(max_score=MAX_SCORE)))
    allowed = candidates.filter(pl.Series(scores) <= MAX_SCORE)
    return allowed.group_by("pair", maintain_order=True).head(NUM_NEGATIVES).select(candidates.columns)


def main(
    teacher: Annotated[Path, typer.Argument(help="A cross-encoder's folder.")],
    rows: Annotated[int, typer.Option(help="Pairs mined for.")] = 300,
) -> None:
    """Print the table."""
    texts = banking()
    pairs = pairs_of(texts, 42).head(rows)
    spec = resolve(pf.ModelRequest(name=str(teacher)), ModelKind.SCORER)
    print("| way | pairs read | read twice | negatives | same as the first |", f"|{' --- |' * 5}", sep="\n")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for cache in (one, other):
            # The vectors may be those of earlier runs; the scores may not.
            Path(cache, "vectors").symlink_to(cache_folder() / "vectors")
        ways = {
            "lazily": (lazily, one),
            "lazily, once more": (lazily, one),
            "everything": (by_reading_everything, other),
            "everything, after lazily": (by_reading_everything, one),
        }
        first = None
        for name, (way, cache) in ways.items():
            scorer = Counted(load_scorer(spec))
            made = way(pairs, texts, scorer, Path(cache))
            first = made if first is None else first
            twice = len(scorer.read) - len(set(scorer.read))
            same = "yes" if made.equals(first) else f"but for {len(set(made.rows()) ^ set(first.rows()))}"
            print(f"| {name} | {len(scorer.read):,} | {twice} | {made.height:,} | {same} |", flush=True)


if __name__ == "__main__":
    typer.run(main)
