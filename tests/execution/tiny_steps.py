"""Tiny steps that exercise every way in which a stage can run one."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from pairforge import frames
from pairforge.execution.step import Artifact, Input, ModelRole, RowWise, Step, StepContext, StepOptions
from pairforge.models import ModelKind


class ShoutOptions(StepOptions):
    mark: Annotated[str, Field(description="What is put after every text.")] = "!"
    longest: Annotated[int, Field(description="Longer texts are dropped.")] = 1_000


def shout(
    texts: pl.DataFrame, others: pl.DataFrame | None = None, *, options: ShoutOptions, context: StepContext
) -> pl.DataFrame:
    """Upper-case texts; drop the long ones."""
    flagged = texts.with_columns(
        text=pl.col("text").str.to_uppercase() + options.mark,
        drop_reason=pl.when(pl.col("text").str.len_chars() > options.longest).then(pl.lit("too_long")),
    )
    return context.ledger.keep_unflagged(flagged)


def prepare_shout(
    texts: pl.DataFrame, others: pl.DataFrame | None, *, options: ShoutOptions, context: StepContext
) -> int:
    context.ledger.count("texts seen", texts.height)
    context.ledger.observe("lengths", [0.1, 0.2])
    return texts.height


def shout_part(
    rows: pl.DataFrame, *, first_row: int, prepared: int, options: ShoutOptions, context: StepContext
) -> pl.DataFrame:
    """As `shout`, with the ordinal of the row; a log and a delay are asked for by the environment."""
    if log := os.environ.get("SHOUT_LOG"):
        with Path(log).open("a") as file:
            file.write(f"{first_row}\n")
    time.sleep(float(os.environ.get("SHOUT_SECONDS", "0")))
    ordinals = pl.int_range(first_row, first_row + rows.height, dtype=pl.Int64)
    return shout(rows.with_columns(ordinal=ordinals, of=pl.lit(prepared)), options=options, context=context)


SHOUT = Step(
    name="shout",
    run=shout,
    options=ShoutOptions,
    inputs={
        "texts": Input("Texts.", (frames.TEXT,), many=True),
        "others": Input("Other texts.", (frames.TEXT,), required=False),
    },
    outputs=lambda options: {"texts": frames.TEXT},
    row_wise=RowWise("texts", prepare_shout, shout_part),
    suffix="shouted",
)


def prepare_others(
    *, others: pl.DataFrame | None, options: ShoutOptions, context: StepContext, texts: pl.DataFrame | None = None
) -> int:
    """What the parts share, but for the texts, which are given only where they are not streamed."""
    context.ledger.count("texts prepared", 0 if texts is None else texts.height)
    return 0 if others is None else others.height


STREAMED = replace(SHOUT, row_wise=RowWise("texts", prepare_others, shout_part, streamed=True))
"""As SHOUT, but that its input is read slice by slice."""


def split(texts: pl.DataFrame, *, options: StepOptions, context: StepContext) -> dict[str, pl.DataFrame]:
    """The first row apart from the others."""
    context.ledger.note("Split after the first row.")
    return {"first": texts.head(1), "rest": texts.tail(-1)}


SPLIT = Step(
    name="split",
    run=split,
    options=StepOptions,
    inputs={"texts": Input("Texts.", (frames.TEXT,))},
    outputs=lambda options: {"first": frames.TEXT, "rest": frames.TEXT},
    suffix="split",
)


class PackOptions(StepOptions):
    use_model: bool = False
    listed_in: str = ""


def pack(texts: pl.DataFrame, *, model: Any, options: PackOptions, context: StepContext) -> dict[str, Any]:
    """Write each text in a file of a folder, and a report."""
    assert context.workspace is not None
    folder = context.workspace / "made"
    folder.mkdir()
    for row, text in enumerate(texts["text"]):
        (folder / f"{row}.txt").write_text(f"{text} {model}")
    report = context.workspace / "report"
    report.write_text(str(texts.height))
    return {"model": folder, "report": report}


PACK = Step(
    name="pack",
    run=pack,
    options=PackOptions,
    inputs={"texts": Input("Texts.", (frames.TEXT,))},
    outputs=lambda options: {"model": Artifact(".model", folder=True, model=True), "report": Artifact(".json")},
    models={"model": ModelRole("Does nothing.", ModelKind.ENCODER, needed=lambda options: options.use_model)},
    files_in_options=lambda options: [options.listed_in] if options.listed_in else [],
)
