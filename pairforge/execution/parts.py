"""Parts: how a stage whose rows are independent is cut, kept while it runs, resumed and merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pairforge.errors import FileError
from pairforge.execution.ledger import Ledger
from pairforge.files import Rows, open_frames, read_frame, read_json, write_frame, write_json
from pairforge.files.digests import digest_bytes
from pairforge.files.slices import StackedRows

PART_ROWS = 8_192
"""Rows in one part, unless the user says otherwise."""


@dataclass(frozen=True)
class Part:
    """A run of input rows: `rows` of them from ordinal `first_row`, counted from 0."""

    number: int
    first_row: int
    rows: int


def cut(rows: int, part_rows: int) -> list[Part]:
    """The parts of an input, each of `part_rows` rows but the last."""
    starts = range(0, rows, part_rows)
    return [Part(number, start, min(part_rows, rows - start)) for number, start in enumerate(starts)]


class PartStore:
    """Finished parts in a folder, each a frame and, written after it, a ledger that vouches for the frame."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def is_finished(self, part: Part) -> bool:
        """Whether the part was kept whole; one that was cut otherwise does not count."""
        kept = self._kept(part)
        frame = self._frame(part)
        return (
            kept is not None
            and (kept["first_row"], kept["rows"]) == (part.first_row, part.rows)
            and frame.exists()
            and digest_bytes(frame) == kept["digest"]
        )

    def keep(self, part: Part, frame: pl.DataFrame, ledger: Ledger) -> None:
        """Keep a part's result; a kill in between leaves it unfinished, a power cut soon after at worst too."""
        digest = write_frame(frame, self._frame(part), flushed=False)
        kept = {"first_row": part.first_row, "rows": part.rows, "digest": digest, "ledger": ledger.to_json()}
        write_json(kept, self._ledger(part), flushed=False)

    def read(self, part: Part) -> tuple[pl.DataFrame, Ledger]:
        """A finished part's result and what it counted."""
        return read_frame(self._frame(part)), Ledger.from_json(read_json(self._ledger(part))["ledger"])

    def keep_preparation(self, ledger: Ledger) -> None:
        """Keep what was counted before the first part."""
        write_json(ledger.to_json(), self._preparation)

    @property
    def is_prepared(self) -> bool:
        """Whether the count of the preparation was kept."""
        return self._preparation.exists()

    def merge(self, parts: Sequence[Part], ledger: Ledger) -> Rows:
        """The rows of all parts in order, read in slices; the ledger gets their counts, the preparation's first.

        A part that kept no row has no say in the columns' types, unless all of them are so.
        """
        ledger.merge(Ledger.from_json(read_json(self._preparation)))
        for part in parts:
            ledger.merge(Ledger.from_json(read_json(self._ledger(part))["ledger"]))
        made = [open_frames([str(self._frame(part))]) for part in parts]
        return StackedRows([rows for rows in made if rows.height] or made[:1])

    def _kept(self, part: Part) -> dict[str, Any] | None:
        try:
            return dict(read_json(self._ledger(part))) if self._ledger(part).exists() else None
        except FileError:
            return None

    def _frame(self, part: Part) -> Path:
        return self._folder / f"part-{part.number:05}.parquet"

    def _ledger(self, part: Part) -> Path:
        return self._folder / f"part-{part.number:05}.json"

    @property
    def _preparation(self) -> Path:
        return self._folder / "preparation.json"
