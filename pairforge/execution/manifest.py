"""The manifest beside every output: what made it, from what, how, and what was counted; its presence means done."""

from __future__ import annotations

import platform
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pairforge.errors import FileError
from pairforge.execution.ledger import Ledger
from pairforge.execution.origin import Origin
from pairforge.files import read_json, write_json

_RECORDED_PACKAGES = ("pairforge", "polars", "numpy", "torch", "sentence-transformers", "transformers", "faiss-cpu")


class OutputRecord(BaseModel):
    """One output: its path from the manifest's folder, its content, and of a frame the rows and columns."""

    model_config = ConfigDict(frozen=True)

    path: str
    digest: str
    rows: int | None = None
    columns: tuple[str, ...] | None = None


class Counted(BaseModel):
    """A ledger, each histogram on one line as "bin:count bin:count …"."""

    model_config = ConfigDict(frozen=True)

    dropped: dict[str, int]
    counts: dict[str, int]
    distributions: dict[str, Annotated[str, Field(pattern=r"^(\d+:\d+( \d+:\d+)*)?$")]]
    notes: tuple[str, ...]


class Manifest(BaseModel):
    """All that is known of one run of a stage; enough to run it again.

    Args:
        fingerprint: Of the origin.
        origin: Step, version, options, inputs and models.
        outputs: By name, the main one first.
        rows_in: Rows read, by input role.
        counted: The ledger: rows dropped by reason, other counts, notes, and distributions as histograms.
        quantiles: Of each distribution, for people to read.
        seconds: How long the work took, over the last run only if it was resumed.
        started: When that run began, in UTC.
        finished: When it ended, in UTC.
        versions: Of Python and the packages installed.
    """

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    origin: Origin
    outputs: dict[str, OutputRecord]
    rows_in: dict[str, int]
    counted: Counted
    quantiles: dict[str, dict[str, float]]
    seconds: float
    started: datetime
    finished: datetime
    versions: dict[str, str]

    @property
    def ledger(self) -> Ledger:
        """What was counted."""
        unpacked = {
            name: dict(entry.split(":") for entry in packed.split())
            for name, packed in self.counted.distributions.items()
        }
        bins = {name: {place: int(number) for place, number in entries.items()} for name, entries in unpacked.items()}
        return Ledger.from_json({**self.counted.model_dump(), "distributions": bins})

    @property
    def rows_out(self) -> dict[str, int]:
        """Output name → rows, of the frames."""
        return {name: record.rows for name, record in self.outputs.items() if record.rows is not None}

    def write(self, path: Path) -> None:
        """Write it, atomically."""
        write_json(self.model_dump(mode="json"), path)


def manifest_path(main_output: Path) -> Path:
    """Where the manifest of an output lies."""
    return main_output.with_name(f"{main_output.name}.manifest.json")


def read_manifest(path: Path) -> Manifest | None:
    """A manifest, or None where there is none that can be read."""
    try:
        return Manifest.model_validate(read_json(path))
    except (FileError, ValidationError):
        return None


def counted_in(ledger: Ledger) -> Counted:
    """A ledger as the manifest keeps it."""
    stored = ledger.to_json()
    packed = {
        name: " ".join(f"{place}:{number}" for place, number in bins.items())
        for name, bins in stored["distributions"].items()
    }
    return Counted.model_validate({**stored, "distributions": packed})


def quantiles_in(ledger: Ledger) -> dict[str, dict[str, float]]:
    """Distribution → quantile → similarity."""
    return {name: distribution.quantiles() for name, distribution in ledger.distributions.items()}


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide an output, as installed; nothing is imported."""
    versions = {"python": platform.python_version()}
    for package in _RECORDED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
