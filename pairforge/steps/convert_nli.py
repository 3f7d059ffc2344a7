"""Pairs, triplets, scored and labelled pairs from natural language inference data.

A premise and a hypothesis that it entails mean nearly the same: a pair. A hypothesis that contradicts the same premise
talks of the same things and means something else: a hard negative. Source: Conneau et al. 2017 (InferSent), Gao et
al. 2021 (SimCSE).
"""

from __future__ import annotations

from typing import Annotated, Literal

import polars as pl
from pydantic import Field, model_validator

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import DROP_REASON, Ledger
from pairforge.execution.step import Input, Outputs, SeededOptions, Step, StepContext
from pairforge.frames import LABELLED_PAIR, NLI, PAIR, RAW_NLI, SCORED_PAIR, TRIPLET, FrameContract
from pairforge.steps.columns import extra_columns
from pairforge.steps.nli_negatives import (
    HYPOTHESIS_KEY,
    NEGATIVE_KEY,
    NEGATIVE_ROW,
    PREMISE_KEY,
    ROW,
    known_positives,
    with_contradictions,
    with_random_hypotheses,
    without_negatives,
)
from pairforge.text import normalised

_LABEL_OF_WORD = {
    word: label
    for label, words in enumerate((("entailment", "e", "0"), ("neutral", "n", "1"), ("contradiction", "c", "2")))
    for word in words
}
_UNLABELLED = ("-1", "-", "", "nan")
_KEYS = (PREMISE_KEY, HYPOTHESIS_KEY)
_ONE_ROW_EACH = ("scored", "binary", "labelled")
"""The shapes that hold every labelled row."""
_SCORES = ("entailment_score", "neutral_score", "contradiction_score")


class ConvertNliOptions(SeededOptions):
    """Options of convert-nli."""

    to: Annotated[
        Literal["pair", "triplet", "scored", "binary", "labelled"],
        Field(
            description="Shape to make; scored maps the labels to scores, binary to 1 for entailment and 0 for all "
            "else, labelled leaves them as 0, 1 and 2."
        ),
    ] = "pair"
    negatives: Annotated[
        Literal["contradiction", "random", "contradiction-or-random", "none"],
        Field(
            description="A triplet's negative: a contradicted hypothesis of the same premise, a random hypothesis of "
            "another, the second where there is no first; none leaves pairs, to be mined."
        ),
    ] = "contradiction"
    bidirectional: Annotated[
        bool, Field(description="Turn each pair or triplet round too: the hypothesis as the anchor of its premise.")
    ] = False
    entailment_score: Annotated[float, Field(ge=0, le=1, description="Score of entailed pairs.")] = 1.0
    neutral_score: Annotated[float, Field(ge=0, le=1, description="Score of neutral pairs.")] = 0.0
    contradiction_score: Annotated[float, Field(ge=0, le=1, description="Score of contradicted pairs.")] = 0.0

    @model_validator(mode="after")
    def _refuse_options_without_effect(self) -> ConvertNliOptions:
        if self.bidirectional and self.to in _ONE_ROW_EACH:
            raise OptionsError(
                f"bidirectional=True turns pairs and triplets round; to='{self.to}' makes neither. Leave it out."
            )
        if self.negatives in ("random", "contradiction-or-random") and self.to != "triplet":
            raise OptionsError(
                f"negatives='{self.negatives}' needs to='triplet', not to='{self.to}'. Change one of them."
            )
        fields = type(self).model_fields
        idle = [name for name in _SCORES if getattr(self, name) != fields[name].default]
        if idle and self.to != "scored":
            raise OptionsError(f"{idle[0]} needs to='scored', not to='{self.to}'. Change one of them.")
        return self

    @property
    def makes_triplets(self) -> bool:
        """Whether the output has a negative."""
        return self.to == "triplet" and self.negatives != "none"


_DEFAULTS = ConvertNliOptions()


def convert_nli(
    nli: pl.DataFrame, *, options: ConvertNliOptions = _DEFAULTS, context: StepContext | None = None
) -> pl.DataFrame:
    """Turn labelled premises and hypotheses into pairs, triplets, scored or labelled pairs, or cleaned NLI.

    Texts are compared after normalisation: the first of equal (premise, hypothesis) pairs is kept. A triplet's
    negative is the k-th contradicted hypothesis of its premise for the premise's k-th entailed one, beginning again
    where there are fewer; never a text that is known as a positive of the premise. With `bidirectional`, the turned
    rows come after the others, with the same negative. Extra columns travel.

    Args:
        nli: premise, hypothesis and label: 0/1/2 or entailment/neutral/contradiction (e/n/c), upper or lower case;
            -1, "-", empty and null mean unlabelled.
        options: What to make.
        context: Where dropped rows are counted.

    Raises:
        FrameError: a label is none of these, or an extra column bears the name of one that is to be written.
    """
    ledger = (context or StepContext()).ledger
    written = [column.name for column in _contract(options).columns]
    extra = extra_columns(nli, ("premise", "hypothesis", "label"), [*written, DROP_REASON], "nli")
    rows = _labelled(RAW_NLI.check(nli, "nli"), ledger)
    if options.to in _ONE_ROW_EACH:
        return _classified(_distinct(rows, ledger), options).select(*written, *extra)
    return _entailed(rows, options, ledger).select(*written, *extra)


def _labelled(nli: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The labelled rows, with label as a number, the row's ordinal and both texts' normalised forms."""
    given = nli["label"]
    if given.dtype.is_nested():
        raise FrameError(f"nli: column 'label' should hold one label a row, but it is of type {given.dtype}.")
    words = given.cast(pl.String).fill_null("").str.strip_chars().str.to_lowercase().str.strip_suffix(".0")
    labels = words.replace_strict(_LABEL_OF_WORD, default=None, return_dtype=pl.Int64)
    unlabelled = words.is_in(_UNLABELLED)
    unknown = (labels.is_null() & ~unlabelled).arg_true()
    if len(unknown):
        raise FrameError(
            f"nli: column 'label' holds '{given[int(unknown[0])]}' in row {int(unknown[0]) + 1}; wanted are 0, 1, 2 or "
            "entailment, neutral, contradiction, and -1, '-' or nothing for unlabelled rows. Recode it."
        )
    rows = nli.with_columns(
        labels.alias("label"),
        pl.int_range(pl.len()).alias(ROW),
        normalised("premise").alias(PREMISE_KEY),
        normalised("hypothesis").alias(HYPOTHESIS_KEY),
        pl.when(unlabelled).then(pl.lit("unlabelled")).alias(DROP_REASON),
    )
    return ledger.keep_unflagged(rows)


def _distinct(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    repeated = ~pl.struct(_KEYS).is_first_distinct()
    return ledger.keep_unflagged(rows.with_columns(pl.when(repeated).then(pl.lit("duplicate")).alias(DROP_REASON)))


def _classified(rows: pl.DataFrame, options: ConvertNliOptions) -> pl.DataFrame:
    if options.to == "labelled":
        return rows
    rows = rows.rename({"premise": "sentence1", "hypothesis": "sentence2"})
    if options.to == "binary":
        return rows.with_columns(label=(pl.col("label") == 0).cast(pl.Int64))
    scores = {label: getattr(options, name) for label, name in enumerate(_SCORES)}
    return rows.with_columns(pl.col("label").replace_strict(scores, return_dtype=pl.Float64).alias("score"))


def _entailed(rows: pl.DataFrame, options: ConvertNliOptions, ledger: Ledger) -> pl.DataFrame:
    positives = _distinct(rows.filter(pl.col("label") == 0), ledger)
    if options.makes_triplets:
        positives = _with_negatives(positives, rows, options, ledger)
    _count_unused(rows.filter(pl.col("label") != 0), positives, ledger)
    made = positives.rename({"premise": "anchor", "hypothesis": "positive"})
    if not options.bidirectional:
        return made
    return pl.concat([made, _turned(made, known_positives(rows), ledger)])


def _with_negatives(
    positives: pl.DataFrame, rows: pl.DataFrame, options: ConvertNliOptions, ledger: Ledger
) -> pl.DataFrame:
    if options.negatives == "random":
        found = with_random_hypotheses(without_negatives(positives), rows, options.seed)
    else:
        found = with_contradictions(positives, rows)
    if options.negatives == "contradiction-or-random":
        found = with_random_hypotheses(found, rows, options.seed)
    reason = "no_contradiction" if options.negatives == "contradiction" else "no_negative"
    lacking = pl.col("negative").is_null()
    return ledger.keep_unflagged(found.with_columns(pl.when(lacking).then(pl.lit(reason)).alias(DROP_REASON)))


def _count_unused(others: pl.DataFrame, made: pl.DataFrame, ledger: Ledger) -> None:
    """Count the rows that are not entailed; those whose hypothesis became a negative are told apart."""
    if NEGATIVE_ROW in made.columns:
        used = others.join(made, left_on=ROW, right_on=NEGATIVE_ROW, how="semi").height
        ledger.drop("used_as_negative", used)
        ledger.drop("not_entailed", others.height - used)
    else:
        ledger.drop("not_entailed", others.height)


def _turned(made: pl.DataFrame, known: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The rows turned round, without those that are there already or whose negative is a positive."""
    fresh = made.join(made, left_on=_KEYS, right_on=(HYPOTHESIS_KEY, PREMISE_KEY), how="anti", maintain_order="left")
    ledger.count("turned rows that stood there already", made.height - fresh.height)
    right = fresh
    if NEGATIVE_KEY in made.columns:
        right = fresh.join(
            known, left_on=(HYPOTHESIS_KEY, NEGATIVE_KEY), right_on=_KEYS, how="anti", maintain_order="left"
        )
        ledger.count("turned rows whose negative is a positive", fresh.height - right.height)
    return right.with_columns(anchor="positive", positive="anchor")


def _contract(options: ConvertNliOptions) -> FrameContract:
    if options.makes_triplets:
        return TRIPLET
    return {"scored": SCORED_PAIR, "binary": LABELLED_PAIR, "labelled": NLI}.get(options.to, PAIR)


def _outputs(options: ConvertNliOptions) -> Outputs:
    return {"corpus": _contract(options)}


STEP = Step(
    name="convert-nli",
    run=convert_nli,
    options=ConvertNliOptions,
    inputs={"nli": Input("Premises, hypotheses and labels (0/1/2 or words).", (RAW_NLI,), many=True)},
    outputs=_outputs,
    suffix=lambda options: str(options.to),
)
