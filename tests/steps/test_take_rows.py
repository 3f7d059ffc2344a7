from __future__ import annotations

import polars as pl
import pytest

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.steps.take_rows import TakeRowsOptions, take_rows

TEXTS = pl.DataFrame({"text": list("abcde"), "row": range(5)})


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"rows": 2}, [0, 1]),
        ({"skip": 3}, [3, 4]),
        ({"rows": 2, "skip": 1}, [1, 2]),
        ({"rows": 5}, [0, 1, 2, 3, 4]),
        ({"rows": 9, "skip": 4}, [4]),
    ],
)
def test_rows_are_taken_in_order_with_all_their_columns(options: dict[str, int], rows: list[int]) -> None:
    context = StepContext()
    taken = take_rows(TEXTS, options=TakeRowsOptions(**options), context=context)
    assert taken["row"].to_list() == rows
    assert sum(context.ledger.dropped.values()) == 5 - len(rows)


def test_too_few_rows_are_told() -> None:
    context = StepContext()
    take_rows(TEXTS, options=TakeRowsOptions(rows=7), context=context)
    assert context.ledger.notes == ["only 5 rows were there, 7 were asked for"]


def test_nothing_left_is_refused() -> None:
    with pytest.raises(FrameError, match=r"has 5 rows, so that none is left after skip=5"):
        take_rows(TEXTS, options=TakeRowsOptions(skip=5))


def test_taking_all_rows_is_refused() -> None:
    with pytest.raises(OptionsError, match="neither rows nor skip is given"):
        TakeRowsOptions()
