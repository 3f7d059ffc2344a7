"""Reads hub sources in a process of its own, since the hub's libraries read their settings once; prints JSON."""

from __future__ import annotations

import json
import sys

from pairforge.errors import FileError
from pairforge.files import digest_source, read_frame, source_exists


def answer(source: str) -> dict[str, object]:
    try:
        source_exists(source)
        return {"digest": digest_source(source), "rows": read_frame(source).rows()}
    except FileError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    print(json.dumps({source: answer(source) for source in sys.argv[1:]}))  # noqa: T201
