"""Values of options as they are given: one by one, or several with commas."""

from __future__ import annotations


def listed(given: object) -> object:
    """Values from the command line, one by one or with commas; from Python and recipes as a list, or one alone."""
    if isinstance(given, int | float | str):
        given = (given,)
    if not isinstance(given, tuple | list):
        return given
    return tuple(value for part in given for value in (part.split(",") if isinstance(part, str) else (part,)))
