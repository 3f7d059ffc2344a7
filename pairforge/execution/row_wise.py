"""Running a step whose rows are independent, part by part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from pairforge.execution.executors import Executor
from pairforge.execution.ledger import Ledger
from pairforge.execution.parts import Part, PartStore, cut
from pairforge.execution.step import RowWise, StepContext, StepOptions
from pairforge.files import Rows
from pairforge.progress import within


def run_in_parts(
    row_wise: RowWise,
    inputs: Mapping[str, Rows | list[pl.DataFrame] | None],
    load_models: Callable[[], Mapping[str, object]],
    *,
    options: StepOptions,
    context: StepContext,
    label: str,
    folder: Path,
    part_rows: int,
    executor: Executor,
) -> Rows:
    """Run the parts that are not finished yet, and merge all; the counts of all go into the context's ledger.

    Args:
        row_wise: How the step is run in parts.
        inputs: The inputs by role; of the one that is cut, slices are read.
        load_models: Called only if a part is left to do.
        options: The step's options.
        context: What the step is lent.
        label: Names the work in the progress bar.
        folder: Where finished parts are kept.
        part_rows: Rows in one part.
        executor: Works on the parts.
    """
    rows = inputs[row_wise.role]
    if rows is None or isinstance(rows, list):
        raise TypeError(f"the input {row_wise.role} is cut into parts, so it has to be a required one, read as one")
    parts, store = cut(rows.height, part_rows), PartStore(folder)
    left = [part for part in parts if not store.is_finished(part)]
    if left or not store.is_prepared:
        shared = {role: given for role, given in inputs.items() if not (row_wise.streamed and role == row_wise.role)}
        counted = replace(context, ledger=Ledger())
        prepared = _prepared(row_wise, shared, load_models, options, counted)
        store.keep_preparation(counted.ledger)

        with context.progress(label, rows.height, "rows") as advance:

            def work(part: Part) -> None:
                lent = replace(context, ledger=Ledger(), progress=within(advance))
                given = rows.slice(part.first_row, part.rows)
                made = row_wise.run(given, first_row=part.first_row, prepared=prepared, options=options, context=lent)
                store.keep(part, made, lent.ledger)

            advance(rows.height - sum(part.rows for part in left))
            for part in executor.run_parts(left, work):
                advance(part.rows)
    return store.merge(parts, context.ledger)


def _prepared(
    row_wise: RowWise,
    shared: Mapping[str, object],
    load_models: Callable[[], Mapping[str, object]],
    options: StepOptions,
    context: StepContext,
) -> object:
    if row_wise.prepare is None:
        return None
    return row_wise.prepare(**shared, **load_models(), options=options, context=context)
