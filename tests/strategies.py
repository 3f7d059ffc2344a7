"""Examples that several tests draw."""

from __future__ import annotations

from hypothesis import strategies as st

# Few distinct values, so that most examples have ties.
tied_numbers = st.integers(-3, 3).map(lambda number: number / 2)


@st.composite
def two_columns(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Two columns of one length, neither of them constant, with ties in most examples."""
    rows = draw(st.integers(3, 40))
    column = st.lists(tied_numbers, min_size=rows, max_size=rows).filter(lambda values: len(set(values)) > 1)
    return draw(column), draw(column)
