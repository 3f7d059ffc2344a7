from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pairforge.errors import FileError
from pairforge.files import read_frame
from tests.files import hub_reader
from tests.files.hub_server import serve_hub

READABLE = {
    "hub:glue/mnli:train": [["train of mnli", 0]],
    "hub:nyu-mll/glue/mnli:train": [["train of mnli", 0]],
    "hub:nyu-mll/glue/mnli:test": [["test of mnli", 0]],
    "hub:owner/stsb:train": [["train of stsb", 0], ["more", 1]],
    "hub:owner/stsb:train[:1]": [["train of stsb", 0]],
}
"""Source → its rows; the first three are read from one dataset, by its old and its new name."""

WRONG = {
    "hub:glue/mnli:dev": "has no split 'dev' (found: train, test)",
    "hub:nowhere:train": "the hub knows no such dataset",
    "hub:no/where:train": "'no/where' doesn't exist on the Hub",
    "hub:glue/nothing:train": "'nothing' not found. Available: ['mnli', 'sst2']",
    "hub:csv:train": "the hub knows no such dataset",
    "hub:owner/stsb:train[:x]": "cannot be read (Unrecognized instruction format",
}

CARD = """---
configs:
- {config_name: mnli, data_files: [{split: train, path: mnli/train.parquet}, {split: test, path: mnli/test.parquet}]}
- {config_name: sst2, data_files: [{split: train, path: sst2/train.parquet}]}
---
"""


def parquet(rows: list[tuple[str, int]]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(rows, schema={"premise": pl.String, "label": pl.Int64}, orient="row").write_parquet(buffer)
    return buffer.getvalue()


REPOSITORIES = {
    "nyu-mll/glue": {
        "README.md": CARD.encode(),
        "mnli/train.parquet": parquet([("train of mnli", 0)]),
        "mnli/test.parquet": parquet([("test of mnli", 0)]),
        "sst2/train.parquet": parquet([("train of sst2", 0)]),
    },
    "owner/stsb": {"data/train.parquet": parquet([("train of stsb", 0), ("more", 1)])},
}


def read(sources: list[str], home: Path, **settings: str) -> dict[str, Any]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment = {**inherited, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, hub_reader.__file__, *sources]
    done = subprocess.run(command, env={**environment, **settings}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def online(home: Path) -> Iterator[dict[str, Any]]:
    with serve_hub(REPOSITORIES, moved={"glue": "nyu-mll/glue"}) as address:
        yield read([*READABLE, *WRONG], home, HF_ENDPOINT=address)


@pytest.fixture(scope="module")
def offline(online: dict[str, Any], home: Path) -> dict[str, Any]:
    return read([*READABLE, "hub:nowhere:train", "hub:glue/mnli:dev"], home, HF_HUB_OFFLINE="1")


@pytest.mark.parametrize("source", READABLE)
def test_a_dataset_is_read_from_the_hub(online: dict[str, Any], source: str) -> None:
    assert online[source]["rows"] == READABLE[source]


@pytest.mark.parametrize("source", READABLE)
def test_without_a_network_the_local_cache_gives_the_same_rows_and_digest(
    online: dict[str, Any], offline: dict[str, Any], source: str
) -> None:
    assert offline[source] == online[source]


def test_one_dataset_has_one_digest_whatever_it_is_called(online: dict[str, Any]) -> None:
    digests = {source: online[source]["digest"] for source in READABLE}
    assert digests["hub:glue/mnli:train"] == digests["hub:nyu-mll/glue/mnli:train"]
    assert len(set(digests.values())) == len(digests) - 1


@pytest.mark.parametrize("source", WRONG)
def test_a_wrong_name_gets_one_sentence(online: dict[str, Any], source: str) -> None:
    message = online[source]["error"]
    assert message.startswith(f"{source}: ")
    assert WRONG[source] in message
    assert "\n" not in message


def test_without_a_network_an_unknown_dataset_says_what_to_do(offline: dict[str, Any]) -> None:
    assert (
        "the hub cannot be reached, and no such dataset is in the local cache" in offline["hub:nowhere:train"]["error"]
    )
    assert "has no split 'dev' (found: train, test)" in offline["hub:glue/mnli:dev"]["error"]


@pytest.mark.parametrize("source", ["hub:", "hub:glue", "hub:glue:", "hub:a/b/c/d:train", "hub:/glue:train"])
def test_a_malformed_source_shows_the_form(source: str) -> None:
    with pytest.raises(FileError, match=r"not of the form hub:NAME\[/CONFIG\]:SPLIT"):
        read_frame(source)
