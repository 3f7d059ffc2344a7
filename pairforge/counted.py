"""Numbers of things, in sentences."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and what it counts: "1 row", "1,204 rows".

    Args:
        number: How many.
        one: The thing.
        many: Several of it; with an s if not given.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
