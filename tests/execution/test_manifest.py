from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pairforge.execution.ledger import Ledger
from pairforge.execution.manifest import (
    Manifest,
    counted_in,
    installed_versions,
    manifest_path,
    quantiles_in,
    read_manifest,
)
from pairforge.execution.origin import Origin

ORIGIN = Origin(step="mine", version=1, options={"k": 3}, files_in_options={}, inputs={}, models={})


def manifest_of(ledger: Ledger) -> Manifest:
    return Manifest.model_validate({
        "fingerprint": ORIGIN.fingerprint, "origin": ORIGIN, "outputs": {}, "rows_in": {"pairs": 3},
        "counted": counted_in(ledger), "quantiles": quantiles_in(ledger), "seconds": 1.5,
        "started": "2025-01-01T00:00:00Z", "finished": "2025-01-01T00:00:02Z", "versions": installed_versions(),
    })  # fmt: skip


@given(st.lists(st.floats(-1, 1), max_size=20))
def test_manifest_gives_the_ledger_back(similarities: list[float]) -> None:
    ledger = Ledger(dropped={"too_long": 2}, counts={"anchors": 4}, notes=["Größe ≥ 3."])
    ledger.observe("positives", similarities)
    restored = Manifest.model_validate_json(manifest_of(ledger).model_dump_json()).ledger
    assert restored.to_json() == ledger.to_json()


def test_manifest_lies_beside_files_and_folders(tmp_path: Path) -> None:
    assert manifest_path(tmp_path / "a.parquet").name == "a.parquet.manifest.json"
    assert manifest_path(tmp_path / "a.model").name == "a.model.manifest.json"


def test_manifest_is_read_as_it_was_written_and_none_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    assert read_manifest(path) is None
    manifest = manifest_of(Ledger())
    manifest.write(path)
    assert read_manifest(path) == manifest
    path.write_text(path.read_text()[:-20])
    assert read_manifest(path) is None


def test_versions_of_what_decides_an_output_are_recorded() -> None:
    assert {"python", "pairforge", "polars", "torch"} <= set(installed_versions())
