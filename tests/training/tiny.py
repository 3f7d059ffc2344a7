"""Tiny corpora of every shape that trains, and model specs of folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from pairforge.models import ModelKind, ModelRequest, ModelSpec

ANIMALS = ("cat", "dog", "horse", "bird", "fish", "mouse", "cow", "sheep")
DEEDS = ("sleeps", "runs", "eats", "sings", "waits", "jumps")


def spec_of(folder: Path, **request: object) -> ModelSpec:
    return ModelSpec(
        request=ModelRequest.model_validate({"name": str(folder), **request}),
        kind=ModelKind.WEIGHTS,
        digest="0" * 64,
        path=folder,
    )


def triplets() -> pl.DataFrame:
    rows = [(f"a {animal} {deed}", f"one {animal} that {deed}") for animal in ANIMALS for deed in DEEDS]
    return pl.DataFrame(rows, schema=["anchor", "positive"], orient="row").with_columns(
        negative=pl.col("positive").shift(1, fill_value="nothing at all")
    )


def nli() -> pl.DataFrame:
    return triplets().select(premise="anchor", hypothesis="positive").with_columns(label=pl.int_range(pl.len()) % 3)


def scored() -> pl.DataFrame:
    return nli().select(sentence1="premise", sentence2="hypothesis", score=1 - pl.col("label").cast(pl.Float64) / 2)


def labelled() -> pl.DataFrame:
    return scored().select("sentence1", "sentence2", label=pl.col("score").floor().cast(pl.Int64))


def listed() -> pl.DataFrame:
    """Each anchor with its positive and a negative."""
    rows = triplets().select("anchor", documents=pl.concat_list("positive", "negative"))
    return rows.rename({"anchor": "query"}).with_columns(labels=pl.lit([1, 0]))


def tuples() -> pl.DataFrame:
    return triplets().with_columns(negative_2=pl.lit("nothing at all")).rename({"negative": "negative_1"})


def scored_lists() -> pl.DataFrame:
    return listed().with_columns(scores=pl.lit([0.9, 0.2])).drop("labels")


def classed() -> pl.DataFrame:
    """Texts by their animal, and one that is alone in its class."""
    rows = [(f"a {animal} {deed}", animal) for animal in ANIMALS for deed in DEEDS]
    return pl.DataFrame([*rows, ("nothing at all", "nothing")], schema=["text", "label"], orient="row")


def margins() -> pl.DataFrame:
    rows = triplets().rename({"anchor": "query"})
    return rows.with_columns(negative=pl.lit("nothing at all"), score=1 + pl.int_range(pl.len()) % 3 / 2)


def scored_tuples() -> pl.DataFrame:
    return tuples().with_columns(scores=pl.lit([2.0, 0.5, -1.0]))


def uneven_lists() -> pl.DataFrame:
    """Each anchor with its positive, and every other with a negative; graded labels."""
    rows = triplets().select(
        "anchor",
        documents=pl.when(pl.int_range(pl.len()) % 2 == 0)
        .then(pl.concat_list("positive", "negative"))
        .otherwise(pl.concat_list("negative", "positive", pl.lit("no fish"))),
        labels=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit([3, 1])).otherwise(pl.lit([1, 3, 0])),
    )
    return rows.rename({"anchor": "query"})


def texts() -> pl.DataFrame:
    return triplets().select(text="anchor")


CORPORA: Mapping[str, Callable[[], pl.DataFrame]] = {
    "pair": lambda: triplets().drop("negative"),
    "triplet": triplets,
    "n-tuple": tuples,
    "nli": nli,
    "scored pair": scored,
    "labelled pair": labelled,
    "labelled list": listed,
    "scored list": scored_lists,
    "labelled text": classed,
    "margin": margins,
    "scored n-tuple": scored_tuples,
    "text": texts,
}
"""Shape → a corpus of it."""
