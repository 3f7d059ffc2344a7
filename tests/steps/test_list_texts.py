from __future__ import annotations

import polars as pl
import pytest

from pairforge.errors import FrameError
from pairforge.execution.step import StepContext
from pairforge.steps.list_texts import list_texts


def test_texts_come_once_in_the_order_of_rows_and_columns() -> None:
    nli = pl.DataFrame({"premise": ["a", "a", "c"], "hypothesis": ["b", "c", "A"], "label": [0, 1, 2]})
    context = StepContext()
    assert list_texts(nli, context=context)["text"].to_list() == ["a", "b", "c", "A"]
    assert context.ledger.dropped == {"the same text": 2}


def test_texts_in_lists_count_and_empty_ones_do_not() -> None:
    lists = pl.DataFrame({"query": ["q", " "], "documents": [["d", "e"], ["e", "f"]], "labels": [[1, 0], [0, 1]]})
    context = StepContext()
    assert list_texts(lists, context=context)["text"].to_list() == ["q", "d", "e", "f"]
    assert context.ledger.dropped == {"empty text": 1, "the same text": 1}


def test_columns_of_no_shape_are_refused() -> None:
    with pytest.raises(FrameError, match="corpus"):
        list_texts(pl.DataFrame({"number": [1]}))
