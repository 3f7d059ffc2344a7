"""Texts of three classes that letters tell apart, for probes and clusters."""

from __future__ import annotations

import polars as pl

WORDS = {"cats": "meow purr", "dogs": "bark howl", "rain": "drizzle zzz"}


def labelled(each: int, first: int = 0) -> pl.DataFrame:
    """So many texts of each class, by turns."""
    rows = [
        (f"{sound} {'x' * (number % 3)} {number}", label)
        for number in range(first, first + each)
        for label, sound in WORDS.items()
    ]
    return pl.DataFrame(rows, schema=["text", "label"], orient="row")
