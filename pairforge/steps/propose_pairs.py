"""Pairs worth scoring: candidates for a cross-encoder to label.

Of all pairs that sentences can form, nearly all mean nothing alike, and a student learns little from them. So pairs are
proposed that share rare words or lie close in an encoder's space. Source: Thakur et al. 2021 (Augmented SBERT).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from pairforge.engines.search import Neighbours, Rows, nearest
from pairforge.errors import FrameError, OptionsError
from pairforge.execution.ledger import DROP_REASON, Ledger
from pairforge.execution.step import Input, ModelRole, SeededOptions, Step, StepContext
from pairforge.frames import PAIR, SENTENCE_PAIR, TEXT
from pairforge.models import Encoder, ModelKind, Side
from pairforge.randomness import row_uniforms
from pairforge.steps.columns import extra_columns
from pairforge.steps.random_pairs import random_codes
from pairforge.steps.row_texts import Corpora, row_texts, several
from pairforge.steps.sentence_pairs import (
    FIRST,
    PAIR_SHAPES,
    SECOND,
    Sentences,
    pair_codes,
    pair_places,
    sentence_contract,
    two_sentences,
    with_keys,
)

Way = Annotated[
    Literal["random", "bm25", "semantic", "bm25+semantic", "given"],
    Field(
        description="Where pairs come from: random ones, those that share rare words (bm25), those that an encoder "
        "holds to be close (semantic), both of these, or a file that only goes through the exclusions (given)."
    ),
]
TopK = Annotated[int, Field(ge=1, description="Nearest sentences paired with each sentence, by each way.")]
MaxPairs = Annotated[
    int | None,
    Field(ge=1, description="Pairs at most, a random choice of all that were found; for random ones their number, "
                            "top_k for each sentence if not given."),
]  # fmt: skip

_CAP_STREAM = 1
_MORE = (SENTENCE_PAIR, PAIR, TEXT)
_LABELS = ("score", "label")


class ProposePairsOptions(SeededOptions):
    """Options of propose-pairs."""

    by: Way = "bm25"
    top_k: TopK = 4
    max_pairs: MaxPairs = None
    gold_sentences: Annotated[
        bool, Field(description="Pair the sentences of the gold pairs too, not those of the texts alone.")
    ] = True

    @model_validator(mode="after")
    def _refuse_what_given_pairs_ignore(self) -> ProposePairsOptions:
        if self.by == "given" and self.top_k != type(self).model_fields["top_k"].default:
            raise OptionsError("top_k is of pairs that are found, but with by='given' none are. Leave it out.")
        return self

    @property
    def needs_encoder(self) -> bool:
        """Whether vectors are compared."""
        return "semantic" in self.by


_DEFAULTS = ProposePairsOptions()


def propose_pairs(
    gold: pl.DataFrame,
    texts: Corpora | None = None,
    given: pl.DataFrame | None = None,
    known: Corpora | None = None,
    *,
    encoder: Encoder | None = None,
    options: ProposePairsOptions = _DEFAULTS,
    context: StepContext | None = None,
) -> pl.DataFrame:
    """Propose pairs of sentences to be scored.

    Sentences are those of the gold pairs, if wanted, then the texts, each once (after normalisation). A pair is never
    one of the gold or known pairs, nor one of them turned round; never a sentence with itself; and never proposed
    twice, nor turned round. `top_k` counts before these exclusions, as in the paper.

    Args:
        gold: Pairs that are scored already, of any shape of two sentences.
        texts: Corpora of any shape, whose texts are more sentences to pair.
        given: The candidates, for `by="given"`; its score or label does not travel, other columns do.
        known: More pairs that are not to be proposed, such as those of a test set.
        encoder: Finds close sentences, both on the query side; not needed for random, bm25 and given.
        options: How pairs are found and how many.
        context: The cache for vectors, and where candidates are counted.

    Returns:
        sentence1, sentence2 and `proposed_by` (random, bm25, semantic, bm25+semantic for what both found, given). In
        the order of the sentences; given ones in their own.

    Raises:
        OptionsError: there is no encoder, or no given file, where one is needed, or one where none is.
        FrameError: columns are missing or null, or there are fewer than two sentences.
    """
    context = context or StepContext()
    _check(options, encoder, given, texts)
    own = two_sentences(gold, "gold")
    excluded = pl.concat([own, *(two_sentences(pairs, "known") for pairs in several(known))])
    if given is not None:
        return _capped(_fresh(given, excluded, context.ledger), options, context.ledger)
    pool = _sentences(own, several(texts), options)
    context.ledger.count("sentences", len(pool))
    found = _found(pool, pool.codes(excluded), encoder, options, context)
    return _capped(_as_frame(found, pool), options, context.ledger)


def _check(
    options: ProposePairsOptions,
    encoder: Encoder | None,
    given: pl.DataFrame | None,
    texts: Corpora | None,
) -> None:
    if options.needs_encoder and encoder is None:
        raise OptionsError(f"Pairs by {options.by} need an encoder. Name a model, or find pairs by bm25.")
    if options.by == "given" and given is None:
        raise OptionsError("Pairs that are given need a file of candidates. Name it with --given.")
    if options.by != "given" and given is not None:
        raise OptionsError(f"A file of candidates is given, but pairs are found by {options.by}. Say --by given.")
    if options.by != "given" and not options.gold_sentences and texts is None:
        raise OptionsError("Without gold's sentences there is nothing to pair. Give --texts.")
    if options.by == "given" and texts is not None:
        raise OptionsError("Given pairs are taken as they are, so texts have no use. Leave out --texts.")


def _sentences(gold: pl.DataFrame, texts: Sequence[pl.DataFrame], options: ProposePairsOptions) -> Sentences:
    own = gold.get_columns() if options.gold_sentences else []
    pool = Sentences.of([*own, *(row_texts(corpus, "texts")["text"] for corpus in texts)])
    if len(pool) < 2:
        role = "gold" if options.gold_sentences else "texts"
        raise FrameError(f"{role}: {len(pool)} sentence cannot be paired; give more --texts.")
    return pool


def _found(
    pool: Sentences, excluded: Rows, encoder: Encoder | None, options: ProposePairsOptions, context: StepContext
) -> Mapping[str, Rows]:
    """Way → the codes of the pairs it found, each once, none of them excluded."""
    if options.by == "random":
        wanted = options.max_pairs or options.top_k * len(pool)
        return {"random": random_codes(len(pool), wanted, excluded, options.seed)}
    found = {}
    for way in options.by.split("+"):
        blocks = _by_words(pool, options, context) if way == "bm25" else _by_vectors(pool, encoder, options, context)
        near = np.unique(np.concatenate([_codes_of(block, options.top_k, len(pool)) for block in blocks]))
        found[way] = np.setdiff1d(near, excluded, assume_unique=True)
        context.ledger.count(f"{way}: found", len(near))
        context.ledger.count(f"{way}: removed as known pairs", len(near) - len(found[way]))
    return found


def _by_words(pool: Sentences, options: ProposePairsOptions, context: StepContext) -> Iterator[Neighbours]:
    from pairforge.engines.lexical import LexicalIndex  # noqa: PLC0415 - only for this way

    # One more than wanted: a sentence finds itself too.
    return LexicalIndex(pool.texts).nearest(pool.texts, options.top_k + 1, progress=context.progress)


def _by_vectors(
    pool: Sentences, encoder: Encoder | None, options: ProposePairsOptions, context: StepContext
) -> Iterator[Neighbours]:
    from pairforge.engines.vectors import VectorStore  # noqa: PLC0415 - only for this way

    if encoder is None:
        raise OptionsError("There is no encoder. Name a model.")
    store = VectorStore(context.cache / "vectors")
    vectors = store.tables(encoder, {Side.QUERY: pool.texts.to_list()}, context.progress)[Side.QUERY].unit()
    return nearest(vectors, vectors, options.top_k + 1, progress=context.progress)


def _codes_of(found: Neighbours, top_k: int, size: int) -> Rows:
    """The codes of each query with its `top_k` nearest others; it need not be among its own nearest."""
    queries = np.arange(found.first_row, found.first_row + len(found.corpus_rows))[:, None]
    other = (found.corpus_rows != queries) & (found.corpus_rows >= 0)
    near = other & (np.cumsum(other, axis=1) <= top_k)
    return pair_codes(np.broadcast_to(queries, near.shape)[near], found.corpus_rows[near], size)


def _as_frame(found: Mapping[str, Rows], pool: Sentences) -> pl.DataFrame:
    """The pairs in the order of their sentences, each once, with the ways that found them."""
    codes = np.unique(np.concatenate(list(found.values())))
    ways = np.column_stack([np.isin(codes, by_way, assume_unique=True) for by_way in found.values()])
    names = ["+".join(name for name, here in zip(found, row, strict=True) if here) for row in ways.tolist()]
    first, second = pair_places(codes, len(pool))
    return pl.DataFrame(
        {
            "sentence1": pool.texts.gather(first),
            "sentence2": pool.texts.gather(second),
            "proposed_by": pl.Series(names, dtype=pl.String),
        }
    )


def _fresh(given: pl.DataFrame, excluded: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The given pairs that are none of the excluded ones, each once, of two sentences that differ."""
    labels = [name for name in _LABELS if name in given.columns]
    if labels:
        ledger.note(f"the given file's {' and '.join(labels)} is left behind: its pairs are to be scored anew")
    sentences = (column.name for column in sentence_contract(given, "given").columns)
    own, written = (*sentences, *labels), ("sentence1", "sentence2", "proposed_by", DROP_REASON)
    extra = extra_columns(given, own, written, "given")
    rows = with_keys(pl.concat([two_sentences(given, "given"), given.select(extra)], how="horizontal"))
    known = with_keys(excluded).select(FIRST, SECOND, pl.lit(True).alias("__known")).unique()
    flagged = rows.join(known, on=[FIRST, SECOND], how="left", maintain_order="left").with_columns(
        pl.when(pl.col(FIRST) == "").then(pl.lit("empty_sentence"))
        .when(pl.col(FIRST) == pl.col(SECOND)).then(pl.lit("same_sentence"))
        .when(pl.col("__known").is_not_null()).then(pl.lit("known_pair"))
        .when(~pl.struct(FIRST, SECOND).is_first_distinct()).then(pl.lit("repeated"))
        .alias(DROP_REASON)
    )  # fmt: skip
    kept = ledger.keep_unflagged(flagged).with_columns(pl.lit("given").alias("proposed_by"))
    return kept.select("sentence1", "sentence2", "proposed_by", *extra)


def _capped(pairs: pl.DataFrame, options: ProposePairsOptions, ledger: Ledger) -> pl.DataFrame:
    if options.max_pairs is not None and pairs.height > options.max_pairs:
        ledger.count("left out, above max_pairs", pairs.height - options.max_pairs)
        keys = row_uniforms(options.seed, np.arange(pairs.height), 0, stream=_CAP_STREAM)
        chosen = np.sort(np.argsort(keys, kind="stable")[: options.max_pairs])
        pairs = pairs[chosen]
    return pairs


STEP = Step(
    name="propose-pairs",
    run=propose_pairs,
    options=ProposePairsOptions,
    inputs={
        "gold": Input("Pairs that are scored already; their sentences are paired anew.", PAIR_SHAPES),
        "texts": Input(
            "Texts or pairs of texts: more sentences to pair.", _MORE, required=False, many=True, apart=True
        ),
        "given": Input("Candidates of your own, with --by given.", PAIR_SHAPES[::-1], required=False),
        "known": Input("More pairs that are not to be proposed.", PAIR_SHAPES, required=False, many=True, apart=True),
    },
    outputs=lambda options: {"pairs": SENTENCE_PAIR},
    models={
        "encoder": ModelRole(
            "Finds sentences that are close.", ModelKind.ENCODER, needed=lambda options: bool(options.needs_encoder)
        )
    },
    suffix="candidates",
)
