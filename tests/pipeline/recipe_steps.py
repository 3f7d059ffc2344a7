"""Tiny steps that recipes under test chain: one of two outputs, one that makes a model and one that uses one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated

import polars as pl
from pydantic import Field

from pairforge.execution.step import Artifact, Input, ModelRole, Step, StepContext, StepOptions
from pairforge.files import read_frame, write_json
from pairforge.frames import PAIR
from pairforge.models import ModelKind, ModelSpec
from pairforge.pipeline.registry import STEPS, Entry


class SplitOptions(StepOptions):
    first_rows: Annotated[int, Field(ge=1, description="Rows of the first part.")] = 1
    names: Annotated[tuple[str, ...], Field(description="Of no use.")] = ()


def split_pairs(pairs: pl.DataFrame, *, options: SplitOptions, context: StepContext) -> dict[str, pl.DataFrame]:
    return {"head": pairs.head(options.first_rows), "tail": pairs.slice(options.first_rows)}


def make_model(pairs: pl.DataFrame, *, options: StepOptions, context: StepContext) -> Path:
    assert context.workspace is not None
    folder = context.workspace / "model"
    folder.mkdir()
    write_json({"rows": pairs.height}, folder / "config.json")
    return folder


class UseOptions(StepOptions):
    idle: Annotated[bool, Field(description="Use no model.")] = False
    against: Annotated[tuple[str, ...], Field(description="Files to look at, each as KIND:FILE.")] = ()


def use_model(model: ModelSpec | None, *, options: UseOptions, context: StepContext) -> Path:
    assert context.workspace is not None
    report = context.workspace / "report.json"
    rows = [read_frame(named.partition(":")[2]).height for named in options.against]
    write_json({"model": model.digest if model else None, "rows": rows}, report)
    return report


_PAIRS = {"pairs": Input("Pairs.", (PAIR,))}
_RECORDS = (
    Step("split-pairs", split_pairs, SplitOptions, _PAIRS, lambda options: {"head": PAIR, "tail": PAIR}),
    Step(
        "make-model",
        make_model,
        StepOptions,
        _PAIRS,
        lambda options: {"model": Artifact(".model", folder=True, model=True)},
    ),
    Step(
        "use-model",
        use_model,
        UseOptions,
        {},
        lambda options: {"report": Artifact(".json")},
        models={
            "model": ModelRole("Looked at.", ModelKind.WEIGHTS, default=None, needed=lambda options: not options.idle)
        },
        files_in_options=lambda options: [named.partition(":")[2] for named in options.against],
    ),
)


def _registered(step: Step) -> Entry:
    module = ModuleType(f"recipe_steps.{step.name}")
    vars(module)["STEP"] = step
    sys.modules[module.__name__] = module
    return Entry(module.__name__, f"Test {step.name}.")


TEST_STEPS: Mapping[str, Entry] = {**STEPS, **{step.name: _registered(step) for step in _RECORDS}}
"""The registered steps and the tiny ones."""
