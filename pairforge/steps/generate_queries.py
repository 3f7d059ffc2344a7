"""Queries that a language model writes for documents: pairs of a corpus that has none.

A query is kept only if it finds its document again. A model that follows instructions is told what is wanted; one that
was trained to write queries is given the document alone, and as many are drawn as are wanted. Sources: Nogueira et al.
2019 (doc2query), Bonifacio et al. 2022 (InPars), Dai et al. 2022 (Promptagator), Wang et al. 2022 (GPL).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from pairforge.errors import FileError, OptionsError
from pairforge.execution.step import NO_REQUESTS, Input, ModelRole, Requests, RowWise, Step, StepContext
from pairforge.frames import PAIR, TEXT
from pairforge.generator_engines import ENGINES
from pairforge.generators import AnyRequest, GeneratorRequest, TextGenerator
from pairforge.models import Encoder, ModelKind
from pairforge.steps.columns import extra_columns
from pairforge.steps.generation.copies import Known
from pairforge.steps.generation.options import FewShotOptions, files_of
from pairforge.steps.generation.prompts import RowText
from pairforge.steps.generation.round_trips import round_trip
from pairforge.steps.generation.text_checks import TextCheckOptions, text_fault
from pairforge.steps.generation.wishes import WISH_FIELDS, Check, Verifier, Wish, Written, WrittenTexts
from pairforge.steps.generation.writing import Writing, one_row_each, previewed

Kind = Literal["question", "keyword", "claim", "title"]


class Query(Written):
    """A query, as a model writes it."""

    kind: Kind


class Queries(WrittenTexts):
    """What an answer holds."""

    queries: list[Query]


class GenerateQueriesOptions(FewShotOptions, TextCheckOptions):
    """Options of generate-queries."""

    step: ClassVar[str] = "generate-queries"
    fields: ClassVar[tuple[str, ...]] = ("document", "examples", *WISH_FIELDS)
    plain_field: ClassVar[str | None] = "document"

    num_queries: Annotated[int, Field(ge=1, description="Queries for each document.")] = 3
    kind: Annotated[
        tuple[Kind, ...], Field(description="Kinds of queries, taken in turn; any kinds if not given.")
    ] = ()
    max_words: Annotated[int, Field(ge=1, description="Words of a query at most.")] = 32
    round_trip: Annotated[
        Literal["dense", "bm25", "none"],
        Field(
            description="How a query has to find its document again: by the model's vectors, by words, or not at all."
        ),
    ] = "dense"
    top_k: Annotated[int, Field(ge=1, description="Documents among which it has to come back.")] = 20

    @property
    def kinds(self) -> list[Kind]:
        """The kind of each query; empty for any."""
        return [self.kind[place % len(self.kind)] for place in range(self.num_queries)] if self.kind else []


_DEFAULTS = GenerateQueriesOptions()


def generate_queries(
    documents: pl.DataFrame,
    *,
    generator: TextGenerator,
    encoder: Encoder | None = None,
    options: GenerateQueriesOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Let a language model write queries for each document, and keep those that find it again.

    A query is refused that repeats the document or another query, is surely of another language, has too many words, or
    does not find its document among the first `top_k` of all distinct documents. What is missing is asked for again; a
    document keeps the queries that it has.

    Args:
        documents: text; other columns travel.
        generator: The language model; one that follows no instructions draws queries of no kind.
        encoder: Searches the documents; with round_trip "dense".
        options: How many, of which kinds, how they are verified.
        context: The caches, and where what was refused and dropped is counted.

    Returns:
        anchor (the query), positive (the document), the other columns, and kind (null where it is not known); a row for
        each query.

    Raises:
        FrameError: a column is missing or in the way.
        OptionsError: the prompt does not fit, the round trip has no model, or an option means nothing to the generator.
        ModelError: a model cannot be asked.
    """
    context = context or StepContext()
    given = TEXT.check(documents, "documents")
    writing = prepare(given, generator=generator, encoder=encoder, options=options, context=context)
    return queries_for(given, first_row=0, prepared=writing, options=options, context=context)


def prepare(
    documents: pl.DataFrame,
    *,
    generator: TextGenerator,
    encoder: Encoder | None = None,
    options: GenerateQueriesOptions,
    context: StepContext,
) -> Writing:
    """Ready the search and say what asking will take; errors as of `generate_queries`."""
    refuse(options, {"generator": (generator.spec.request,)})
    saved = ["asked", "answered"] if options.save_prompts else []
    extra_columns(documents, ("text",), ["anchor", "positive", "kind", *saved], "documents")
    if (encoder is None) == (options.round_trip == "dense"):
        raise OptionsError("round_trip='dense' searches by an encoder, and nothing else does. Give both or neither.")
    checks: list[Check] = []
    if options.round_trip != "none":
        checks.append(round_trip(documents["text"], encoder, options.top_k, context))
    verifier = Verifier("queries", lambda wish, text, known: _fault(wish, text, known, options), checks)
    writing = Writing(generator, Queries, verifier, options, _shared(options))
    writing.tell_cost(_wishes(documents.head(options.limit or documents.height), 0, options), context)
    return writing


def queries_for(
    rows: pl.DataFrame, *, first_row: int, prepared: Writing, options: GenerateQueriesOptions, context: StepContext
) -> pl.DataFrame:
    """The queries of one part of the documents, whose first row is number `first_row` (from 0) of all."""
    asked = options.limited(rows, first_row, context.ledger)
    kept, served = prepared.fulfil(asked, _wishes(asked, first_row, options), context, enough=1)
    extra = [name for name in kept.columns if name != "text"]
    listed = one_row_each(kept, served, text="anchor", kind="kind")
    known = pl.when(pl.col("kind") != "").then("kind").alias("kind")
    return listed.select("anchor", pl.col("text").alias("positive"), *extra, known)


def preview(documents: pl.DataFrame, *, options: GenerateQueriesOptions, models: Requests = NO_REQUESTS) -> list[str]:
    """What would be asked about these documents."""
    return previewed(options, _wishes(documents, 0, options), _shared(options), _generator_in(models))


def refuse(options: GenerateQueriesOptions, models: Requests) -> None:
    """Refuse options that mean nothing to a generator which follows no instructions.

    Raises:
        OptionsError: so is one, or its prompt is none for such a model.
    """
    request = _generator_in(models)
    if request is None or request.follows_instructions:
        return
    defaults = GenerateQueriesOptions.model_fields
    for name in ("kind", "examples", "num_examples"):
        if (given := getattr(options, name)) != defaults[name].default:
            shown = given[0] if isinstance(given, tuple) else given
            raise OptionsError(
                f"{name}='{shown}' says nothing to {request.name}, which follows no instructions and is shown the "
                "document alone. Leave it out, or name an instruct model, as vllm:MODEL or openai:MODEL."
            )
    if request.temperature == 0 and options.num_queries > 1:
        raise OptionsError(
            f"{request.name} writes one query of a document at temperature 0, ever the same, but num_queries is "
            f"{options.num_queries}. Set that to 1, or a temperature above 0."
        )
    with suppress(FileError):  # A file that is missing is told with all the others.
        options.read_plain_prompt()


def _generator_in(models: Requests) -> GeneratorRequest | None:
    requests: Sequence[AnyRequest] = models.get("generator", ())
    return next((request for request in requests if isinstance(request, GeneratorRequest)), None)


def _wishes(documents: pl.DataFrame, first_row: int, options: GenerateQueriesOptions) -> list[Wish]:
    return [
        Wish(
            row=row,
            shown={"document": RowText(document)},
            number=options.num_queries,
            known=[Known("the document", document, passages=False)],
            speaking=document,
            kinds=options.kinds,
            another="another query",
        )
        for row, document in enumerate(documents["text"].to_list(), start=first_row)
    ]


def _fault(wish: Wish, text: str, known: Sequence[Known], options: GenerateQueriesOptions) -> str | None:
    return text_fault(text, options, known, wish.speaking) or (
        "too many words" if len(text.split()) > options.max_words else None
    )


def _shared(options: GenerateQueriesOptions) -> dict[str, Any]:
    rows = options.read_examples((PAIR,))
    shown = [] if rows is None else rows.select("anchor", "positive").iter_rows(named=True)
    return {"examples": [{name: RowText(text) for name, text in row.items()} for row in shown]}


STEP = Step(
    name="generate-queries",
    run=generate_queries,
    options=GenerateQueriesOptions,
    inputs={"documents": Input("Documents without queries.", (TEXT,), many=True)},
    outputs=lambda options: {"corpus": PAIR},
    models={
        "generator": ModelRole(
            "Writes the queries: vllm:MODEL, openai:MODEL or seq2seq:MODEL.",
            ModelKind.GENERATOR,
            flag="generator",
            default=None,
            engines=ENGINES,
        ),
        "encoder": ModelRole(
            "Searches the documents; with --round-trip dense.",
            ModelKind.ENCODER,
            needed=lambda options: bool(options.round_trip == "dense"),
        ),
    },
    row_wise=RowWise(role="documents", prepare=prepare, run=queries_for),
    suffix="queries",
    files_in_options=files_of,
    preview=preview,
    refuse=refuse,
)
