"""Hard negatives that a language model writes, each verified before it serves.

A mined negative can only be what the corpus holds; a written one can be as close as one likes: the same subject with a
wrong fact, the same words in another sense. What a model writes is not always a negative, though, so it is believed in
nothing that can be checked. Sources: Wang et al. 2024 (texts written for embedding models), Thakur et al. 2025 (RLHN:
false negatives harm more than missing ones).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator

from pairforge.errors import OptionsError
from pairforge.execution.step import NO_REQUESTS, Input, ModelRole, Requests, RowWise, Step, StepContext
from pairforge.frames import N_TUPLE, PAIR, TRIPLET
from pairforge.generators import TextGenerator
from pairforge.models import Encoder, ModelKind, PairScorer
from pairforge.steps.columns import extra_columns
from pairforge.steps.generation.model_checks import (
    ENCODER_ROLE,
    SCORER_ROLE,
    ModelCheckOptions,
    likeness_of,
    reading_of,
)
from pairforge.steps.generation.negatives import Kind, Negatives, as_n_tuples, as_triplets, examples_of, wish_for
from pairforge.steps.generation.options import FewShotOptions, files_of
from pairforge.steps.generation.text_checks import LengthCheckOptions, fault_beside
from pairforge.steps.generation.wishes import WISH_FIELDS, Verifier, Wish
from pairforge.steps.generation.writing import Writing, previewed
from pairforge.text import normalised


class GenerateNegativesOptions(FewShotOptions, LengthCheckOptions, ModelCheckOptions):
    """Options of generate-negatives."""

    step: ClassVar[str] = "generate-negatives"
    fields: ClassVar[tuple[str, ...]] = ("anchor", "positive", "others", "examples", *WISH_FIELDS)

    num_negatives: Annotated[int, Field(ge=1, description="Negatives for each pair.")] = 3
    kind: Annotated[
        tuple[Kind, ...], Field(description="Kinds of negatives, taken in turn; any kinds if not given.")
    ] = ()
    output_format: Annotated[
        Literal["triplet", "n-tuple"], Field(description="A row for each negative, or for each pair (n-tuple).")
    ] = "n-tuple"
    too_few: Annotated[
        Literal["keep", "drop"],
        Field(description="A pair with fewer negatives: keep those it has (triplet), or drop the pair."),
    ] = "drop"

    @model_validator(mode="after")
    def _refuse_tuples_with_gaps(self) -> GenerateNegativesOptions:
        if self.too_few == "keep" and self.output_format == "n-tuple":
            raise OptionsError(
                "too_few='keep' needs output_format='triplet', which can hold fewer negatives. Choose that, or drop."
            )
        return self

    @property
    def kinds(self) -> list[Kind]:
        """The kind of each negative; empty for any."""
        return [self.kind[place % len(self.kind)] for place in range(self.num_negatives)] if self.kind else []


_DEFAULTS = GenerateNegativesOptions()


def generate_negatives(
    pairs: pl.DataFrame,
    *,
    generator: TextGenerator,
    encoder: Encoder | None = None,
    scorer: PairScorer | None = None,
    options: GenerateNegativesOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Let a language model write hard negatives for each pair, and keep those that pass.

    A negative is refused that repeats the anchor, a positive of any pair with this anchor, an anchor of any pair with
    this positive, or another negative of the pair (see `generation.copies`); that is surely of another language than
    the positive, or far shorter or longer; whose cosine with the anchor lies outside the band; or that a cross-encoder
    scores too high. What is missing is asked for again, with other draws.

    Args:
        pairs: anchor, positive; other columns travel.
        generator: The language model.
        encoder: Measures similarity to the anchor; with min_similarity or max_similarity.
        scorer: A cross-encoder that reads anchor and negative; with max_score or score_margin.
        options: How many, of which kinds, how they are verified.
        context: The caches, and where what was refused and dropped is counted.

    Returns:
        anchor, positive, negative (or negative_1 … negative_n), the other columns, and kind (or kinds); with
        save_prompts, asked and answered too.

    Raises:
        FrameError: a column is missing or in the way.
        OptionsError: the prompt does not fit, or a bound has no model.
        ModelError: a model cannot be asked.
    """
    context = context or StepContext()
    given = PAIR.check(pairs, "pairs")
    ready = prepare(given, generator=generator, encoder=encoder, scorer=scorer, options=options, context=context)
    return negatives_for(given, first_row=0, prepared=ready, options=options, context=context)


@dataclass(frozen=True)
class Ready:
    """What the parts of one run share.

    Args:
        writing: How negatives are asked for and verified.
        others: By row, what is right for its anchor besides its own positive.
    """

    writing: Writing
    others: pl.Series


def prepare(
    pairs: pl.DataFrame,
    *,
    generator: TextGenerator,
    encoder: Encoder | None = None,
    scorer: PairScorer | None = None,
    options: GenerateNegativesOptions,
    context: StepContext,
) -> Ready:
    """Close the positives, ready the models and say what asking will take; errors as of `generate_negatives`."""
    _refuse_columns(pairs, options)
    asked = pairs.head(options.limit or pairs.height)
    verifier = Verifier(
        "negatives",
        lambda wish, text, known: fault_beside(text, options, wish, known),
        [
            *likeness_of(asked["anchor"], encoder, options, context),
            *reading_of(asked, scorer, options, context),
        ],
    )
    writing = Writing(generator, Negatives, verifier, options, _shared(options))
    ready = Ready(writing, other_positives(pairs))
    writing.tell_cost(_wishes(asked, 0, ready.others, options), context)
    return ready


def negatives_for(
    rows: pl.DataFrame, *, first_row: int, prepared: Ready, options: GenerateNegativesOptions, context: StepContext
) -> pl.DataFrame:
    """The negatives of one part of the pairs, whose first row is number `first_row` (from 0) of all."""
    asked = options.limited(rows, first_row, context.ledger)
    wishes = _wishes(asked, first_row, prepared.others, options)
    enough = 1 if options.too_few == "keep" else options.num_negatives
    kept, served = prepared.writing.fulfil(asked, wishes, context, enough=enough)
    extra = [name for name in kept.columns if name not in ("anchor", "positive")]
    if options.output_format == "triplet":
        return as_triplets(kept, extra, served)
    return as_n_tuples(kept, extra, served, options.num_negatives)


def preview(pairs: pl.DataFrame, *, options: GenerateNegativesOptions, models: Requests = NO_REQUESTS) -> list[str]:
    """What would be asked about these pairs."""
    return previewed(options, _wishes(pairs, 0, other_positives(pairs), options), _shared(options))


def other_positives(pairs: pl.DataFrame) -> pl.Series:
    """For each row, the positives of rows with its anchor and the anchors of rows with its positive, each once.

    Anchors and positives are compared in their normal form; a row's own are not among them.
    """
    named = pairs.select(
        "anchor", "positive", a=normalised("anchor"), p=normalised("positive"), row=pl.int_range(pl.len())
    )
    by_anchor = named.group_by("a").agg(pl.col("positive").unique(maintain_order=True).alias("same_anchor"))
    by_positive = named.group_by("p").agg(pl.col("anchor").unique(maintain_order=True).alias("same_positive"))
    closed = named.join(by_anchor, on="a", how="left").join(by_positive, on="p", how="left").sort("row")
    both = pl.concat_list("same_anchor", "same_positive").list.unique(maintain_order=True)
    own = pl.concat_list("anchor", "positive")
    return closed.select(others=both.list.set_difference(own).list.sort())["others"]


def _wishes(pairs: pl.DataFrame, first_row: int, others: pl.Series, options: GenerateNegativesOptions) -> list[Wish]:
    rows = range(first_row, first_row + pairs.height)
    texts = zip(rows, pairs["anchor"], pairs["positive"], others.slice(first_row, pairs.height).to_list(), strict=True)
    return [wish_for(*of_row, number=options.num_negatives, kinds=options.kinds) for of_row in texts]


def _shared(options: GenerateNegativesOptions) -> dict[str, Any]:
    return {"examples": examples_of(options.read_examples((N_TUPLE, TRIPLET)))}


def _refuse_columns(pairs: pl.DataFrame, options: GenerateNegativesOptions) -> None:
    # A trainer would take a negative that travels along for one that was written.
    negatives = [name for shape in (TRIPLET, N_TUPLE) for name in shape.columns[2].names_in(pairs.columns)]
    written = ["kind" if options.output_format == "triplet" else "kinds", *negatives]
    saved = ["asked", "answered"] if options.save_prompts else []
    extra_columns(pairs, ("anchor", "positive"), [*written, *saved], "pairs")


STEP = Step(
    name="generate-negatives",
    run=generate_negatives,
    options=GenerateNegativesOptions,
    inputs={"pairs": Input("Anchors and positives.", (PAIR,))},
    outputs=lambda options: {"corpus": TRIPLET if options.output_format == "triplet" else N_TUPLE},
    models={
        "generator": ModelRole("Writes the negatives.", ModelKind.GENERATOR, flag="generator", default=None),
        "encoder": ENCODER_ROLE,
        "scorer": SCORER_ROLE,
    },
    row_wise=RowWise(role="pairs", prepare=prepare, run=negatives_for),
    suffix="generated",
    files_in_options=files_of,
    preview=preview,
)
