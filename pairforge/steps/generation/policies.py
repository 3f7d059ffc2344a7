"""What becomes of judged rows: each policy takes rows and the verdicts on their texts, and drops nothing uncounted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from pairforge.execution.ledger import DROP_REASON, Ledger

PolicyName = Literal["keep", "drop", "mask", "relabel"]
APART: tuple[PolicyName, ...] = ("mask", "relabel")
"""The policies that leave triplets, for the negatives that are left of a tuple may be any number."""


@dataclass(frozen=True)
class JudgedRows:
    """Rows of a corpus, and what was said of their judged texts.

    Args:
        rows: The rows.
        texts: The judged columns: positive, negative, or negative_1 … negative_n.
        verdicts: Verdict columns, a line for each judged text, those of a row one below the other.
    """

    rows: pl.DataFrame
    texts: Sequence[str]
    verdicts: pl.DataFrame

    @property
    def _judges_positives(self) -> bool:
        return list(self.texts) == ["positive"]

    def annotated(self) -> pl.DataFrame:
        """The rows with the verdicts beside them, in lists where several texts of a row were judged."""
        if len(self.texts) == 1:
            return pl.concat([self.rows, self.verdicts], how="horizontal")
        lines = self.verdicts.with_columns(__row=pl.int_range(pl.len()) // len(self.texts))
        listed = lines.group_by("__row", maintain_order=True).agg(pl.all()).drop("__row")
        return pl.concat([self.rows, listed], how="horizontal")

    def settled(self, policy: PolicyName, ledger: Ledger) -> pl.DataFrame:
        """The rows as a policy leaves them."""
        judged = "positives" if self._judges_positives else "negatives"
        relevant = self.verdicts["relevant"]
        ledger.count(f"{judged} found relevant", int(relevant.sum() or 0))
        ledger.count(f"{judged} without a verdict", relevant.null_count())
        if policy == "keep":
            return self.annotated()
        if policy == "drop":
            return ledger.keep_unflagged(self.annotated().with_columns(self._reasons().alias(DROP_REASON)))
        return self._triplets(policy == "relabel", ledger)

    def _reasons(self) -> pl.Series:
        lines = self.verdicts.select("relevant", row=pl.int_range(pl.len()) // len(self.texts))
        of_rows = lines.group_by("row", maintain_order=True).agg(
            any_relevant=pl.col("relevant").fill_null(False).any(), unknown=pl.col("relevant").null_count() > 0
        )
        right = pl.when("any_relevant").then(pl.lit("a negative is relevant"))
        unknown = right.when("unknown").then(pl.lit("a negative has no verdict"))
        if self._judges_positives:
            unknown = (
                pl.when("unknown").then(pl.lit("no verdict")).when(~pl.col("any_relevant")).then(pl.lit("not relevant"))
            )
        return of_rows.select(reason=unknown)["reason"]

    def _triplets(self, relabel: bool, ledger: Ledger) -> pl.DataFrame:
        """A row for each negative that was found wrong; with relabel those found right are positives too."""
        number, relevant = len(self.texts), self.verdicts["relevant"].to_list()
        rows, lines, positives, told = [], [], [], []
        columns = [self.rows[name].to_list() for name in ("positive", *self.texts)]
        for row in range(self.rows.height):
            wrong = [place for place in range(number) if relevant[row * number + place] is False]
            right = [place for place in range(number) if relevant[row * number + place] is True] if relabel else []
            for positive in [0, *(place + 1 for place in right)]:
                rows += [row] * len(wrong)
                lines += [row * number + place for place in wrong]
                positives += [columns[positive][row]] * len(wrong)
                told += [positive > 0] * len(wrong)
            ledger.drop("no negative is left", not wrong)
            ledger.count("positives gained", len(right) if wrong else 0)
        extra = [name for name in self.rows.columns if name not in ("anchor", "positive", *self.texts)]
        negatives = pl.concat([self.rows.select(pl.col(name).alias("negative")) for name in self.texts])
        places = pl.Series([line % number * self.rows.height + line // number for line in lines], dtype=pl.Int64)
        chosen = self.rows[rows]
        made = [
            chosen.select("anchor").with_columns(positive=pl.Series(positives, dtype=pl.String)),
            negatives[places],
            chosen.select(extra),
            self.verdicts[lines],
            pl.DataFrame({"relabelled": pl.Series(told, dtype=pl.Boolean)}) if relabel else pl.DataFrame(),
        ]
        return pl.concat([part for part in made if part.width], how="horizontal")
