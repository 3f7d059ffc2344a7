from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairforge.errors import FrameError, OptionsError
from pairforge.execution.step import StepContext
from pairforge.steps.row_texts import normalised_texts
from pairforge.steps.split_corpus import SplitCorpusOptions, connected_rows, split_corpus

_pairs = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=4, max_size=60)


def _frame(pairs: list[tuple[int, int]]) -> pl.DataFrame:
    texts = [(f"Text  {first}.", f"text {second}") for first, second in pairs]
    return pl.DataFrame(texts, schema=["sentence1", "sentence2"], orient="row").with_columns(
        score=pl.lit(0.5), row=pl.int_range(pl.len())
    )


@given(pairs=_pairs, seed=st.integers(0, 2**32 - 1))
def test_no_text_stands_on_two_sides_and_no_row_is_lost(pairs: list[tuple[int, int]], seed: int) -> None:
    corpus = _frame(pairs)
    try:
        sides = split_corpus(corpus, options=SplitCorpusOptions(dev=0.3, test=0.2, seed=seed))
    except FrameError as error:
        assert "would get none" in str(error)  # noqa: PT017 - a corpus that hangs together as one cannot be cut
        return
    assert list(sides) == ["train", "dev", "test"]
    seen = [set(normalised_texts(rows, "side")["text"]) for rows in sides.values()]
    assert all(not one & other for place, one in enumerate(seen) for other in seen[:place])
    assert sorted(row for rows in sides.values() for row in rows["row"]) == list(range(len(pairs)))
    assert all(rows["row"].is_sorted() for rows in sides.values())
    assert sides["dev"].height <= max(1, round(0.3 * len(pairs)))
    assert sides["test"].height <= max(1, round(0.2 * len(pairs)))


def test_rows_that_share_nothing_are_cut_exactly_and_the_seed_decides_how() -> None:
    corpus = _frame([(row, row) for row in range(100)])
    first, again, other = (split_corpus(corpus, options=SplitCorpusOptions(dev=0.15, seed=s)) for s in (1, 1, 2))
    assert first["dev"].height == 15
    assert first["dev"].equals(again["dev"])
    assert not first["dev"].equals(other["dev"])


def test_a_giant_group_is_trained_on_and_said() -> None:
    corpus = _frame([(0, row) for row in range(1, 90)] + [(row, row) for row in range(100, 110)])
    context = StepContext()
    sides = split_corpus(corpus, options=SplitCorpusOptions(dev=0.3), context=context)
    assert (sides["train"].height, sides["dev"].height) == (89, 10)
    assert context.ledger.counts["rows in the largest group"] == 89
    assert context.ledger.notes == [
        "dev got 10 rows in place of 30: rows that share a text stay together, 89 of them in the largest group"
    ]


def test_the_empty_text_ties_nothing_together() -> None:
    corpus = pl.DataFrame({"anchor": [f"a{row}" for row in range(10)], "positive": [""] * 10})
    assert split_corpus(corpus, options=SplitCorpusOptions(dev=0.2))["dev"].height == 2


def test_documents_of_a_list_tie_rows_together() -> None:
    corpus = pl.DataFrame(
        {"query": ["a", "b", "c", "d"], "documents": [["x", "y"], ["y", "z"], ["u"], ["v"]], "labels": [[1, 0]] * 4}
    ).with_columns(labels=pl.col("documents").list.eval(pl.element().len().cast(pl.Int64)))
    sides = split_corpus(corpus, options=SplitCorpusOptions(dev=0.25))
    assert sides["dev"]["query"].to_list()[0] in ("c", "d")


@pytest.mark.parametrize("rows", [1, 5])
def test_a_corpus_that_hangs_together_is_refused(rows: int) -> None:
    with pytest.raises(FrameError, match=r"would get none of \d rows, for rows that share a text stay together"):
        split_corpus(_frame([(0, row) for row in range(rows)]))


@pytest.mark.parametrize(("dev", "test", "said"), [(0, 0, "nothing to split"), (0.6, 0.4, "leave no rows to train on")])
def test_shares_that_leave_a_side_empty_are_refused(dev: float, test: float, said: str) -> None:
    with pytest.raises(OptionsError, match=said):
        SplitCorpusOptions(dev=dev, test=test)


@given(edges=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=60))
def test_connected_rows_are_those_of_a_walk(edges: list[tuple[int, int]]) -> None:
    rows, texts = (np.array(side, dtype=np.int64) for side in (zip(*edges, strict=True) if edges else ((), ())))
    first = connected_rows(rows, texts, 31)
    for start in range(31):
        reached, waiting = {start}, [start]
        while waiting:
            row = waiting.pop()
            texts_of_row = {text for other, text in edges if other == row}
            fresh = {other for other, text in edges if text in texts_of_row} - reached
            reached |= fresh
            waiting += fresh
        assert first[start] == min(reached)


def test_a_long_chain_hangs_together() -> None:
    order = np.random.default_rng(0).permutation(20_000)
    rows, texts = np.concatenate([order[:-1], order[1:]]), np.tile(np.arange(len(order) - 1), 2)
    assert (connected_rows(rows, texts, len(order)) == 0).all()


@pytest.mark.model
def test_real_pairs_are_cut_as_wanted(shared_data: Path) -> None:
    corpus = pl.read_parquet(shared_data / "stsb" / "train.parquet")
    sides = split_corpus(corpus, options=SplitCorpusOptions(dev=0.1, test=0.1))
    assert [rows.height for rows in sides.values()] == [4599, 575, 575]


@given(pairs=_pairs, groups=st.integers(2, 8), seed=st.integers(0, 100))
def test_rows_of_one_group_stay_on_one_side(pairs: list[tuple[int, int]], groups: int, seed: int) -> None:
    corpus = _frame([(row, row) for row in range(len(pairs))]).with_columns(
        entity=pl.Series([first % groups for first, _ in pairs])
    )
    try:
        sides = split_corpus(corpus, options=SplitCorpusOptions(dev=0.4, group_column="entity", seed=seed))
    except FrameError as error:
        assert "would get none" in str(error)  # noqa: PT017 - a group may be larger than a side
        return
    assert not set(sides["train"]["entity"]) & set(sides["dev"]["entity"])
    assert sum(rows.height for rows in sides.values()) == corpus.height


def test_rows_without_a_group_are_tied_by_nothing_and_a_missing_column_is_named() -> None:
    corpus = _frame([(row, row) for row in range(20)]).with_columns(entity=pl.lit(None, dtype=pl.String))
    assert split_corpus(corpus, options=SplitCorpusOptions(dev=0.5, group_column="entity"))["dev"].height == 10
    with pytest.raises(FrameError, match="column 'source' is missing"):
        split_corpus(corpus, options=SplitCorpusOptions(group_column="source"))
