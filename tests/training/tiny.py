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
    return (
        triplets()
        .with_columns(negative_2=pl.col("positive").shift(2, fill_value="nothing"))
        .rename({"negative": "negative_1"})
    )


def scored_lists() -> pl.DataFrame:
    return listed().with_columns(scores=pl.lit([0.9, 0.2])).drop("labels")


def texts() -> pl.DataFrame:
    return triplets().select(text="anchor")


def damaged() -> pl.DataFrame:
    """Each text without its first word."""
    return texts().select(damaged=pl.col("text").str.split(" ").list.tail(2).list.join(" "), original="text")


CORPORA: Mapping[str, Callable[[], pl.DataFrame]] = {
    "pair": lambda: triplets().drop("negative"),
    "triplet": triplets,
    "n-tuple": tuples,
    "nli": nli,
    "scored pair": scored,
    "labelled pair": labelled,
    "labelled list": listed,
    "scored list": scored_lists,
    "text": texts,
    "denoising": damaged,
}
"""Shape → a corpus of it."""
